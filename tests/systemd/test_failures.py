"""A failure of each class, and what an operator sees of it: systemd's words, the state, `slotctl status`, the log.

What is known by its line alone is in the unit tests, all of it; here one of each kind goes all the way.
"""

from __future__ import annotations

import pytest
from processes import until
from systemd.installed import SLOT, Installed
from systemd.load import Sort, chat

from slot.failures import incident
from slot.state import SlotState

pytestmark = pytest.mark.systemd

INCIDENTS = "var/lib/b70-vllm-slot/incidents"
# what a probe of the readiness ladder and a first word cost; the answer in which it happens is longer
LATER = "after_tokens=12"


def begin(installed: Installed, name: str, *faults: str, **keys: object) -> None:
    """The slot with a profile of these faults. Whether it comes up is the test's to see."""
    installed.machine.systemctl("stop", SLOT)
    installed.machine.systemctl("reset-failed", check=False)
    installed.add_profile(name, *faults, **keys)
    installed.activate(name)
    installed.machine.systemctl("start", SLOT, check=False, timeout=60)


def kept(installed: Installed, name: str) -> list[incident.Record]:
    """The incidents of this name, oldest first."""
    directory = installed.machine.root / INCIDENTS
    found = [incident.read(directory / each.name) for each in incident.entries(directory)]
    return sorted((each for each in found if each and each.name == name), key=lambda each: each.at)


def test_an_error_of_the_configuration_is_not_restarted_and_says_what_fits(installed: Installed) -> None:
    begin(installed, "sim-too-long", "crash_loading:text=context_does_not_fit")
    installed.machine.wait_for(SLOT, ActiveState="failed", Result="exit-code", ExecMainStatus="78", NRestarts="0")
    state = installed.until_state("failed", "sim-too-long")
    assert state.failure is not None
    assert (state.failure.name, state.failure.kind) == ("context-does-not-fit", "configuration")
    assert (state.failure.restart_can_help, state.failure.exit_code) == (False, 1)
    told = installed.slotctl("status", check=False).stdout
    assert state.failure.cause in told
    assert "SERVE_MAX_MODEL_LEN=32768" in told
    assert any(state.failure.cause in line and "SERVE_MAX_MODEL_LEN=32768" in line for line in installed.log())
    [record] = kept(installed, "context-does-not-fit")
    assert record.failure is not None and record.failure.cause == state.failure.cause
    assert state.failure.incident is not None and state.failure.incident in told
    assert installed.machine.read(f"{state.failure.incident}/engine.log")


def test_an_engine_that_fell_is_started_again(installed: Installed) -> None:
    begin(installed, "sim-falls", f"crash:{LATER}")
    installed.start()
    installed.until_served("sim-falls")
    assert chat(installed.machine, max_tokens=40).sort is not Sort.OK
    installed.machine.wait_for(SLOT, ActiveState="active", NRestarts="1")
    installed.until_served("sim-falls")
    [record] = kept(installed, "engine-core-died")
    assert record.failure is not None
    assert (record.failure.kind, record.failure.restart_can_help) == ("engine", True)
    assert any(record.failure.cause in line for line in installed.log())


def test_a_card_that_failed_is_asked_before_anything_is_started_on_it(installed: Installed) -> None:
    begin(installed, "sim-loses", f"device_lost:{LATER}")
    installed.start()
    installed.until_served("sim-loses")
    since = len(installed.log())
    assert chat(installed.machine, max_tokens=40).sort is not Sort.OK
    installed.machine.wait_for(SLOT, ActiveState="active", NRestarts="1")
    installed.until_served("sim-loses")
    [record] = kept(installed, "device-lost")
    assert record.failure is not None
    assert (record.failure.kind, record.failure.restart_can_help) == ("device", False)
    # first it was lost, then looked at; only then, as above, started again
    after = "\n".join(installed.log()[since:])
    assert after.index(record.failure.cause) < after.index("after the device fault")
    assert chat(installed.machine, max_tokens=40).sort is not Sort.OK
    installed.machine.wait_for(SLOT, ActiveState="failed", Result="exit-code", ExecMainStatus="71")
    failure = installed.until_state("failed", "sim-loses").failure
    assert failure is not None and failure.next_step is not None
    assert "slotctl recover" in failure.next_step


@pytest.mark.parametrize(
    ("line", "name", "kind", "label"),
    [
        ("ValueError: Out of range float values are not JSON compliant: nan", "nan-logits", "quality", "alarm"),
        ("IGC: Internal Compiler Error: Floating point exception", "compiler-error-survived", "benign", "note"),
    ],
)
def test_what_ends_nothing_is_told_and_nobody_is_disturbed(
    installed: Installed, line: str, name: str, kind: str, label: str
) -> None:
    begin(installed, f"sim-{kind}", f"say:phase=warmup,line={line}")
    installed.start()
    installed.until_served(f"sim-{kind}")

    def told() -> SlotState | None:
        state = installed.state()
        return state if state and state.warnings else None

    state = until(told, lambda: f"a warning in {installed.state()}", 10.0)
    [notice] = state.warnings
    assert (notice.name, notice.kind) == (name, kind)
    assert (state.state, state.failure) == ("serving", None)
    [shown] = [each for each in installed.slotctl("status").stdout.splitlines() if notice.words in each]
    assert shown.split()[0] == label
    assert any(notice.words in each for each in installed.log())
    assert bool(kept(installed, name)) is (kind == "quality")  # an alarm is kept for whoever looks into it
    assert installed.machine.show(SLOT, "NRestarts") == {"NRestarts": "0"}
