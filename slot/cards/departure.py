"""After a stop: who of the engine is still there, and what is to be done about it?

    1. Nobody is left: it is over.
    2. A keeper is among them, and its time is not up: wait. It ends its engine as the supervisor would have.
    3. Somebody was not asked to go yet: SIGTERM, once each. What a keeper leaves behind, or its engine without one.
    4. The last time is up: SIGKILL to all of them, the keeper too. An engine that is killed can leave its cards
       hanging, so this is the last word and never an earlier one.
    5. Even that did not end them: they wait inside of the kernel. They are named, and no load may begin.

Seconds are counted from the beginning of the sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Remaining:
    """A process that is still there. `command` are its first words."""

    pid: int
    command: str
    is_keeper: bool = False


@dataclass(frozen=True)
class Patience:
    """`keeper_s`: what a keeper may take; `kill_at_s`: when SIGKILL comes; `give_up_at_s`: when that was in vain."""

    keeper_s: float
    kill_at_s: float
    give_up_at_s: float


@dataclass(frozen=True)
class Gone:
    """1: nobody is left."""


@dataclass(frozen=True)
class Wait:
    """2: until somebody ends, or at most `until_s`."""

    until_s: float


@dataclass(frozen=True)
class Terminate:
    """3: SIGTERM to these."""

    pids: tuple[int, ...]


@dataclass(frozen=True)
class Kill:
    """4: SIGKILL to these."""

    pids: tuple[int, ...]


@dataclass(frozen=True)
class GiveUp:
    """5: these cannot be ended."""

    left: tuple[Remaining, ...]


Order: TypeAlias = Gone | Wait | Terminate | Kill | GiveUp


def order(remaining: Sequence[Remaining], passed_s: float, patience: Patience, asked: frozenset[int]) -> Order:
    """What to do now. `asked` are those who got a SIGTERM."""
    if not remaining:
        return Gone()  # 1
    if passed_s >= patience.give_up_at_s:
        return GiveUp(tuple(remaining))  # 5
    if passed_s >= patience.kill_at_s:
        return Kill(tuple(each.pid for each in remaining))  # 4
    if passed_s < patience.keeper_s and any(each.is_keeper for each in remaining):
        return Wait(min(patience.keeper_s, patience.kill_at_s))  # 2
    # a keeper whose time is up has its own SIGKILL on the way; asking it changes nothing
    unasked = tuple(each.pid for each in remaining if each.pid not in asked and not each.is_keeper)
    return Terminate(unasked) if unasked else Wait(patience.kill_at_s)  # 3
