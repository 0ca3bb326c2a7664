"""The request in a unit's instance: it comes back as it was, and what is no request is told so."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.drain_limits import LONGEST_DRAIN_S
from slot.profiles.keys import PROFILE_NAME
from slot.switch.request import LARGEST_UID, BadRequest, Request, instance, parse

REQUESTS = st.builds(
    Request,
    name=st.from_regex(PROFILE_NAME, fullmatch=True).filter(str.isascii),
    force=st.booleans(),
    drain_timeout_s=st.integers(0, LONGEST_DRAIN_S),
    no_rollback=st.booleans(),
    allow_unproven=st.booleans(),
    restart=st.booleans(),
    by_uid=st.none() | st.integers(0, LARGEST_UID),
    id=st.from_regex("[0-9a-f]{8}", fullmatch=True).filter(str.isascii),
)


@given(REQUESTS)
def test_there_and_back(request: Request) -> None:
    assert parse(instance(request)) == request


@given(REQUESTS)
def test_nothing_in_it_needs_escaping(request: Request) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9.:-]*", instance(request))  # as the operators' rule has it


def test_as_somebody_would_type_it() -> None:
    request = parse("gemma4-c8:force:drain-60")
    assert (request.name, request.force, request.drain_timeout_s) == ("gemma4-c8", True, 60)
    assert request.id != parse("gemma4-c8").id


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "''"),
        ("../etc/passwd", "passwd"),
        ("a:forced", "forced"),
        ("a:drain", "'drain'"),
        ("a:drain-x", "drain-x"),
        ("a:drain-١", "drain-"),
        ("a:drain-86401", "drain-86401"),
        ("a:drain-00000000001", "drain-00000000001"),
        ("a:by-4294967295", "by-4294967295"),
        ("a:id-XYZ", "id-XYZ"),
        ("a:force:force", "twice"),
        ("a:drain-1:drain-2", "twice"),
        ("a:no-way", "no-way"),
        ("a:", "''"),
    ],
)
def test_what_is_no_request_is_told_so(text: str, found: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(found)):
        parse(text)
