from __future__ import annotations

import pytest

from frontdoor.process import systemd
from frontdoor.process.systemd import BadEnvironment, PassedFd, heartbeat_s, passed_fds, without_ours

ME = 42


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, []),
        ({"LISTEN_FDS": "1"}, []),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "41"}, []),
        ({"LISTEN_FDS": "nonsense", "LISTEN_PID": "41"}, []),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "42"}, [PassedFd(3, "unknown")]),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "42", "LISTEN_FDNAMES": ""}, [PassedFd(3, "unknown")]),
        ({"LISTEN_FDS": "2", "LISTEN_PID": "42", "LISTEN_FDNAMES": "a:b"}, [PassedFd(3, "a"), PassedFd(4, "b")]),
    ],
)
def test_files_are_taken_when_they_are_for_us(environment: dict[str, str], found: list[PassedFd]) -> None:
    assert passed_fds(environment, ME) == found


@pytest.mark.parametrize("count", ["", "0", "-1", "65", "1.0", " 1", "\u0661", "x"])
def test_a_count_that_makes_no_sense_is_told(count: str) -> None:
    with pytest.raises(BadEnvironment, match="LISTEN_FDS: found .*, expected a number from 1 to 64"):
        passed_fds({"LISTEN_FDS": count, "LISTEN_PID": "42"}, ME)


def test_there_are_as_many_names_as_files() -> None:
    with pytest.raises(BadEnvironment, match="LISTEN_FDNAMES: found 2 names, expected 1"):
        passed_fds({"LISTEN_FDS": "1", "LISTEN_PID": "42", "LISTEN_FDNAMES": "a:b"}, ME)


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "41"}, None),
        ({"WATCHDOG_USEC": "1"}, 0.0000005),
    ],
)
def test_the_heartbeat_is_twice_as_quick_as_the_watchdog(environment: dict[str, str], found: float | None) -> None:
    assert heartbeat_s(environment, ME) == found


def test_a_watchdog_without_a_number_is_told() -> None:
    with pytest.raises(BadEnvironment, match="WATCHDOG_USEC"):
        heartbeat_s({"WATCHDOG_USEC": "soon"}, ME)


def test_a_successor_inherits_nothing_that_names_us() -> None:
    said = {"LISTEN_FDS": "1", "LISTEN_PID": "42", "LISTEN_FDNAMES": "a", "WATCHDOG_PID": "42"}
    stays = {"WATCHDOG_USEC": "30000000", "NOTIFY_SOCKET": "/run/systemd/notify", "FRONTDOOR_PORT": "1"}
    assert without_ours(said | stays) == stays


def test_the_words() -> None:
    assert systemd.reloading(1_234_567_890) == "RELOADING=1\nMONOTONIC_USEC=1234567"
    assert systemd.status("two\nlines") == "STATUS=two lines"
    assert systemd.more_time(1.5) == "EXTEND_TIMEOUT_USEC=1500000"
    assert systemd.main_pid(7) == "MAINPID=7"
