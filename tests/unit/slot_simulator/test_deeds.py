from __future__ import annotations

import pytest

from slot.simulator import deeds, faults
from slot.simulator.deeds import Deed
from slot.simulator.faults import FaultName


@pytest.mark.parametrize(
    ("spec", "of_request", "expected"),
    [
        ("die_mid_stream:after_tokens=2", True, Deed.CUT),
        ("die_mid_stream:after_tokens=2,how=rst", True, Deed.RESET),
        ("die_mid_stream:after_tokens=2", False, Deed.KILL_PROCESS),
        ("broken_frame:after_tokens=2", True, Deed.HALF_FRAME),
        ("no_done:after_tokens=2", False, Deed.END),
        ("error_event:after_tokens=2", True, Deed.ERROR_EVENT),
        ("error_frame:after_tokens=2", True, Deed.ERROR_FRAME),
        ("error_string:after_tokens=2", True, Deed.ERROR_STRING),
        ("finish_abort:after_tokens=2", True, Deed.ABORT),
        ("stall_mid_stream:after_tokens=2", True, Deed.NOTHING),
        ("device_lost:after_tokens=2", False, Deed.NOTHING),
        ("garbage", True, Deed.NOTHING),
        ("nan", True, Deed.NOTHING),
        ("silent_prefill", True, Deed.NOTHING),
    ],
)
def test_what_ends_an_answer_ends_it_whenever_it_is_looked_at(spec: str, of_request: bool, expected: Deed) -> None:
    fault = faults.parse(spec)
    for sent, deed in ((0, Deed.NOTHING), (1, Deed.NOTHING), (2, expected), (3, expected)):
        assert deeds.deed(fault, sent, of_request=of_request) is deed


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("pause:after_tokens=2", Deed.PAUSE),
        ("broken_json:after_tokens=2", Deed.BROKEN_JSON),
        ("empty_data:after_tokens=2", Deed.EMPTY_DATA),
    ],
)
def test_an_interjection_happens_once(spec: str, expected: Deed) -> None:
    fault = faults.parse(spec)
    told = [deeds.deed(fault, sent, of_request=True) for sent in range(5)]
    assert told == [Deed.NOTHING, Deed.NOTHING, expected, Deed.NOTHING, Deed.NOTHING]
    assert expected in deeds.INTERJECTIONS


def test_no_fault_no_deed() -> None:
    assert deeds.deed(None, 5, of_request=False) is Deed.NOTHING
    assert deeds.before_head(None) is Deed.NOTHING


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("silent_prefill", Deed.SILENCE),
        ("html_error", Deed.HTML),
        ("die_before_head", Deed.CUT),
        ("die_before_head:how=rst", Deed.RESET),
    ],
)
def test_instead_of_an_answer(spec: str, expected: Deed) -> None:
    assert deeds.before_head(faults.parse(spec)) is expected


def test_every_other_fault_has_a_head() -> None:
    headless = {FaultName.SILENT_PREFILL, FaultName.HTML_ERROR, FaultName.DIE_BEFORE_HEAD}
    assert {name for name in FaultName if deeds.before_head(faults.parse(name)) is not Deed.NOTHING} == headless
