"""Which cards does this engine use, and how is each of them asked?

    1. A simulated engine has simulated cards, as many as its profile wants.
    2. A real one uses the cards that its ZE_AFFINITY_MASK names, otherwise all of this host; its own Python asks them,
       in its own environment, each with nothing but that card in sight.

Level Zero counts cards in an order of its own unless it is told to go by PCI address: so we tell it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slot.cards.sysfs import DRIVER, Card
from slot.profiles.command import EngineCommand
from slot.profiles.profile import Profile

SIMULATED_CARDS = "simulated-cards.json"

_ASK_CARD = Path(__file__).with_name("ask_card.py")
_SIMULATED = Path(__file__).with_name("simulated.py")


@dataclass(frozen=True)
class Question:
    """A command that asks the card at `bdf`, and its whole environment. `cannot_ask`: why running it is of no use."""

    bdf: str
    words: tuple[str, ...]
    environment: Mapping[str, str]
    cannot_ask: str | None = None


def questions(profile: Profile, command: EngineCommand, cards: Sequence[Card], data_dir: Path) -> tuple[Question, ...]:
    """One for each card that the engine uses; `cards` are those of this host, by PCI address."""
    environment = {name: argument.text for name, argument in command.environment.items()}
    if command.simulated:  # 1
        return tuple(_simulated(number, command.program, data_dir) for number in range(_cards_wanted(profile)))
    python = command.program.with_name("python")
    return tuple(
        _real(number, card, python, environment)
        for number, card in enumerate(cards)
        if number in _mask(environment.get("ZE_AFFINITY_MASK"), len(cards))
    )  # 2


def _simulated(number: int, python: Path, data_dir: Path) -> Question:
    words = (str(python), "-I", "-S", str(_SIMULATED), str(data_dir / SIMULATED_CARDS), str(number))
    return Question(f"simulated:{number}", words, {})


def _real(number: int, card: Card, python: Path, environment: Mapping[str, str]) -> Question:
    own = {
        "ZE_ENABLE_PCI_ID_DEVICE_ORDER": "1",
        "ZE_AFFINITY_MASK": str(number),
        # the engine's own choice counts cards that this child does not see
        "ONEAPI_DEVICE_SELECTOR": "level_zero:*",
    }
    cannot_ask = None if card.driver == DRIVER else f"its driver is {card.driver or 'not bound'}, not {DRIVER}"
    return Question(card.bdf, (str(python), str(_ASK_CARD)), {**environment, **own}, cannot_ask)


def _cards_wanted(profile: Profile) -> int:
    sizes = (profile.get(f"SERVE_{kind}_PARALLEL_SIZE") or "1" for kind in ("TENSOR", "PIPELINE"))
    tensor, pipeline = (int(size) for size in sizes)
    return tensor * pipeline


def _mask(mask: str | None, count: int) -> frozenset[int]:
    """The numbers that a mask such as `0,1` or `0.0,1.0` (card and tile) names; all of them without one."""
    numbers = {word.partition(".")[0].strip() for word in (mask or "").split(",")} - {""}
    if not numbers or not all(number.isdigit() for number in numbers):
        return frozenset(range(count))
    return frozenset(int(number) for number in numbers)
