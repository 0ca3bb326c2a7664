"""`slotctl import OLD.env`: a shell profile of the predecessor as one of ours, and what could not be carried over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import typer

from slot.atomic_file import write_atomically
from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode
from slot.profiles.importer import Imported, convert
from slot.profiles.keys import PROFILE_NAME


def import_profile(old: Path, *, output: Path | None, force: bool, as_json: bool) -> ExitCode:
    """Prints the profile, or writes it to `output`. CONFIG where it still has problems. Raises Refused, OSError."""
    imported = convert(text_of(old), old.name)
    refuse_bad_name(imported)
    if output is not None:
        write(imported, output / f"{imported.name}.env" if output.is_dir() else output, force=force)
    if as_json:
        typer.echo(json.dumps(asdict(imported), indent=2))
    else:
        if output is None:
            typer.echo(imported.text, nl=False)
        typer.echo("\n".join(report(imported)), err=True)
    return ExitCode.CONFIG if imported.problems else ExitCode.OK


def text_of(old: Path) -> str:
    try:
        return old.read_text()
    except FileNotFoundError:
        raise Refused(ExitCode.NO_INPUT, f"there is no {old}") from None
    except UnicodeDecodeError as exc:
        facts = (("found", str(exc)), ("expected", "a shell script in UTF-8"))
        raise Refused(ExitCode.CONFIG, f"{old} cannot be read", facts) from None


def refuse_bad_name(imported: Imported) -> None:
    if not PROFILE_NAME.fullmatch(imported.name):
        facts = (
            ("found", repr(imported.name)),
            ("expected", "lower-case letters, digits, '-' and single '.'"),
            ("do", "rename the file, or its MODEL_SLOT_NAME"),
        )
        raise Refused(ExitCode.CONFIG, "the profile would have a name that no profile may have", facts)


def write(imported: Imported, output: Path, *, force: bool) -> None:
    """A profile's file has its name, and is never overwritten by accident."""
    if output.name != f"{imported.name}.env":
        facts = (("found", str(output)), ("expected", f"a file named {imported.name}.env, as the profile is"))
        raise Refused(ExitCode.USAGE, "the file and the profile would have different names", facts)
    if output.exists() and not force:
        raise Refused(ExitCode.CANNOT_CREATE, f"{output} is there already", (("do", "--force replaces it"),))
    if not output.parent.is_dir():
        raise Refused(ExitCode.CANNOT_CREATE, f"there is no directory {output.parent}", (("do", "make it first"),))
    write_atomically(output, imported.text.encode())


def report(imported: Imported) -> Iterator[str]:
    if not imported.not_carried and not imported.problems:
        yield f"{imported.name}: everything was carried over"
    if imported.not_carried:
        yield f"{imported.name}: not carried over:"
    for left in imported.not_carried:
        yield f"  line {left.line}: {left.text}"
        yield f"    {left.reason}"
    if imported.problems:
        yield f"{imported.name}: still to be mended by hand:"
    yield from (f"  {problem}" for problem in imported.problems)
