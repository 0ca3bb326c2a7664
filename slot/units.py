"""The units of the slot, who may operate them, and systemctl: the only way in which `slotctl` speaks to systemd.

Every call has a limit, and none asks for a password: who may not do something is told so, and polkit's rule for the
operators is what lets them. Which unit is to be started when is decided by those who call.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SLOT = "b70-vllm-slot.service"
DOOR = "b70-openai-frontdoor.service"
SOCKET = "b70-openai-frontdoor.socket"
SWITCH_TEMPLATE = "b70-slot-switch@.service"
# what held the same cards and the same port before; Conflicts= in our units keeps them from running beside ours
PREDECESSORS = ("minimax-vllm.service", "minimax-openai-frontdoor.service")
# its members may switch, pause and restart without root; the units in deploy/systemd/ name it too
OPERATORS = "b70-operators"

BOOTED = Path("/run/systemd/system")  # sd_booted(3)
LOOK_TIMEOUT_S = 5.0
_SYSTEMCTL = ("systemctl", "--no-ask-password", "--no-pager")
_SHOWN = "LoadState,ActiveState,SubState,Result,ExecMainStatus,MainPID,UnitFileState,StatusText"


class Refusal(Exception):
    """systemd, or polkit, did not do what was asked. `words`: its own sentence."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True)
class UnitSight:
    """What `systemctl show` says of a unit, in its own words (systemctl(1)); those that it does not say are empty.

    `exit_status` is that of the main process' last end. A unit that is inactive and that nothing refers to is loaded
    anew for the answer: its `result` is then `success`, whatever happened. Failed ones are kept.
    """

    load: str
    active: str
    sub: str
    result: str
    exit_status: int
    main_pid: int
    enabled: str
    status_text: str


def is_booted() -> bool:
    """Whether this system was booted by systemd: elsewhere every other function here raises Refusal."""
    return BOOTED.is_dir()


def switch_unit(instance: str) -> str:
    """The unit of one switch; `instance` is the request as `slot.switch.request` writes it."""
    return SWITCH_TEMPLATE.replace("@", f"@{instance}")


def look(unit: str) -> UnitSight:
    """How a unit is; one that does not exist has `load` `not-found`. Raises Refusal."""
    return sight(run("show", f"--property={_SHOWN}", "--", unit, timeout_s=LOOK_TIMEOUT_S))


def seen(unit: str) -> UnitSight | None:
    """The same for whoever can do without it: None where systemd does not tell."""
    try:
        return look(unit)
    except Refusal:
        return None


def listed(pattern: str, states: Sequence[str]) -> list[str]:
    """The names of the loaded units that match and are in one of these states (ActiveState). Raises Refusal."""
    words = ("list-units", "--plain", "--no-legend", "--full", f"--state={','.join(states)}", pattern)
    return [line.split()[0] for line in run(*words, timeout_s=LOOK_TIMEOUT_S).splitlines() if line.strip()]


def properties(shown: str) -> dict[str, str]:
    """What `systemctl show` says, by property."""
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def sight(shown: str) -> UnitSight:
    """What the lines of `systemctl show` say."""
    said = properties(shown)
    return UnitSight(
        load=said.get("LoadState", ""),
        active=said.get("ActiveState", ""),
        sub=said.get("SubState", ""),
        result=said.get("Result", ""),
        exit_status=int(said.get("ExecMainStatus") or 0),
        main_pid=int(said.get("MainPID") or 0),
        enabled=said.get("UnitFileState", ""),
        status_text=said.get("StatusText", ""),
    )


def main_process_began(unit: str) -> float | None:
    """When its main process was started for the last time, in seconds since the epoch; None: it was not.

    Raises Refusal.
    """
    said = run("show", "--property=ExecMainStartTimestampMonotonic", "--value", "--", unit, timeout_s=LOOK_TIMEOUT_S)
    began_us = int(said.strip() or 0)
    # the clock on the wall may have been set since; this one is never
    return time.time() - (time.monotonic() - began_us / 1e6) if began_us else None


def start(unit: str) -> subprocess.Popen[str]:
    """Asks for it and returns at once; the child ends when systemd has done it, and says on stderr why it has not."""
    return _child("start", unit)


def stop(unit: str) -> subprocess.Popen[str]:
    return _child("stop", unit)


def restart(unit: str) -> subprocess.Popen[str]:
    return _child("restart", unit)


def run(*words: str, timeout_s: float) -> str:
    """What `systemctl WORDS` says. Raises Refusal where it fails, is not there, or takes longer."""
    command = [*_SYSTEMCTL, *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except FileNotFoundError:
        raise Refusal("there is no systemctl on this system") from None
    except subprocess.TimeoutExpired:
        raise Refusal(f"systemd has not answered `systemctl {' '.join(words)}` within {timeout_s:g} s") from None
    if done.returncode != 0 and not _had_nothing_to_reset(words, done.stderr):
        raise Refusal(done.stderr.strip() or done.stdout.strip() or f"systemctl ended with {done.returncode}")
    return done.stdout


def _had_nothing_to_reset(words: tuple[str, ...], complaint: str) -> bool:
    """A unit that systemd has forgotten has not failed, and `reset-failed` calls that an error."""
    return words[0] == "reset-failed" and complaint.rstrip().endswith("not loaded.")


def _child(verb: str, unit: str) -> subprocess.Popen[str]:
    command = [*_SYSTEMCTL, verb, "--", unit]
    try:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise Refusal("there is no systemctl on this system") from None
