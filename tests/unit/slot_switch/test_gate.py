"""Who may begin a switch, who need not, and who may not and why."""

from __future__ import annotations

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


def ask(profile: Profile, serving: Which | None = None, cooldowns: Cooldowns | None = None, **words: bool) -> object:
    return refusal(Request("one", **words), profile, serving, cooldowns or {}, NOW)


def test_what_serves_already_needs_no_switch(profile: Profile) -> None:
    assert isinstance(ask(profile, which(profile)), NoOp)
    assert ask(profile, which(profile), restart=True) is None


def test_an_edited_profile_is_another(profile: Profile) -> None:
    assert ask(profile, Which("one", "0" * 64)) is None


@pytest.mark.parametrize("profile", ["rejected", "blocked-upstream"], indirect=True)
def test_unproven_ones_are_refused_with_their_reason(profile: Profile) -> None:
    found = ask(profile)
    assert isinstance(found, Refused)
    assert found.code is ExitCode.CONFIG
    assert "It says why." in found.words
    assert ask(profile, allow_unproven=True) is None
    assert isinstance(ask(profile, force=True), Refused)


@pytest.mark.parametrize("profile", ["base"], indirect=True)
def test_a_base_serves_nothing(profile: Profile) -> None:
    assert isinstance(ask(profile, allow_unproven=True), Refused)


def test_what_has_just_failed_cools_down(profile: Profile) -> None:
    cooldowns = cooled({}, which(profile), "out of memory", NOW - 30)
    found = ask(profile, cooldowns=cooldowns)
    assert isinstance(found, Refused)
    assert "has failed once and cools down for another 10 min: out of memory" in found.words
    assert ask(profile, cooldowns=cooldowns, force=True) is None
    assert ask(profile, cooldowns=cooldowns, allow_unproven=True) is None
