"""The load generator itself: that it sees what befalls a client, and calls it by its name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from systemd import catalog
from systemd.installed import SLOT, Installed
from systemd.load import Load, Sort, chat

pytestmark = pytest.mark.systemd


@pytest.fixture(scope="module")
def served(installed: Installed) -> Iterator[Installed]:
    installed.start()
    installed.until_served()
    yield installed
    installed.stop()


def test_the_installed_product_serves(served: Installed) -> None:
    outcome = chat(served.machine)
    assert (outcome.sort, outcome.model, outcome.tokens) == (Sort.OK, catalog.A, 8), outcome
    assert served.active_name() == catalog.A
    assert served.until_state("serving", catalog.A).simulated


@pytest.mark.parametrize(
    ("fault", "streamed", "whole"),
    [
        ("pause:seconds=0.1", Sort.OK, Sort.OK),
        ("die_mid_stream", Sort.CUT, Sort.FAILED),  # the door has read a whole answer before it sends a head
        ("die_mid_stream:how=rst", Sort.CUT, Sort.FAILED),
        ("no_done", Sort.CUT, Sort.OK),
        ("error_frame", Sort.CUT, Sort.FAILED),
        ("finish_abort", Sort.CUT, Sort.FAILED),
        ("die_before_head", Sort.FAILED, Sort.FAILED),
        ("html_error", Sort.FAILED, Sort.FAILED),
    ],
)
def test_what_befalls_a_client_has_a_name(served: Installed, fault: str, streamed: Sort, whole: Sort) -> None:
    outcomes = [chat(served.machine, stream=stream, simulator_fault=fault) for stream in (True, False)]
    assert [outcome.sort for outcome in outcomes] == [streamed, whole], outcomes


def test_a_restart_of_the_slot_is_told_and_cuts_those_who_were_in_it(served: Installed) -> None:
    with Load(served.machine) as load:
        load.until(Sort.OK, 3)
        served.machine.systemctl("restart", SLOT)
        load.until(Sort.OK, 3)
    assert load.answers.count(Sort.REFUSED), load.answers
    assert load.answers.models == [catalog.A]
    with pytest.raises(AssertionError, match="cut"):
        load.answers.assert_nobody_was_hurt()


def test_a_closed_door_is_a_failure(served: Installed) -> None:
    assert chat(served.machine, port=9).sort is Sort.FAILED
