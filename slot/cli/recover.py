"""`slotctl recover`: the way back from a lost card (`slot.cards.ladder`), shown or climbed rung by rung.

Without an option nothing is done. `--next` does one rung, `--all` goes on until one does not help. What was done is
remembered until the slot serves again or the host boots. A rung that takes the cards from everybody asks for `--yes`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import typer

from slot import lock, units
from slot import state as slot_state
from slot.cards import climbed
from slot.cards.holders import Holder, holders
from slot.cards.ladder import MEANINGS, RUNGS, Done, Recovered, Rung, next_rung
from slot.cards.sysfs import Card, cards
from slot.cli.quiet import quiet_s
from slot.cli.recover_rungs import Slot, do, slot_here
from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.state import Lifecycle


@dataclass(frozen=True)
class Sight:
    """All that can be seen without touching a card. `failure` is the slot's own word, empty where it has none."""

    failure: str
    cards: Sequence[Card]
    holders: Sequence[Holder]
    done: Sequence[Done]
    is_serving: bool = False

    @property
    def next(self) -> Rung | None:
        rung = next_rung(self.done)
        return None if isinstance(rung, Recovered) else rung


def recover(paths: Paths, *, next_rung: bool, everything: bool, yes: bool, as_json: bool) -> int:
    """OK where nothing was to be done or what was done helped, DEVICE where it did not. Raises Refused."""
    if not (next_rung or everything):
        sight = look(paths)
        typer.echo(msgspec.json.encode(as_data(sight)).decode() if as_json else "\n".join(lines(sight)))
        return ExitCode.OK
    _must_be_root()
    try:
        paths.switch_run_dir.mkdir(parents=True, exist_ok=True)
        with closing(lock.take(paths.switch_run_dir / "recovery.lock")):
            return _climb(paths, everything=everything, yes=yes, as_json=as_json)
    except lock.Held as exc:
        raise Refused(ExitCode.CANNOT_CREATE, f"somebody else recovers this slot: {exc}") from None
    except units.Refusal as exc:
        facts = (("found", exc.words), ("expected", f"a system with {units.SLOT}"), ("do", "slotctl install"))
        raise Refused(ExitCode.UNAVAILABLE, "the slot's unit could not be asked", facts) from None


def look(paths: Paths) -> Sight:
    """Raises UnreadableState, OSError."""
    state = slot_state.read(paths.state_file)
    failure = state.failure if state is not None else None
    done = climbed.of_this_failure(climbed.read(paths.switch_run_dir), failure.at if failure else None)
    is_serving = state is not None and state.state is Lifecycle.SERVING and not state.is_abandoned(time.time())
    return Sight(failure.cause if failure else "", cards(), holders(), done, is_serving)


def lines(sight: Sight) -> list[str]:
    """For people."""
    said = [f"the slot failed: {sight.failure}" if sight.failure else "the slot tells of no failure"]
    said += ["it serves: there is nothing to recover from"] if sight.is_serving else []
    said += (
        ["cards:", *(f"  {card}" for card in sight.cards)] if sight.cards else ["cards: none of this host's are seen"]
    )
    said += ["who has them open:", *(f"  {holder}" for holder in sight.holders)] if sight.holders else []
    said += ["steps:"]
    for number, rung in enumerate(RUNGS, 1):
        mark = ">" if rung is sight.next else " "
        said.append(f"{mark} {number} {rung.value:<7} {MEANINGS[rung]}")
        said += [f"            {_outcome(each)}" for each in sight.done if each.rung is rung]
    said.append("next: nothing, it serves" if sight.is_serving and sight.next else _how_to_go_on(sight.next))
    return said


def as_data(sight: Sight) -> dict[str, Any]:
    """For programs: `failure`, `cards`, `holders`, `steps` (rung, meaning, done), `next` (null: all is well)."""
    return {
        "failure": sight.failure or None,
        "cards": [asdict(card) for card in sight.cards],
        "holders": [asdict(holder) for holder in sight.holders],
        "steps": [
            {
                "rung": rung,
                "meaning": MEANINGS[rung],
                "done": [
                    {"helped": each.helped, "words": each.words, "at": each.at}
                    for each in sight.done
                    if each.rung is rung
                ],
            }
            for rung in RUNGS
        ],
        "next": sight.next,
    }


def _must_be_root() -> None:
    if os.geteuid() != 0:
        facts = (("found", f"user id {os.geteuid()}"), ("expected", "root"), ("do", "sudo slotctl recover --next"))
        raise Refused(ExitCode.FAILED, "stopping the slot and rebinding cards is root's", facts)


def _climb(paths: Paths, *, everything: bool, yes: bool, as_json: bool) -> int:
    def say(text: str) -> None:
        if not as_json:
            typer.echo(f"  {text}")

    slot = slot_here(paths, quiet_s(os.environ), say)
    while True:
        done = _one_rung(paths, slot, look(paths), yes=yes)
        say(_outcome(done))
        if not (everything and done.helped) or done.rung is Rung.CHECK:
            break
    sight = look(paths)
    typer.echo(msgspec.json.encode(as_data(sight)).decode() if as_json else _how_to_go_on(sight.next))
    return ExitCode.OK if done.helped else ExitCode.DEVICE


def _one_rung(paths: Paths, slot: Slot, sight: Sight, *, yes: bool) -> Done:
    # after the last one: a new climb
    before, rung = (sight.done, sight.next) if sight.next is not None else ((), RUNGS[0])
    if rung is Rung.STOP and sight.is_serving and not yes:
        facts = (("found", "it serves"), ("do", "leave it alone; or: slotctl recover --next --yes"))
        raise Refused(ExitCode.FAILED, "this slot serves: to stop it wants a --yes", facts)
    if rung is Rung.REBIND and not yes:
        facts = (("found", MEANINGS[rung]), ("do", "slotctl recover --next --yes"))
        raise Refused(ExitCode.FAILED, "this step takes the cards from every process: it wants a --yes", facts)
    slot.say(f"{rung}: {MEANINGS[rung]}")
    helped, words = do(rung, slot)
    done = Done(rung, helped, words, time.time())
    climbed.write(paths.switch_run_dir, [*before, done])
    return done


def _outcome(done: Done) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(done.at))
    return f"{at} {done.rung} {'helped' if done.helped else 'did not help'}: {done.words}"


def _how_to_go_on(rung: Rung | None) -> str:
    match rung:
        case None:
            return "the slot is recovered"
        case Rung.REBOOT:
            return "next: reboot this host when it suits. Nothing less will help"
        case Rung.REBIND:
            return "next: slotctl recover --next --yes"
        case _:
            return "next: slotctl recover --next"
