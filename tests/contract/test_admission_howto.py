"""The examples of docs/admission.md: its lines are lines of a profile, its figures those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from frontdoor.admission.admission import Admission, Limits, Ticket
from slot.profiles.dotenv_file import parse
from slot.profiles.profile import Value
from slot.profiles.rules import problem_of

HOWTO = (Path(__file__).parents[2] / "docs/admission.md").read_text()


@pytest.mark.parametrize("example", re.findall(r"```env\n(.*?)```", HOWTO, re.DOTALL))
def test_every_line_of_an_example_is_sound(example: str) -> None:
    file = parse(example.encode(), "example")
    values = {item.key: Value(item.value, "example", item.line, "example") for item in file.assignments}
    problems = [problem for key, value in values.items() if (problem := problem_of(key, value))]
    assert (file.problems, problems) == ((), [])


def test_the_refusal_shown_is_the_one_that_is_sent() -> None:
    admission = Admission(Limits(8))
    for _ in range(8):
        admission.ask("a", None, 1.0, 0.0)
    refusal = admission.ask("b", None, 2.6, 0.0)
    assert not isinstance(refusal, Ticket)
    told = [f'"message": "{refusal.message}"', f'"code": "{refusal.code}"']
    told += [f"{name}: {value}\n" for name, value in refusal.headers().items()]
    assert [words for words in told if words not in HOWTO] == []


@pytest.mark.parametrize(
    ("needs", "admitted"), [([32_768], 8), ([16_384], 16), ([4_096], 60), ([32_768] * 4 + [4_096], 36)]
)
def test_so_many_run_at_once(needs, admitted) -> None:
    """The last kind of request comes again and again, until no more of it is admitted."""
    admission = Admission(Limits(60, kv_tokens=262_144))
    running = 0
    for tokens in needs + needs[-1:] * 100:
        ticket = admission.ask("a", None, 1.0, 0.0)
        if not isinstance(ticket, Ticket) or admission.weigh(ticket, 1, tokens, 1.0, 0.0) is not None:
            break
        running += 1
    assert running == admitted
    assert f"| {admitted}" in HOWTO
