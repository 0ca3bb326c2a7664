"""The switches so far: one JSON line each, in root's own file, the newest last.

A line is written once, whoever comes to write it: a switch that was killed after the line and before its journal went
writes it again otherwise. Losing the file costs the history and what `rollback` knows, never a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from slot import json_lines
from slot.switch.steps import Journal, Outcome, exit_code


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """How one switch went. Times are seconds since the epoch; `timings` seconds by name.

    `ours_s`: what it took beyond drain, the engine's own stop and its own load, from the pause on; None where it was
    cut off in between. `exit_code` is that of the unit, for whoever waits for the switch. `paused`: the reason of an
    admin's own pause from before, at which the door stays. `door_shut`: why it could not be opened, although it should.
    """

    id: str
    request: str
    at: float
    began_at: float
    by_uid: int | None
    came_from: str | None = msgspec.field(name="from")
    to: str
    outcome: Outcome
    why: str | None
    exit_code: int
    timings: dict[str, float]
    ours_s: float | None
    paused: str | None = None
    door_shut: str | None = None


def record_of(journal: Journal, now: float) -> Record:
    """The last line of a switch that is over but for this. `journal.outcome` is set."""
    assert journal.outcome is not None
    return Record(
        id=journal.id,
        request=journal.request,
        at=now,
        began_at=journal.began_at,
        by_uid=journal.by_uid,
        came_from=journal.came_from.name if journal.came_from else None,
        to=journal.to.name,
        outcome=journal.outcome,
        why=journal.why,
        exit_code=int(exit_code(journal.outcome, journal.fault, journal.door_shut)),
        timings={name: round(seconds, 3) for name, seconds in journal.timings.items()},
        ours_s=None if journal.is_interrupted else ours_s(journal.timings),
        paused=journal.paused_before,
        door_shut=journal.door_shut,
    )


# Whose time a step's is: the clients', and the engine's own. What is left is ours.
THEIRS = ("drain", "engine_stop", "engine_load")
BEFORE = "check"


def ours_s(timings: dict[str, float]) -> float:
    """What neither clients nor engines took. The check comes before the pause and hurts nobody: it is not counted."""
    steps = sum(seconds for name, seconds in timings.items() if name not in (BEFORE, "engine_stop", "engine_load"))
    return round(steps - sum(timings.get(name, 0.0) for name in THEIRS), 3)


def append(path: Path, record: Record) -> None:
    """Adds one line, unless the switch has one already. Raises OSError."""
    if find(path, record.id) is None:
        json_lines.append(path, record, is_synced=True)


def newest(path: Path, number: int) -> list[Record]:
    """The newest first. Raises OSError."""
    return json_lines.tail(path, Record)[-number:][::-1] if number > 0 else []


def find(path: Path, id_: str) -> Record | None:
    """The switch of this id, None where it has not ended. Raises OSError."""
    return next((record for record in reversed(json_lines.tail(path, Record)) if record.id == id_), None)


def before_this(records: Sequence[Record], active: str | None) -> str | None:
    """The last model that served and is another than `active`; `records`: the newest first."""
    served = (_served_in(record) for record in records)
    return next((name for name in served if name is not None and name != active), None)


def _served_in(record: Record) -> str | None:
    """After a switch that went well, what it left behind was the one that served."""
    return record.came_from if record.outcome is Outcome.SWITCHED else None
