from __future__ import annotations

import pytest

from slot.cards.verdict import CardSight, Ended, NotAsked, Silent, Verdict, all_healthy, judge, not_healthy


@pytest.mark.parametrize(
    ("outcome", "verdict", "words"),
    [
        (NotAsked("there is no /venv/bin/python"), Verdict.UNKNOWN, "there is no /venv/bin/python"),
        (Silent(30, is_left=False), Verdict.WEDGED, "no answer within 30 s"),
        (Silent(0.5, is_left=True), Verdict.WEDGED, "no answer within 0.5 s; the process that asked cannot be ended"),
        (Ended(-11, ""), Verdict.FAULTY, "who asked it was ended by SIGSEGV"),
        (Ended(-6, '{"is_right": true}'), Verdict.FAULTY, "who asked it was ended by SIGABRT"),
        (Ended(-40, ""), Verdict.FAULTY, "who asked it was ended by signal 40"),
        (Ended(0, '{"is_right": true}'), Verdict.HEALTHY, "it computes"),
        (Ended(0, '{"is_right": false}'), Verdict.FAULTY, "it computes wrongly"),
        (Ended(1, '{"error": "UR_RESULT_ERROR_DEVICE_LOST"}'), Verdict.FAULTY, "UR_RESULT_ERROR_DEVICE_LOST"),
        (Ended(0, '{"cannot_ask": "no xpu in this torch"}'), Verdict.UNKNOWN, "no xpu in this torch"),
        (Ended(1, "ModuleNotFoundError: torch"), Verdict.UNKNOWN, "no answer, exit code 1: ModuleNotFoundError: torch"),
        (Ended(0, ""), Verdict.UNKNOWN, "no answer, exit code 0: nothing was said"),
        (Ended(0, "[]"), Verdict.UNKNOWN, "no answer, exit code 0: []"),
    ],
)
def test_judge(outcome: NotAsked | Silent | Ended, verdict: Verdict, words: str) -> None:
    assert judge(outcome) == (verdict, words)


def test_all_of_none_are_healthy() -> None:
    assert (all_healthy([]), not_healthy([])) == (True, "")


@pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.HEALTHY])
def test_one_that_is_not_spoils_it(verdict: Verdict) -> None:
    sights = [CardSight("0000:03:00.0", Verdict.HEALTHY, "it computes"), CardSight("0000:07:00.0", verdict, "so it is")]
    assert not all_healthy(sights)
    assert not_healthy(sights) == f"0000:07:00.0 {verdict}: so it is"
