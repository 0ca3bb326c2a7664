"""`slotctl pause`, `resume` and `drain`, at a frontdoor that has a control socket; and without one."""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.fixture
def with_socket(place: Any) -> Any:
    place.environment["FRONTDOOR_CONTROL_SOCKET"] = str(place.directory / "control.sock")
    return place


def test_a_pause_a_drain_and_a_resume(with_socket: Any) -> None:
    place = with_socket
    running = place.serving("quick")
    paused = place.run("pause", "back at noon")
    assert (paused.returncode, paused.stdout) == (0, "paused; open it again with: slotctl resume\n")
    status = place.run("status")
    assert status.returncode == 1
    assert "back at noon" in status.stdout
    drained = place.run("drain", "--timeout", "5", "--json")
    assert drained.returncode == 0
    assert json.loads(drained.stdout.splitlines()[-1])["reply"] == "done"
    resumed = place.run("resume", "--json")
    assert (resumed.returncode, json.loads(resumed.stdout)) == (0, {"paused": False})
    assert place.run("status").returncode == 0
    running.interrupt()
    assert running.exit_code() == 0, running.output


@pytest.mark.parametrize("argv", [("pause",), ("resume",), ("drain", "--timeout", "1")])
def test_without_a_frontdoor_it_says_how_to_get_one(with_socket: Any, argv: tuple[str, ...]) -> None:
    done = with_socket.run(*argv)
    assert done.returncode == 69
    assert "control.sock: no frontdoor listens there" in done.stderr
    assert "systemctl start b70-openai-frontdoor" in done.stderr
