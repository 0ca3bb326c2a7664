"""`frontdoor VERB`: one command to a running frontdoor, over its control socket, for an admin and for scripts.

    frontdoor pause "new model"        frontdoor drain --timeout 60        frontdoor status
    frontdoor resume                   frontdoor cap 4                     frontdoor reload
    frontdoor replace

Exits 0 when it was done (drain: nobody is left), 1 when it was not (also: the drain's time was over, or Ctrl-C),
2 for a command line that makes no sense, 69 where no frontdoor listens on the socket or this user may not ask it,
75 when somebody resumed during the drain.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from frontdoor.admin import commands
from frontdoor.admin.commands import AnyCommand, Misunderstood, Reply
from slot.exit_codes import ExitCode
from slot.paths import UNITS_CONTROL_SOCKET

SOCKET_VARIABLE = "FRONTDOOR_CONTROL_SOCKET"
DEFAULT_SOCKET = str(UNITS_CONTROL_SOCKET)
PATIENCE_S = 60.0  # more than a new process takes to be ready; a drain says something every second
PROFILES_OWN = "profile"
EXIT_CODES = {Reply.DONE: ExitCode.OK, Reply.RESUMED: ExitCode.OVERRULED}

Answer = dict[str, Any]


class NobodyThere(Exception):
    """No frontdoor answers at the socket; the words say where and why."""


def main(words: Sequence[str]) -> int:
    """`words` begin with the verb."""
    options = parser().parse_args(words)
    command = _command(options)
    if isinstance(command, Misunderstood):
        return _complain(command.why, ExitCode.USAGE)
    path = Path(options.socket or os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET)
    answer: Answer = {}
    try:
        for answer in ask(path, command):
            _show(command.verb, answer, as_json=options.json)
    except NobodyThere as exc:
        return _complain(str(exc), ExitCode.UNAVAILABLE)
    except KeyboardInterrupt:
        return _complain(_when_left(command), ExitCode.FAILED)
    return EXIT_CODES.get(answer["reply"], ExitCode.FAILED)


def ask(path: Path, command: AnyCommand) -> Iterator[Answer]:
    """Every line of the answer, as it comes; the last is none of `progress`. Raises NobodyThere."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(os.fspath(path))
            connection.sendall(commands.encode(command))
            with connection.makefile("rb") as lines:
                for line in lines:
                    answer: Answer = json.loads(line)
                    yield answer
                    if answer["reply"] != Reply.PROGRESS:
                        return
    except (OSError, ValueError, KeyError) as exc:
        raise NobodyThere(f"{path}: {_why(exc)}") from exc
    raise NobodyThere(f"{path}: the frontdoor ended before it had answered")


def _why(exc: Exception) -> str:
    match exc:
        case FileNotFoundError() | ConnectionRefusedError():
            return "no frontdoor listens there; is it running, with FRONTDOOR_CONTROL_SOCKET set to this path?"
        case PermissionError():
            return "this user may not command it: the file's owner and group may"
        case TimeoutError():
            return f"nothing was answered for {PATIENCE_S:.0f} s"
        case ValueError() | KeyError():
            return f"what answers there is no frontdoor ({exc})"
        case _:
            return str(exc)


def _command(options: argparse.Namespace) -> AnyCommand | Misunderstood:
    """The command of the words, judged by the same rules as on the socket."""
    asked: dict[str, object] = {"verb": options.verb}
    match options.verb:
        case "pause" if options.reason is not None:
            asked["reason"] = options.reason
        case "drain":
            asked["timeout_s"] = options.timeout
        case "cap":
            asked["cap"] = None if options.cap == PROFILES_OWN else options.cap
    return commands.decode(json.dumps(asked).encode(), nothing=repr(PROFILES_OWN))


def _show(verb: str, answer: Answer, *, as_json: bool) -> None:
    text = json.dumps(answer) if as_json else _in_words(verb, answer)
    stream = sys.stdout if as_json or answer["reply"] in (Reply.PROGRESS, Reply.DONE) else sys.stderr
    stream.write(f"{text}\n")
    stream.flush()


def _in_words(verb: str, answer: Answer) -> str:
    match answer["reply"], verb:
        case Reply.PROGRESS, _:
            return f"{_left(answer)}, the oldest for {answer['oldest_s']:.1f} s"
        case Reply.TIMEOUT, _:
            return f"frontdoor: not drained in time, {_left(answer)}; it stays paused"
        case Reply.RESUMED, _:
            return f"frontdoor: not drained, somebody has resumed meanwhile: it admits again, {_left(answer)}"
        case Reply.ERROR, _:
            return f"frontdoor: {answer['message']}"
        case _, "drain":
            return "drained; paused until `frontdoor resume`"
        case _, "status":
            return _status(answer["status"])
        case _, "cap":
            return "the cap is the profile's" if answer["cap"] is None else f"the cap is {answer['cap']}"
        case _, "replace":
            return f"process {answer['pid']} serves now"
        case _, _:
            return {"pause": "paused", "resume": "resumed", "reload": "reloaded"}[verb]


def _status(told: Answer) -> str:
    """The few lines that an admin looks for; `--json` has all of it."""
    door, limits = told["frontdoor"], told["frontdoor"]["limits"]
    paused = door["paused"]
    return "\n".join(
        [
            f"state        {told['slot']['state']}" + ("" if told["ok"] else f": {told['message']}"),
            f"profile      {told['model_slot']['name']}",
            f"active       {door['active_generations']} of {door['max_active_generations']}",
            f"waiting      {door['queued_generations']} of {door['max_queued']}",
            f"connections  {door['connections']} of {limits['max_connections']}",
            f"paused       {_paused(paused) if paused else 'no'}",
            f"uptime       {_duration(door['uptime_s'])}, process {door['pid']}",
        ]
    )


def _paused(paused: Answer) -> str:
    return f"by {paused['by']}" + (f": {paused['why']}" if paused["why"] else "")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join([f"{number} {unit}" for number, unit in parts if number][:2]) or "0 s"


def _left(answer: Answer) -> str:
    return f"{answer['active']} active, {answer['waiting']} waiting"


def _when_left(command: AnyCommand) -> str:
    if isinstance(command, commands.Drain):
        return "no longer watching; the frontdoor stays paused until `frontdoor resume`"
    return "interrupted; whether it was done is not known"


def _complain(message: str, code: ExitCode) -> int:
    sys.stderr.write(f"frontdoor: {message}\n")
    return code


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--socket", metavar="PATH", help=f"the control socket (default: {SOCKET_VARIABLE}, else {DEFAULT_SOCKET})"
    )
    common.add_argument("--json", action="store_true", help="one JSON object for each line of the answer")
    top = argparse.ArgumentParser(
        prog="frontdoor",
        description="Commands a running frontdoor over its control socket.",
        epilog="Exits 0 when it was done, 1 when it was not, 2 for a bad command line, 69 where no frontdoor answers, "
        "75 when somebody resumed during a drain.",
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, does: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=does, description=does, parents=[common])

    pause = verb("pause", "refuse new generations; those that run go on")
    pause.add_argument("reason", nargs="?", help="what clients are told (default: maintenance)")
    verb("resume", "admit generations again")
    drain = verb("drain", "pause, and wait until no generation is left")
    drain.add_argument(
        "--timeout", type=_seconds_or_word, metavar="SECONDS", help="give up waiting after this (default: never)"
    )
    cap = verb("cap", "how many generations may run at once, until the profile changes")
    cap.add_argument("cap", type=_number_or_word, metavar="NUMBER|profile", help="1 or more, or the profile's own")
    verb("reload", "read profile, settings, keys and certificate again")
    verb("replace", "let a new process take over, without losing a request")
    verb("status", "what GET /status says")
    return top


def _seconds_or_word(word: str) -> float | str:
    """What is no number of seconds (also: nan, inf) is complained of where a wrong one is."""
    try:
        seconds = float(word)
    except ValueError:
        return word
    return seconds if math.isfinite(seconds) else word


def _number_or_word(word: str) -> int | str:
    """What is no number is complained of where a wrong number is."""
    try:
        return int(word)
    except ValueError:
        return word
