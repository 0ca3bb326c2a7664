"""`slotctl`: runs a verb, and turns what went wrong into a sentence and an exit code. Never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from slot.cli.app import app
from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode

INTERRUPTED = 130  # what typer makes of a Ctrl-C; `slotctl up` handles its own, for the others it means: not done


def main(words: Sequence[str] | None = None) -> None:
    """`words`: instead of those of the command line."""
    try:
        app(args=None if words is None else list(words), prog_name="slotctl")
    except SystemExit as exc:
        sys.exit(ExitCode.FAILED if exc.code == INTERRUPTED else exc.code)
    except Exception as exc:  # the last place that can turn it into a sentence
        if os.environ.get("SLOTCTL_TRACEBACK"):
            raise
        code, message = explained(exc)
        typer.echo(f"slotctl: {message}", err=True)
        sys.exit(code)


def explained(exc: Exception) -> tuple[ExitCode, str]:
    if isinstance(exc, Refused):
        return exc.code, str(exc)
    # imported here: most calls end well, or are refused
    from slot.profiles.problems import ProfileError, UnknownProfile
    from slot.state import UnreadableState
    from slot.switch.journal import UnreadableJournal
    from slot.units import Refusal

    match exc:
        case UnknownProfile():
            return ExitCode.NO_INPUT, f"{exc}\n  do  `slotctl list` shows the names"
        case ProfileError():
            return ExitCode.CONFIG, "the profile is bad:\n" + "\n".join(f"  {problem}" for problem in exc.problems)
        case Refusal():
            return ExitCode.UNAVAILABLE, str(Refused(ExitCode.UNAVAILABLE, exc.words, (("found by", "systemctl"),)))
        case UnreadableState() | UnreadableJournal():
            return ExitCode.IO_ERROR, str(exc)
        case OSError():
            return ExitCode.IO_ERROR, str(unusable(exc))
        case _:
            hint = "a fault of slotctl itself; SLOTCTL_TRACEBACK=1 shows where"
            return ExitCode.FAILED, f"{type(exc).__name__}: {exc}\n  {hint}"


def unusable(exc: OSError) -> Refused:
    """Files and directories come from the places of `slot.paths`, and so does what to do about them."""
    found = f"{exc.filename or 'input or output'}: {exc.strerror or exc}"
    do = "run as the user whose slot it is, or choose other places: SLOT_RUN_DIR, SLOT_DATA_DIR, SLOT_ACTIVE_PROFILE"
    facts = (("found", found), ("expected", "a place that this user may read and write"), ("do", do))
    return Refused(ExitCode.IO_ERROR, "a file or directory cannot be used", facts)


if __name__ == "__main__":
    main()
