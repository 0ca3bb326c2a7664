"""Could this host serve it? The doctor, asked before anything is touched, with the eyes of the slot's own user.

Root reads files that the engine's user cannot, and root executes nothing of the engine's: so `slotctl check --here`
runs as that user, in the slot's own environment. What it says is what a start would meet.
"""

from __future__ import annotations

import json
import os
import pwd
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slot import units

TIMEOUT_S = 240.0  # the engine's own parser is asked; on a cold cache it imports all of torch
_PROPERTIES = "--property=User,Environment,ExecStart"


@dataclass(frozen=True)
class Findings:
    """`failed`: what keeps the profile from being served here; `warned`: what the admin should know. Sentences."""

    failed: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()

    def why_not(self) -> str:
        """What the history keeps of it: a line for each."""
        return "\n".join(("this host cannot serve it", *(" ".join(each.split()) for each in self.failed)))


@dataclass(frozen=True)
class Life:
    """How the slot's unit lives: `user` "" is root; `simulates`: its engine is the simulator, whatever is asked for."""

    user: str
    environment: Mapping[str, str]
    simulates: bool


def life(shown: str) -> Life:
    """`shown`: what `systemctl show` says of the slot's unit."""
    said = units.properties(shown)
    pairs = (word.split("=", 1) for word in shlex.split(said.get("Environment", "")) if "=" in word)
    simulates = "--simulate" in said.get("ExecStart", "").split()
    return Life(said.get("User", ""), {name: value for name, value in pairs}, simulates)


def slots_life() -> Life:
    """Raises units.Refusal."""
    return life(units.run("show", _PROPERTIES, "--", units.SLOT, timeout_s=units.LOOK_TIMEOUT_S))


def try_to_activate(active: Path, text: bytes) -> None:
    """Whether `text` could become the active profile: a disk that does not take it is found here, and not when the
    model that serves was stopped for it. Nothing stays behind. Raises OSError.
    """
    active.parent.mkdir(parents=True, exist_ok=True)
    if active.exists() and active.read_bytes() == text:
        return
    with tempfile.NamedTemporaryFile(prefix=f".{active.name}.", dir=active.parent) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def ask(target: str) -> Findings:
    """`target`: a profile's name, or the active profile's path. Raises units.Refusal."""
    slot = slots_life()
    words = [sys.executable, "-m", "slot.cli", "check", "--here", target, "--json"]
    words += ["--simulate"] if slot.simulates else []
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, **_as_user(slot))
    except KeyError:
        return Findings(failed=(f"the slot's user {slot.user} does not exist: `slotctl install` makes it",))
    except PermissionError:
        # a checkout in a home that only its owner may enter: the slot's sandbox shows it to the slot alone
        return Findings(warned=(f"this host was not looked at: {slot.user} may not run {sys.executable}",))
    except (OSError, subprocess.TimeoutExpired) as exc:
        return Findings(warned=(f"this host was not looked at: {exc}",))
    return read(done.stdout, done.stderr)


def read(output: str, complaint: str) -> Findings:
    """What `slotctl check --json` said; `complaint`: what it wrote to stderr."""
    try:
        [report] = json.loads(output)
        problems = tuple(_problem(each) for each in report["problems"])
        findings: Sequence[dict[str, Any]] = report["findings"]
    except (ValueError, KeyError, TypeError):
        last = next((line for line in reversed(complaint.splitlines()) if line.strip()), "it said nothing")
        return Findings(warned=(f"this host was not looked at: {last.strip()}",))
    failed = tuple(_sentence(each) for each in findings if each["level"] == "fail")
    return Findings(problems + failed, tuple(_sentence(each) for each in findings if each["level"] == "warn"))


def _sentence(finding: dict[str, Any]) -> str:
    return f"{finding['check']}: {finding['looked_at']}: {finding['found']}; {finding['do']}"


def _problem(problem: dict[str, Any]) -> str:
    return f"{problem.get('file')}:{problem.get('line')}: {problem.get('key')}: {problem.get('found')}"


def _as_user(slot: Life) -> dict[str, Any]:
    """Raises KeyError for a user that does not exist."""
    base = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TZ")}
    if not slot.user or os.geteuid() != 0:
        return {"env": {**base, "HOME": os.environ.get("HOME", "/"), **slot.environment}}
    known = pwd.getpwnam(slot.user)
    groups = os.getgrouplist(known.pw_name, known.pw_gid)
    environment = {**base, "HOME": known.pw_dir, **slot.environment}
    return {"env": environment, "user": known.pw_uid, "group": known.pw_gid, "extra_groups": groups, "cwd": "/"}
