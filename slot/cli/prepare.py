"""Everything that `slotctl up` makes sure of before it starts anything, so that nothing is ever half started.

    1. the profile is right, and is no mere base
    2. the options fit it: faults are for the simulator, and of a kind that it has
    3. the model, the engine and both ports are there (the doctor's preflight)
    4. no other supervisor runs this slot
Only then are directories made, and the active profile written.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import typer

from slot import lock
from slot.atomic_file import write_atomically
from slot.cli.banner import ANY_ADDRESS, Address
from slot.cli.host_checks import subject_of
from slot.cli.places import command_for, profile_named
from slot.cli.refusal import Refused
from slot.cli.terminal import LEVEL_COLORS, colored
from slot.cli.up import Plan
from slot.doctor import ports
from slot.doctor.examination import face_of_line, preflight, simulator_refusal
from slot.doctor.finding import Finding, Level
from slot.doctor.subject import Subject
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.profiles import keys
from slot.profiles.catalog import flatten
from slot.profiles.profile import Profile


def prepare(
    name: str,
    paths: Paths,
    *,
    simulate: bool,
    faults: Sequence[str],
    seed: int,
    host: str | None,
    port: int | None,
    engine_port: int | None,
    is_verbose: bool,
) -> Plan:
    """Raises Refused, UnknownProfile, ProfileError, OSError."""
    profile = servable(profile_named(name, paths.catalog_dir))  # 1
    command = command_for(profile, paths, simulate=simulate, faults=faults, seed=seed, port=engine_port)  # 2
    subject = with_doors(subject_of(profile, paths, simulate=simulate), host, port, engine_port)
    subject = replace(subject, command=command)
    refuse_bad_faults(subject)
    look_around(subject)  # 3
    refuse_second_slot(paths)  # 4
    activate(profile, paths.active_profile)
    door = subject.doors[1]
    return Plan(
        profile=profile,
        paths=paths,
        address=address_of(door, os.environ),
        slot_options=slot_options(simulate, faults, seed, engine_port),
        simulated=command.simulated,
        is_verbose=is_verbose,
    )


def servable(profile: Profile) -> Profile:
    if profile.status_family == "base":
        facts = (("found", "status base"), ("do", "`slotctl list` shows the profiles that serve"))
        raise Refused(ExitCode.CONFIG, f"{profile.name} is only there to be extended", facts)
    if profile.status_family in keys.ADVISED_AGAINST:
        warn(f"{profile.name} is {profile.status}: {profile.status_reason}")
    return profile


def with_doors(subject: Subject, host: str | None, port: int | None, engine_port: int | None) -> Subject:
    """The ports that will be used; a busy one is nobody's own here."""
    engine, door = subject.doors
    engine = replace(engine, port=engine_port or engine.port, setting="--engine-port")
    door = replace(door, host=host or door.host, port=port or door.port, setting="--port")
    return replace(subject, doors=(engine, door), host=replace(subject.host, own=lambda holder: False))


def refuse_bad_faults(subject: Subject) -> None:
    if not subject.command.simulated:
        return
    refusal = simulator_refusal(subject.words, face_of_line(None))
    if refusal is not None:
        raise Refused(ExitCode.USAGE, "the simulator refuses its command line", (("found", refusal),))


def look_around(subject: Subject) -> None:
    """Says what the admin should know, and refuses what cannot work: all of it at once."""
    findings = [finding for finding in preflight(subject) if finding.level != Level.OK]
    for finding in findings:
        if finding.level == Level.WARN:
            warn(f"{finding.check}: {finding.looked_at}: {finding.found}; {finding.do}")
    failed = [finding for finding in findings if finding.level == Level.FAIL]
    if failed:
        facts = tuple(fact for finding in failed for fact in facts_of(finding))
        raise Refused(exit_code_of(failed), f"cannot serve {subject.profile.name}", facts)


def facts_of(finding: Finding) -> tuple[tuple[str, str], ...]:
    return (
        ("where", finding.looked_at),
        ("found", finding.found),
        ("expected", finding.expected),
        ("do", finding.do),
    )


def exit_code_of(failed: Sequence[Finding]) -> ExitCode:
    """A port that is taken may be free later; what the profile names and the host lacks must be changed by somebody."""
    return ExitCode.CANNOT_CREATE if all(finding.check == ports.CHECK for finding in failed) else ExitCode.CONFIG


def refuse_second_slot(paths: Paths) -> None:
    paths.run_dir.mkdir(parents=True, exist_ok=True)
    held = lock.holder(paths.lock_file)
    if held is not None:
        facts = (
            ("found", str(held)),
            ("expected", "no other slot with this run directory"),
            ("do", "stop it first, or set SLOT_RUN_DIR to run a second one"),
        )
        raise Refused(ExitCode.CANNOT_CREATE, "this slot runs already", facts)


def activate(profile: Profile, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, flatten(profile).encode())
    except OSError as exc:
        facts = (("found", str(exc.strerror)), ("do", "run as its owner, or set SLOT_ACTIVE_PROFILE"))
        raise Refused(ExitCode.IO_ERROR, f"cannot write the active profile {path}", facts) from exc


def slot_options(simulate: bool, faults: Sequence[str], seed: int, engine_port: int | None) -> tuple[str, ...]:
    words = ["--simulate"] if simulate else []
    words += [word for fault in faults for word in ("--fault", fault)]
    words += ["--seed", str(seed)]
    return (*words, *(("--engine-port", str(engine_port)) if engine_port is not None else ()))


def address_of(door: ports.Door, environment: Mapping[str, str]) -> Address:
    """The frontdoor gets this process's settings for keys and certificate."""
    return Address(
        door.host,
        door.port,
        lan_address() if door.host in ANY_ADDRESS else None,
        environment.get("FRONTDOOR_API_KEYS_FILE") or None,
        environment.get("FRONTDOOR_TLS_CERTIFICATE") or None,
    )


def lan_address() -> str | None:
    """The address that this host would use towards others. Connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737): only the route to it matters
        except OSError:
            return None
        return str(probe.getsockname()[0])


def warn(text: str) -> None:
    typer.echo(f"{colored('warn', LEVEL_COLORS['warn'])}  {text}", err=True)
