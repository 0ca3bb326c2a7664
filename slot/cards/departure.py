"""After a stop: who of the engine is still there, and what is to be done about it?

    1. Nobody is left: it is over.
    2. A keeper is among them, and its time is not up: wait. It ends its engine as the supervisor would have.
    3. Somebody was not asked to go yet: SIGTERM, once each. First to those whose parents are not among them: an
       engine's main process tears its own children down, in its own order. When it is gone they are asked themselves,
       and also when a keeper's time is up.
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
    """A process that is still there. `command` is its name, `parent` is its parent's process id."""

    pid: int
    command: str
    parent: int = 1
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
    is_early = passed_s < patience.keeper_s
    if is_early and any(each.is_keeper for each in remaining):
        return Wait(min(patience.keeper_s, patience.kill_at_s))  # 2
    there = {each.pid for each in remaining}
    # a keeper whose time is up has its own SIGKILL on the way; asking it changes nothing
    asking = [each for each in remaining if not each.is_keeper and not (is_early and each.parent in there)]
    unasked = tuple(each.pid for each in asking if each.pid not in asked)
    if unasked:
        return Terminate(unasked)  # 3
    return Wait(patience.keeper_s if is_early else patience.kill_at_s)
