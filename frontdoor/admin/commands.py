"""What an admin may ask of a running frontdoor, and what is answered: the words of the control socket.

One JSON object a line, both ways.

    {"verb": "pause", "reason": "..."}   refuses generations, with 503 and this reason (it may be left out)
    {"verb": "resume"}                   admits them again
    {"verb": "drain", "timeout_s": 60}   pauses, and tells how many are left until none is; without a time: for ever
    {"verb": "cap", "cap": 4}            how many may run at once, until the next profile; null: the profile's own
    {"verb": "reload"}                   reads profile, settings, keys and certificate again
    {"verb": "replace"}                  lets a new process of the frontdoor take over
    {"verb": "status"}                   what `GET /status` says

Each command is answered by any number of `progress` lines and one of another kind:

    {"reply": "progress", "active": 3, "waiting": 1, "oldest_s": 12.3}
    {"reply": "done", ...}                      with what the verb tells: `status`, `cap`, `pid`
    {"reply": "timeout", "active": 1, ...}      the drain's time is over; the frontdoor stays paused
    {"reply": "resumed", "active": 1, ...}      another admin has ended the drain's pause, so it would never end
    {"reply": "error", "message": "..."}        nothing was done, or not all of it

Here is decided what a line means and when a drain has something to tell; `control` owns the socket and the clock.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NamedTuple

import msgspec

from slot.bad_json import BAD_JSON

MAX_LINE_BYTES = 4096
MAX_REASON = 200
DEFAULT_REASON = "maintenance"
TELL_S = 1.0  # a drain on which nothing moves still says so this often


class Progress(NamedTuple):
    """What is left to end. `oldest_s`: for how long the oldest of them has been here, 0.0 where there is none."""

    active: int
    waiting: int
    oldest_s: float


class Command(msgspec.Struct, tag_field="verb", tag=str.lower, frozen=True, forbid_unknown_fields=True):
    """One thing to do."""

    @property
    def verb(self) -> str:
        return type(self).__name__.lower()


class Pause(Command, frozen=True):
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_REASON)] = DEFAULT_REASON


class Resume(Command, frozen=True):
    pass


class Drain(Command, frozen=True):
    timeout_s: Annotated[float, msgspec.Meta(gt=0)] | None = None


class Cap(Command, frozen=True):
    cap: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None


class Reload(Command, frozen=True):
    pass


class Replace(Command, frozen=True):
    pass


class Status(Command, frozen=True):
    pass


AnyCommand = Pause | Resume | Drain | Cap | Reload | Replace | Status
VERBS = ("pause", "resume", "drain", "cap", "reload", "replace", "status")

_EXPECTED = {
    "cap": "a whole number from 1, or {nothing}",
    "timeout_s": "seconds above 0",
    "reason": f"a text of 1 to {MAX_REASON} characters",
}

_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)


class Misunderstood(NamedTuple):
    """A line that is no command, and why not, in words."""

    why: str


class Reply(StrEnum):
    PROGRESS = "progress"
    DONE = "done"
    TIMEOUT = "timeout"
    RESUMED = "resumed"
    ERROR = "error"


def decode(line: bytes, nothing: str = "null") -> AnyCommand | Misunderstood:
    """The command of one line, with or without its newline. `nothing`: how whoever asks writes null."""
    try:
        command = _decoder.decode(line)
    except msgspec.ValidationError as exc:
        return Misunderstood(_in_words(str(exc), line, nothing))
    except BAD_JSON as exc:
        return Misunderstood(f'expected one JSON object on a line, like {{"verb": "status"}}: {exc}')
    if isinstance(command, Pause) and not command.reason.isprintable():
        return Misunderstood("reason: expected one line of printable text")  # it is shown in answers and logs
    return command


def _in_words(complaint: str, line: bytes, nothing: str) -> str:
    """What was found and what was expected; otherwise msgspec's complaint, about the verb with those that there are."""
    for name, expected in _EXPECTED.items():
        if complaint.endswith(f"`$.{name}`"):
            return f"{name}: found {_found(line, name)}, expected {expected.format(nothing=nothing)}"
    if "`verb`" in complaint or "$.verb" in complaint:
        return f"{complaint}; expected a verb: {', '.join(VERBS)}"
    return complaint


def _found(line: bytes, name: str) -> str:
    try:
        return repr(msgspec.json.decode(line)[name])[:80]
    except BAD_JSON:
        return "a number too large"


def encode(command: AnyCommand) -> bytes:
    return msgspec.json.encode(command) + b"\n"


def reply(kind: Reply, **facts: object) -> bytes:
    """One line. `facts` must have a JSON form."""
    return msgspec.json.encode({"reply": kind, **facts}) + b"\n"


def look_at_drain(progress: Progress, now: float, deadline: float | None, *, paused: str | None) -> Reply:
    """How far a drain is. Times are of one monotonic clock; `paused`: why generations are refused, None: they are not.

    1. It is paused no more             -> resumed: whoever leaves is followed by others
    2. Nothing is active, nobody waits  -> done, also at the very deadline
    3. The deadline has come            -> timeout
    4. Otherwise                        -> progress
    """
    if paused is None:  # 1
        return Reply.RESUMED
    if not progress.active and not progress.waiting:  # 2
        return Reply.DONE
    if deadline is not None and now >= deadline:  # 3
        return Reply.TIMEOUT
    return Reply.PROGRESS  # 4


def is_news(progress: Progress, now: float, told: Progress | None, told_at: float) -> bool:
    """Whether a drain's progress is worth a line: the first, other numbers than before, or nothing said for TELL_S."""
    return told is None or progress[:2] != told[:2] or now - told_at >= TELL_S
