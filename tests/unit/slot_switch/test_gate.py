"""Who may begin a switch, who need not, and who may not and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from slot.exit_codes import ExitCode
from slot.profiles.catalog import Catalog
from slot.profiles.profile import Profile
from slot.switch.cooldown import Cooldowns, cooled
from slot.switch.gate import NoOp, Refused, refusal, which
from slot.switch.request import Request
from slot.switch.steps import Which

NOW = 1000.0
TEXT = """MODEL_SLOT_NAME=one
MODEL_SLOT_STATUS={status}
MODEL_SLOT_STATUS_REASON="It says why."
MODEL_SLOT_ENGINE=simulator
MODEL_SLOT_HF_ID=simulated/one
MODEL_SLOT_MODALITIES=text
SERVE_MAX_MODEL_LEN=4096
SERVE_MAX_NUM_SEQS=4
"""


@pytest.fixture
def profile(tmp_path: Path, request: pytest.FixtureRequest) -> Profile:
    (tmp_path / "one.env").write_text(TEXT.format(status=getattr(request, "param", "test")))
    return Catalog(tmp_path).load("one")


@dataclass(frozen=True)
class Seen:
    serving: Which | None = None
    active: Profile | None = None
    cooldowns: Cooldowns = field(default_factory=dict)
    awaits_recovery: bool = False


def ask(profile: Profile, seen: Seen, **words: bool) -> object:
    return refusal(Request("one", **words), profile, seen, NOW)


def test_what_serves_already_needs_no_switch(profile: Profile) -> None:
    assert isinstance(ask(profile, Seen(which(profile), profile)), NoOp)
    assert ask(profile, Seen(which(profile), profile), restart=True) is None


def test_what_serves_but_would_not_after_the_next_boot_is_switched_to(profile: Profile) -> None:
    """`current.env` was removed or spoiled by hand: a switch writes it again."""
    assert ask(profile, Seen(which(profile), None)) is None


def test_an_edited_profile_is_another(profile: Profile) -> None:
    assert ask(profile, Seen(Which("one", "0" * 64))) is None


@pytest.mark.parametrize("profile", ["rejected", "blocked-upstream"], indirect=True)
def test_unproven_ones_are_refused_with_their_reason(profile: Profile) -> None:
    found = ask(profile, Seen())
    assert isinstance(found, Refused)
    assert found.code is ExitCode.CONFIG
    assert "It says why." in found.words
    assert ask(profile, Seen(), allow_unproven=True) is None
    assert isinstance(ask(profile, Seen(), force=True), Refused)


@pytest.mark.parametrize("profile", ["base"], indirect=True)
def test_a_base_serves_nothing(profile: Profile) -> None:
    assert isinstance(ask(profile, Seen(), allow_unproven=True), Refused)


def test_what_has_just_failed_cools_down(profile: Profile) -> None:
    seen = Seen(cooldowns=cooled({}, which(profile), "out of memory", NOW - 30))
    found = ask(profile, seen)
    assert isinstance(found, Refused)
    assert "has failed once and cools down for another 10 min: out of memory" in found.words
    assert ask(profile, seen, force=True) is None
    assert ask(profile, seen, allow_unproven=True) is None


def test_after_a_device_fault_nothing_starts_unasked(profile: Profile) -> None:
    found = ask(profile, Seen(awaits_recovery=True), allow_unproven=True)
    assert isinstance(found, Refused)
    assert (found.code, found.do) == (ExitCode.DEVICE, "slotctl recover")
    assert ask(profile, Seen(awaits_recovery=True), force=True) is None
