"""What `slotctl install`, `upgrade` and `uninstall` have in common: who may, what is wanted, and how it is told.

1. without root nothing is done: the line to paste is shown, and no password is asked for
2. without systemd nothing is done
3. `--dry-run` needs neither, and shows the very same deeds
"""

from __future__ import annotations

import pwd
import re
import shlex
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import typer

from slot import paths as where
from slot import units
from slot.cli.places import catalog_in
from slot.cli.refusal import Refused
from slot.cli.systemd import refuse_without_systemd
from slot.exit_codes import ExitCode
from slot.install import places, sandbox
from slot.install.apply import NotDone, Say, apply, is_root
from slot.install.look import UnreadableRecord, program_changed_at, world
from slot.install.ownership import CannotInstall
from slot.install.wanted import Operation, Record, Wanted, World
from slot.profiles.catalog import Catalog
from slot.profiles.problems import ProfileError
from slot.profiles.profile import Profile

# what a path in a unit may hold without being read as something else (systemd.syntax(7), systemd.unit(5))
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+@~-]+")


def look_around(*, dry_run: bool) -> World:
    """Raises Refused."""
    if not dry_run:
        _refuse_without_root()
        refuse_without_systemd()
    try:
        return world()
    except UnreadableRecord as exc:
        facts = (("found", str(exc)), ("do", "mend it, or remove it: what else is ours is found without it"))
        raise Refused(ExitCode.IO_ERROR, "the record of the installation cannot be read", facts) from exc
    except units.Refusal as exc:
        raise Refused(ExitCode.UNAVAILABLE, "systemd does not answer", (("found", exc.words),)) from exc


def wanted_here(
    record: Record,
    catalog_dir: Path,
    *,
    active_profile: str | None = None,
    enable: bool = False,
    start: bool = False,
) -> Wanted:
    """`record`: user, port and the like as they shall be. Raises Refused."""
    catalog_dir = _plain(catalog_dir.absolute(), "the catalog of profiles")
    home = _plain(_home_of(record.user), f"the home of {record.user}")
    catalog = profiles_in(catalog_dir)
    own = programs()
    engines = sandbox.engines_of(catalog, places.DATA_DIR, home)
    every = (*own, *(base for engine in engines if (base := base_of(engine))), catalog_dir)
    is_shipped = catalog_dir == where.shipped("configs/model-slots")
    directory = bin_dir()
    return Wanted(
        unit_texts={unit: (where.shipped("deploy/systemd") / unit).read_text() for unit in places.UNITS},
        bin_dir=directory,
        commands=tuple(name for name in places.COMMANDS if (directory / name).is_file()),
        changed_at=program_changed_at(),
        programs=sandbox.for_programs(own),
        engine=sandbox.for_engine(every, catalog, places.DATA_DIR, home, is_login=record.user != places.SLOT_USER),
        active_profile=active_profile,
        catalog_dir=None if is_shipped else catalog_dir,
        user=record.user,
        home=home,
        port=record.port,
        simulate=record.simulate,
        enable=enable,
        start=start,
    )


def catalog_of(record: Record, paths: where.Paths) -> Path:
    """The catalog that the services use, whatever the shell says that asks."""
    return Path(record.catalog_dir) if record.catalog_dir else paths.catalog_dir


def profiles_in(catalog_dir: Path) -> list[Profile]:
    """Those that can be read; what is wrong with the others is `slotctl check`'s to say."""
    catalog: Catalog = catalog_in(catalog_dir)
    found = []
    for name in catalog.names():
        try:
            found.append(catalog.load(name))
        except ProfileError:
            continue
    return found


def bin_dir() -> Path:
    """Where this very slotctl lies, with the frontdoor beside it: what the units will start. Raises Refused."""
    directory = Path(sysconfig.get_path("scripts"))
    missing = [name for name in ("slotctl", "frontdoor") if not (directory / name).is_file()]
    if missing:
        facts = (("found", f"no {' and no '.join(missing)} in {directory}"), ("do", "install the package into a venv"))
        raise Refused(ExitCode.CONFIG, "the units would have nothing to start", facts)
    return _plain(directory, "the directory of the programs")


def _plain(path: Path, what: str) -> Path:
    if not _PLAIN_PATH.fullmatch(str(path)):
        facts = (("found", str(path)), ("expected", "letters, digits and ./_+@~-"), ("do", "choose another place"))
        raise Refused(ExitCode.CONFIG, f"{what} cannot stand in a unit", facts)
    return path


def programs() -> tuple[Path, ...]:
    """The directories that slotctl and frontdoor run from: venv, its Python, and the checkout if it is one."""
    found = [Path(sys.prefix), Path(sys.base_prefix), where.PACKAGE_DIR.parent]
    return tuple(dict.fromkeys(path for each in found for path in (each, each.resolve())))


def base_of(venv: Path) -> Path | None:
    """The Python that a venv is made of, if that can be read."""
    try:
        text = (venv / "pyvenv.cfg").read_text()
    except OSError:
        return None
    found = re.search(r"^home\s*=\s*(.+)$", text, re.MULTILINE)
    return Path(found[1].strip()).parent if found else None


def carry_out(operations: Sequence[Operation], notes: Sequence[str], *, dry_run: bool, as_json: bool) -> int:
    """Does and tells it. Raises Refused."""
    say: Say = _nothing if as_json else typer.echo
    if dry_run:
        for operation in operations:
            say(f"would {operation}")
    else:
        _apply(operations, say)
    if as_json:
        _echo_json(operations, notes, dry_run=dry_run)
        return ExitCode.OK
    for note in notes:
        say(f"note: {note}")
    if not operations:
        say("nothing to do: it is as it should be")
    return ExitCode.OK


def _nothing(text: str) -> None:
    """The JSON tells it all at the end."""


def refused(exc: CannotInstall) -> Refused:
    return Refused(ExitCode.FAILED, str(exc), (("found", exc.found), ("do", exc.do)))


def _apply(operations: Sequence[Operation], say: Say) -> None:
    try:
        apply(operations, say)
    except NotDone as exc:
        code = ExitCode(exc.exit_status) if exc.exit_status in list(ExitCode) and exc.exit_status else ExitCode.FAILED
        do = (
            "`slotctl status` and `slotctl logs` say why"
            if exc.exit_status
            else "mend it, then the same command again does the rest"
        )
        raise Refused(code, f"not done: {exc.operation}", (("found", exc.words), ("do", do))) from exc


def _echo_json(operations: Sequence[Operation], notes: Sequence[str], *, dry_run: bool) -> None:
    import json

    told = {"dry_run": dry_run, "operations": [str(each) for each in operations], "notes": list(notes)}
    typer.echo(json.dumps(told, indent=2))


def _refuse_without_root() -> None:
    if is_root():
        return
    line = shlex.join(["sudo", str(bin_dir() / "slotctl"), *sys.argv[1:]])
    facts = (("expected", "root"), ("do", line))
    raise Refused(ExitCode.FAILED, "only root may install services", facts)


def _home_of(user: str) -> Path:
    if user == places.SLOT_USER:
        return places.DATA_DIR
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise Refused(ExitCode.USAGE, f"--user: there is no user {user}") from None
    if entry.pw_uid == 0:
        raise Refused(ExitCode.USAGE, "--user: the engine runs other people's code, and never as root")
    return Path(entry.pw_dir)
