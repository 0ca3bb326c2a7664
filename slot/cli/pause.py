"""`slotctl pause`, `resume` and `drain`: the frontdoor's own verbs, over its control socket."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import typer

from slot import units
from slot.cli.refusal import Refused
from slot.cli.service import paths_of_what_runs
from slot.cli.status import SOCKET, likely_socket
from slot.exit_codes import ExitCode
from slot.switch.door import MAX_REASON, Door, Left, NobodyThere, NotDone, Reply

RESULTS = {Reply.DONE: ExitCode.OK, Reply.RESUMED: ExitCode.OVERRULED}


def pause(reason: str, *, as_json: bool) -> ExitCode:
    """Raises Refused."""
    if not 0 < len(reason) <= MAX_REASON or not reason.isprintable():
        facts = (("found", repr(reason)), ("expected", f"one line of 1 to {MAX_REASON} characters"))
        raise Refused(ExitCode.USAGE, "clients cannot be told this reason", facts)
    with the_door() as door:
        door.pause(reason)
    return say("paused; open it again with: slotctl resume", {"paused": True, "reason": reason}, as_json=as_json)


def resume(*, as_json: bool) -> ExitCode:
    """Raises Refused."""
    with the_door() as door:
        door.resume()
    return say("resumed: generations are admitted", {"paused": False}, as_json=as_json)


def drain(timeout_s: float | None, *, as_json: bool) -> ExitCode:
    """Tells how many are left until nobody is. Raises Refused."""
    left: Left | None = None
    try:
        with the_door() as door:
            for left in door.drain(timeout_s):
                say(words_of(left), asdict(left), as_json=as_json)
    except KeyboardInterrupt:
        typer.echo("no longer watching; it stays paused until: slotctl resume", err=True)
        return ExitCode.FAILED
    return RESULTS.get(left.reply, ExitCode.FAILED) if left is not None else ExitCode.FAILED


def words_of(left: Left) -> str:
    count = f"{left.active} active, {left.waiting} waiting"
    match left.reply:
        case Reply.DONE:
            return "drained: nobody is left; it stays paused until: slotctl resume"
        case Reply.TIMEOUT:
            return f"not drained in time: {count}; it stays paused until: slotctl resume"
        case Reply.RESUMED:
            return f"not drained: somebody has resumed meanwhile; {count}"
        case _:
            return f"{count}, the oldest for {left.oldest_s:.0f} s"


def say(words: str, data: dict[str, object], *, as_json: bool) -> ExitCode:
    typer.echo(json.dumps(data) if as_json else words)
    return ExitCode.OK


@contextmanager
def the_door() -> Iterator[Door]:
    """The frontdoor of the slot that runs; what goes wrong with it is said. Raises Refused."""
    path = likely_socket(paths_of_what_runs(time.time()), os.environ)
    try:
        yield Door(path)
    except NobodyThere as exc:
        facts = (("found", str(exc)), ("do", way_in(path)))
        raise Refused(ExitCode.UNAVAILABLE, "the frontdoor cannot be told", facts) from None
    except NotDone as exc:
        raise Refused(ExitCode.FAILED, f"the frontdoor has not done it: {exc}") from None


def way_in(path: Path) -> str:
    if path.exists() and not os.access(path, os.W_OK):
        return f"sudo slotctl ..., or become a member of {units.OPERATORS}"
    return f"systemctl start b70-openai-frontdoor; beside `slotctl up`: start that with {SOCKET}=PATH"
