"""How the slot's unit lives, by systemd's words, and what the doctor's report comes to."""

from __future__ import annotations

import json
from typing import Any

from slot.switch.check import Findings, Life, life, read

SHOWN = """User=b70-slot
Environment=SLOT_RUN_DIR=/run/b70-vllm-slot HOME=/var/lib/b70-vllm-slot "SLOT_NOTE=two words"
ExecStart={ path=/opt/bin/slotctl ; argv[]=/opt/bin/slotctl run ; ignore_errors=no ; pid=0 ; code=(null) ; status=0/0 }
"""


def test_how_the_unit_lives() -> None:
    assert life(SHOWN) == Life(
        "b70-slot",
        {"SLOT_RUN_DIR": "/run/b70-vllm-slot", "HOME": "/var/lib/b70-vllm-slot", "SLOT_NOTE": "two words"},
        simulates=False,
    )
    assert life(SHOWN.replace("slotctl run ;", "slotctl run --simulate ;")).simulates
    assert life("") == Life("", {}, simulates=False)


def report(problems: list[Any], findings: list[Any]) -> str:
    return json.dumps([{"problems": problems, "findings": findings}])


def finding(level: str) -> dict[str, str]:
    return {"check": "memory", "level": level, "looked_at": "ram", "found": "4 GiB", "expected": "9 GiB", "do": "buy"}


def test_what_failed_and_what_is_to_be_known() -> None:
    found = read(report([], [finding("ok"), finding("warn"), finding("fail")]), "")
    assert found == Findings(("memory: ram: 4 GiB; buy",), ("memory: ram: 4 GiB; buy",))


def test_a_bad_profile_is_a_failure() -> None:
    problem = {"file": "a.env", "line": 3, "key": "SERVE_PORT", "found": "'x'", "expected": "a port", "hint": None}
    assert read(report([problem], []), "").failed == ("a.env:3: SERVE_PORT: 'x'",)


def test_a_doctor_that_says_nothing_keeps_nobody_out_and_is_told() -> None:
    assert read("", "Traceback\n  boom\n\n") == Findings(warned=("this host was not looked at: boom",))
    assert read("[]", "").failed == ()
