"""Denied fields, and limits on the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.policy import request_media
from frontdoor.policy.field_policy import DENIALS, MAX_SALT, MAX_STOPS, DeniedFields, check_counts
from frontdoor.policy.request_policy import ALLOWABLE_FIELDS
from frontdoor.refusal import Reason, Refused

EVERYTHING = DeniedFields(frozenset())
PAGE = Path(__file__).parents[3] / "docs" / "request-policy.md"


def with_field(name: str, value: object) -> dict[str, object]:
    outer, dot, member = name.partition(".")
    return {"model": "m", outer: {member: value, "other": 1} if dot else value}


def counts(fields: dict[str, object]) -> None:
    check_counts(fields, max_messages=3, max_logprobs=20)


@pytest.mark.parametrize("denial", DENIALS, ids=lambda denial: denial.name)
@pytest.mark.parametrize("value", ["x", {"a": 1}, [1], 1, True, ""])
def test_a_denied_field_is_refused_by_its_name(denial, value) -> None:
    with pytest.raises(Refused) as refused:
        EVERYTHING.check(with_field(denial.name, value))
    refusal = refused.value.refusal
    assert (refusal.status, refusal.reason, refusal.param) == (400, Reason.FIELD_DENIED, denial.name)
    assert denial.why in refusal.message
    assert "FRONTDOOR_ALLOWED_FIELDS" in refusal.message


@pytest.mark.parametrize("denial", DENIALS, ids=lambda denial: denial.name)
def test_a_denied_field_that_asks_for_nothing_passes(denial) -> None:
    for value in (None, *denial.harmless):
        EVERYTHING.check(with_field(denial.name, value))


@pytest.mark.parametrize("denial", DENIALS, ids=lambda denial: denial.name)
def test_a_profile_allows_one_field_and_no_other(denial) -> None:
    policy = DeniedFields(frozenset({denial.name}))
    policy.check(with_field(denial.name, "x"))
    other = next(other for other in DENIALS if other.name != denial.name)
    with pytest.raises(Refused):
        policy.check(with_field(other.name, "x"))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"chat_template_kwargs": 7},
        {"structured_outputs": {"json": {"type": "object"}}},
        {"structured_outputs": {"choice": ["a", "b"]}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
        {"response_format": {"type": "json_object"}},
        {"response_format": {}},
        {"regex": "x", "grammar": "x", "tokenize": True},
        {"messages": [{"chat_template": "x"}]},
        {"priority": 0, "background": False},
    ],
)
def test_what_is_not_denied_passes(fields) -> None:
    EVERYTHING.check(fields)


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text()))
def test_fields_with_other_names_pass(fields) -> None:
    if ALLOWABLE_FIELDS.isdisjoint(fields):
        EVERYTHING.check(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{}, {}, {}]},
        {"input": [{}, {}, {}]},
        {"input": ["text"] * 100},
        {"input": [1] * 100},
        {"input": []},
        {"messages": "no list"},
        {"stop": ["x"] * MAX_STOPS},
        {"stop": "x" * 100},
        {"stop": None},
        {"stop_sequences": ["x"] * MAX_STOPS},
        {"top_logprobs": 0},
        {"top_logprobs": 20},
        {"prompt_logprobs": 20},
        {"logprobs": True, "top_logprobs": None},
        {"logprobs": 20},
        {"cache_salt": "x"},
        {"cache_salt": "x" * MAX_SALT},
        {"cache_salt": None},
    ],
)
def test_as_much_as_is_allowed_passes(fields) -> None:
    counts(fields)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{}] * 4}, "messages"),
        ({"input": [{}] * 4}, "input"),
        ({"stop": ["x"] * (MAX_STOPS + 1)}, "stop"),
        ({"stop_sequences": ["x"] * (MAX_STOPS + 1)}, "stop_sequences"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"top_logprobs": -1}, "top_logprobs"),
        ({"top_logprobs": "21"}, "top_logprobs"),
        ({"prompt_logprobs": 21}, "prompt_logprobs"),
        ({"prompt_logprobs": True}, "prompt_logprobs"),
        ({"logprobs": 21}, "logprobs"),
        ({"logprobs": "5"}, "logprobs"),
        ({"cache_salt": ""}, "cache_salt"),
        ({"cache_salt": "x" * (MAX_SALT + 1)}, "cache_salt"),
        ({"cache_salt": "../x"}, "cache_salt"),
        ({"cache_salt": 1}, "cache_salt"),
    ],
)
def test_more_is_refused_by_its_name(fields, param) -> None:
    with pytest.raises(Refused) as refused:
        counts(fields)
    assert (refused.value.refusal.status, refused.value.refusal.param) == (400, param)


@pytest.mark.parametrize("denial", [*DENIALS, *request_media.DENIALS], ids=lambda denial: denial.name)
def test_the_page_tells_every_denied_field_with_its_advisories(denial) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|") and f"`{denial.name}`" in line]
    assert rows
    assert all(any(advisory in row for row in rows) for advisory in denial.advisories)
