from __future__ import annotations

from pathlib import Path

import pytest

from slot.cards.question import questions
from slot.cards.sysfs import Card
from slot.profiles.command import engine_command
from slot.profiles.profile import Profile, Value

CARDS = [Card(f"0000:0{number}:00.0", None, "8086:e223", "xe") for number in (3, 4, 7, 8)]
HERE = Path("/data")


def profile(**values: str) -> Profile:
    own = {"MODEL_SLOT_NAME": "p", "MODEL_SLOT_VENV": "/venv", **values}
    return Profile("p", Path("p.env"), ("p",), {key: Value(text, "p.env", 1, "p") for key, text in own.items()})


def asked(cards: list[Card], simulate: bool = False, **values: str) -> list[str]:
    own = profile(**values)
    command = engine_command(own, data_dir=HERE, home=HERE, python="/usr/bin/python3", simulate=simulate)
    return [each.bdf for each in questions(own, command, cards, HERE)]


@pytest.mark.parametrize(
    ("mask", "numbers"),
    [
        (None, [0, 1, 2, 3]),
        ("0,1,2,3", [0, 1, 2, 3]),
        ("1", [1]),
        ("0.0, 3.0", [0, 3]),
        ("7", []),
        ("GPU-uuid", [0, 1, 2, 3]),
    ],
)
def test_the_mask_says_which_cards_the_engine_uses(mask: str | None, numbers: list[int]) -> None:
    values = {} if mask is None else {"ZE_AFFINITY_MASK": mask}
    assert asked(CARDS, **values) == [CARDS[number].bdf for number in numbers]


def test_a_host_without_cards_has_nothing_to_ask() -> None:
    assert asked([]) == []


@pytest.mark.parametrize(("values", "count"), [({}, 1), ({"SERVE_TENSOR_PARALLEL_SIZE": "4"}, 4)])
def test_a_simulated_engine_has_simulated_cards(values: dict[str, str], count: int) -> None:
    assert asked(CARDS, simulate=True, **values) == [f"simulated:{number}" for number in range(count)]


def test_each_is_asked_alone_by_the_engines_own_python() -> None:
    own = profile(ZE_AFFINITY_MASK="0,1", ONEAPI_DEVICE_SELECTOR="level_zero:0,1", LD_LIBRARY_PATH="/opt/oneapi")
    command = engine_command(own, data_dir=HERE, home=HERE, python="/usr/bin/python3")
    second = questions(own, command, CARDS, HERE)[1]
    assert second.words[0] == "/venv/bin/python"
    assert second.environment["ZE_AFFINITY_MASK"] == "1"
    assert second.environment["ONEAPI_DEVICE_SELECTOR"] == "level_zero:*"
    assert second.environment["LD_LIBRARY_PATH"] == "/opt/oneapi"
    assert second.cannot_ask is None


@pytest.mark.parametrize(("driver", "why"), [(None, "its driver is not bound, not xe"), ("i915", "its driver is i915")])
def test_a_card_without_its_driver_cannot_be_asked(driver: str | None, why: str) -> None:
    own = profile()
    command = engine_command(own, data_dir=HERE, home=HERE, python="/usr/bin/python3")
    [question] = questions(own, command, [Card("0000:03:00.0", None, "8086:e223", driver)], HERE)
    assert question.cannot_ask is not None
    assert why in question.cannot_ask
