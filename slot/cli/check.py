"""`slotctl check`: is the profile right in itself, and with `--here`: could this host serve it?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from slot.cli.places import active_profile, catalog_in, profile_named
from slot.cli.refusal import Refused
from slot.cli.terminal import LEVEL_COLORS, colored, counted
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.profiles.catalog import SUFFIX, Catalog
from slot.profiles.problems import Problem, ProfileError
from slot.profiles.profile import Profile

if TYPE_CHECKING:
    from slot.doctor.finding import Finding


@dataclass
class Report:
    """What is said of one profile; `profile` is None where its file has problems."""

    target: str
    profile: Profile | None
    problems: tuple[Problem, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        if self.problems:
            return ExitCode.CONFIG
        return ExitCode.FAILED if any(finding.level == "fail" for finding in self.findings) else ExitCode.OK

    def as_data(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "ok": self.exit_code == ExitCode.OK,
            "name": self.profile.name if self.profile else None,
            "sha256": self.profile.sha256 if self.profile else None,
            "problems": [asdict(problem) for problem in self.problems],
            "findings": [asdict(finding) for finding in self.findings],
        }


def check(
    targets: Sequence[str], paths: Paths, *, everything: bool, here: bool, simulate: bool, fstab: Path, as_json: bool
) -> ExitCode:
    """Raises Refused and UnknownProfile for a target that is not there."""
    if everything:
        targets = [*targets, *catalog_in(paths.catalog_dir).names()]
    reports = [report_on(target, paths) for target in targets or [str(paths.active_profile)]]
    for report in reports:
        findings = look_here(report.profile, paths, fstab, simulate) if here and report.profile else ()
        if as_json:
            report.findings.extend(findings)
        else:
            tell(report, findings)
    if as_json:
        typer.echo(json.dumps([report.as_data() for report in reports], indent=2))
    return max((report.exit_code for report in reports), default=ExitCode.OK)


def report_on(target: str, paths: Paths) -> Report:
    try:
        return Report(target, load(target, paths))
    except ProfileError as exc:
        return Report(target, None, exc.problems)


def load(target: str, paths: Paths) -> Profile:
    """A target is a file where there is one with a suffix or in a directory, and otherwise a profile's name."""
    if target == str(paths.active_profile):
        return active_profile(paths.active_profile)
    path = Path(target)
    if (path.suffix or path.parent != Path()) and path.is_file():
        return Catalog(path.parent).load_file(path)
    if path.suffix == SUFFIX or "/" in target:
        facts = (("expected", "a profile's name, or its file"), ("do", "`slotctl list` shows the names"))
        raise Refused(ExitCode.NO_INPUT, f"there is no file {target}", facts)
    return profile_named(target, paths.catalog_dir)


def look_here(profile: Profile, paths: Paths, fstab: Path, simulate: bool) -> Iterable[Finding]:
    """A base serves nothing, so there is nothing for this host to offer it."""
    from slot.cli.host_checks import subject_of
    from slot.doctor.examination import examine

    return (
        () if profile.status_family == "base" else examine(subject_of(profile, paths, simulate=simulate, fstab=fstab))
    )


def tell(report: Report, findings: Iterable[Finding]) -> None:
    """Prints while the checks run: asking the engine may take a while."""
    if report.profile is not None:
        tell_line("ok", f"{report.profile.name}  sha256 {report.profile.sha256}")
    else:
        tell_line("bad", f"{report.target}: {counted(len(report.problems), 'problem')}")
    for problem in report.problems:
        typer.echo(f"      {problem}")
    for finding in findings:
        report.findings.append(finding)
        tell_finding(finding)


def tell_finding(finding: Finding) -> None:
    tell_line(finding.level, f"{finding.check}: {finding.looked_at}: {finding.found}", indent="  ")
    if finding.do:
        typer.echo(f"          expected  {finding.expected}\n          do        {finding.do}")


def tell_line(level: str, text: str, *, indent: str = "") -> None:
    typer.echo(f"{indent}{colored(f'{level:<4}', LEVEL_COLORS[level])}  {text}")
