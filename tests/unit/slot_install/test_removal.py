"""Uninstall: what was ours is gone, and what was not is as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.slot_install.hosts import BARE, WANTED, after
from unit.slot_install.test_plan import wanteds, worlds

from slot import units
from slot.install import places
from slot.install.ownership import CannotInstall
from slot.install.plan import install
from slot.install.removal import uninstall
from slot.install.wanted import Wanted, World

KEYS = Path("/etc/b70-vllm-slot/keys")
RUNNING = frozenset({*places.RUN_DIRS, places.DATA_DIR, places.SWITCH_DIR})


@given(wanteds, worlds, st.booleans())
def test_it_leaves_nothing_of_ours_and_all_of_the_others(wanted: Wanted, world: World, purge: bool) -> None:
    installed = after(install(wanted, world), world)
    gone = after(uninstall(installed, purge=purge), installed)
    data = set() if purge else {places.DATA_DIR, places.INCIDENTS_DIR}
    assert (gone.files, gone.directories) == (world.files, world.directories | data)
    assert gone.enabled == frozenset()
    assert not gone.active & set(places.STANDING)
    assert uninstall(gone, purge=purge) == ()


@pytest.mark.parametrize("purge", [False, True])
def test_data_and_accounts_stay_unless_told_otherwise(purge: bool) -> None:
    installed = after(install(WANTED, BARE), BARE)
    lived = replace(installed, directories=installed.directories | RUNNING)
    gone = after(uninstall(lived, purge=purge), lived)
    kept = frozenset() if purge else frozenset({places.DATA_DIR, places.SWITCH_DIR})
    assert gone.directories & RUNNING == kept
    assert gone.accounts & {places.SLOT_USER, units.OPERATORS} == (
        frozenset() if purge else {places.SLOT_USER, units.OPERATORS}
    )


def test_a_login_user_is_never_deleted() -> None:
    steve = replace(BARE, accounts=BARE.accounts | {"steve"})
    installed = after(install(replace(WANTED, user="steve"), steve), steve)
    assert "steve" in after(uninstall(installed, purge=True), installed).accounts


def test_an_admins_own_files_stay_where_they_are() -> None:
    installed = after(install(WANTED, BARE), BARE)
    with_keys = replace(installed, files={**installed.files, KEYS: "secret\n"})
    gone = after(uninstall(with_keys, purge=True), with_keys)
    assert dict(gone.files) == {KEYS: "secret\n"}
    assert KEYS.parent in gone.directories


def test_the_slot_stops_first_and_the_files_go_last() -> None:
    installed = after(install(WANTED, BARE), BARE)
    assert [str(each) for each in uninstall(installed, purge=False)[:5]] == [
        "systemctl disable b70-vllm-slot.service b70-openai-frontdoor.service b70-openai-frontdoor.socket",
        "systemctl stop b70-vllm-slot.service",
        "systemctl stop b70-openai-frontdoor.socket b70-openai-frontdoor.service",
        "systemctl reset-failed b70-vllm-slot.service b70-openai-frontdoor.service b70-openai-frontdoor.socket",
        f"remove {places.ACTIVE_PROFILE}",
    ]


def test_one_that_was_cut_off_is_finished_without_its_record() -> None:
    installed = after(install(WANTED, BARE), BARE)
    files = {path: text for path, text in installed.files.items() if path != places.RECORD}
    cut = replace(installed, files=files, record=None)
    gone = after(uninstall(cut, purge=False), cut)
    # without a record nobody can say whose a profile is
    assert set(gone.files) == {places.ACTIVE_PROFILE}


def test_the_predecessors_units_are_not_ours_to_remove() -> None:
    path = places.unit_file(units.SLOT)
    theirs = replace(BARE, files={path: "[Service]\nExecStart=/home/steve/x.sh\n"}, active=frozenset({units.SLOT}))
    assert uninstall(theirs, purge=False) == ()


def test_not_during_a_switch() -> None:
    installed = after(install(WANTED, BARE), BARE)
    with pytest.raises(CannotInstall, match="a switch is under way"):
        uninstall(replace(installed, active=installed.active | {"b70-slot-switch@a.service"}), purge=False)
