"""Install and upgrade: only what differs, in an order that works, and nothing that would hurt what runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.slot_install.hosts import BARE, POLKIT, WANTED, after

from slot import units
from slot.install import places
from slot.install.ownership import CannotInstall
from slot.install.plan import install, notes, upgrade, what_next
from slot.install.sandbox import Sandbox
from slot.install.wanted import MakeDirectory, RemoveFile, Run, Systemctl, Wanted, World, WriteFile

PREDECESSORS_SLOT = {places.unit_file(units.SLOT): "[Service]\nExecStart=/home/steve/serve-vllm-profile.sh\n"}
MINIMAX = frozenset(units.PREDECESSORS)

wanteds = st.builds(
    replace,
    st.just(WANTED),
    bin_dir=st.sampled_from([Path("/opt/slot/bin"), Path("/home/a/.venv/bin"), places.COMMAND_DIR]),
    engine=st.sampled_from([Sandbox((), ()), Sandbox((Path("/root/x"),), (Path("/mnt/cache"),))]),
    active_profile=st.sampled_from([None, "MODEL_SLOT_NAME=a\n"]),
    catalog_dir=st.sampled_from([None, Path("/srv/profiles")]),
    user=st.sampled_from([places.SLOT_USER, "steve"]),
    port=st.sampled_from([8000, 8001]),
    simulate=st.booleans(),
    enable=st.booleans(),
    start=st.booleans(),
)
worlds = st.builds(
    replace,
    st.just(BARE),
    systemd_version=st.sampled_from([252, 254]),
    has_polkit=st.booleans(),
    enabled=st.sampled_from([frozenset(), MINIMAX]),
    active=st.sampled_from([frozenset(), MINIMAX]),
)


def words(operations: tuple[object, ...]) -> list[str]:
    return [str(each) for each in operations if isinstance(each, Systemctl | Run)]


@given(wanteds, worlds)
def test_a_second_time_there_is_nothing_to_do(wanted: Wanted, world: World) -> None:
    installed = after(install(wanted, world), world)
    assert install(wanted, installed) == ()


@given(wanteds, wanteds, worlds)
def test_whatever_was_installed_before_it_ends_as_if_it_had_not_been(
    before: Wanted, wanted: Wanted, world: World
) -> None:
    wanted = replace(wanted, active_profile=before.active_profile)
    there = after(install(before, world), world)
    one, other = after(install(wanted, there), there), after(install(wanted, world), world)
    assert (one.files, one.directories) == (other.files, other.directories)


def test_the_order_of_a_first_installation() -> None:
    operations = install(WANTED, replace(BARE, enabled=MINIMAX))
    last_file = max(i for i, each in enumerate(operations) if isinstance(each, WriteFile))
    assert words(operations[:last_file]) == []
    assert operations[last_file + 2 : last_file + 4] == (
        MakeDirectory(places.DATA_DIR, places.SLOT_USER),
        MakeDirectory(places.INCIDENTS_DIR, places.SLOT_USER, units.OPERATORS, 0o2750),
    )
    assert words(operations) == [
        f"systemd-sysusers {places.SYSUSERS}",
        "systemctl daemon-reload",
        "systemctl disable minimax-vllm.service minimax-openai-frontdoor.service",
        "systemctl enable b70-vllm-slot.service b70-openai-frontdoor.service b70-openai-frontdoor.socket",
        "systemctl start b70-openai-frontdoor.socket",
        "systemctl start b70-openai-frontdoor.service",
        "systemctl start b70-vllm-slot.service",
    ]


def test_neither_enabled_nor_started_unless_asked_for() -> None:
    operations = install(replace(WANTED, enable=False, start=False), BARE)
    assert words(operations) == [f"systemd-sysusers {places.SYSUSERS}", "systemctl daemon-reload"]


@pytest.mark.parametrize(
    ("wanted", "before", "says"),
    [
        ({"start": True}, {}, None),
        ({}, {"active": {units.SLOT}}, None),
        (
            {"active_profile": None},
            {},
            "no profile is active. Next: sudo slotctl install --profile NAME --enable --start;",
        ),
        (
            {"active_profile": None},
            {"files": {places.ACTIVE_PROFILE: "x"}},
            "Next: sudo slotctl install --enable --start",
        ),
        ({}, {}, f"its profile is {places.ACTIVE_PROFILE}. Next: sudo slotctl install --enable --start"),
        ({"enable": True}, {}, "Next: sudo slotctl install --start"),
        ({}, {"enabled": {units.SLOT}}, "Next: sudo slotctl install --start"),
        ({"simulate": True}, {}, "Next: sudo slotctl install --simulate --enable --start"),
    ],
)
def test_what_is_to_be_done_before_a_model_serves(
    wanted: dict[str, Any], before: dict[str, Any], says: str | None
) -> None:
    said = what_next(replace(WANTED, **({"enable": False, "start": False} | wanted)), replace(BARE, **before))
    assert len(said) == (says is not None)
    assert all(says in each for each in said)


def test_an_account_that_was_deleted_comes_back() -> None:
    installed = after(install(WANTED, BARE), BARE)
    without = replace(installed, accounts=installed.accounts - {units.OPERATORS})
    assert words(install(WANTED, without)) == [f"systemd-sysusers {places.SYSUSERS}"]


def test_a_unit_that_was_edited_is_written_again() -> None:
    installed = after(install(WANTED, BARE), BARE)
    edited = replace(installed, files={**installed.files, places.unit_file(units.SLOT): "[Service]\n"})
    operations = install(WANTED, edited)
    assert [str(each) for each in operations] == [
        f"write {places.unit_file(units.SLOT)}",
        "systemctl daemon-reload",
    ]
    [note] = notes(WANTED, edited, operations)
    assert "slotctl restart" in note


def test_another_port_moves_the_address_and_nothing_else() -> None:
    installed = after(install(WANTED, BARE), BARE)
    operations = install(replace(WANTED, port=8001), installed)
    assert words(operations) == [
        "systemctl stop b70-openai-frontdoor.socket b70-openai-frontdoor.service",
        "systemctl daemon-reload",
        "systemctl start b70-openai-frontdoor.socket",
        "systemctl start b70-openai-frontdoor.service",
    ]
    moved = after(operations, installed)
    back = install(WANTED, moved)
    assert RemoveFile(places.drop_in(units.SOCKET)) in back


def test_an_active_slot_keeps_its_profile() -> None:
    installed = after(install(WANTED, BARE), BARE)
    with pytest.raises(CannotInstall, match="active with another profile"):
        install(replace(WANTED, active_profile="MODEL_SLOT_NAME=b\n"), installed)
    stopped = replace(installed, active=frozenset(), started=frozenset())
    assert WriteFile(places.ACTIVE_PROFILE, "MODEL_SLOT_NAME=b\n") in install(
        replace(WANTED, active_profile="MODEL_SLOT_NAME=b\n"), stopped
    )


def test_one_that_is_still_starting_is_waited_for() -> None:
    installed = after(install(WANTED, BARE), BARE)
    failing = replace(installed, started=installed.started - {units.SLOT})
    assert words(install(WANTED, failing)) == [f"systemctl start {units.SLOT}"]


def test_not_during_a_switch() -> None:
    with pytest.raises(CannotInstall, match="a switch is under way"):
        install(WANTED, replace(BARE, active=frozenset({"b70-slot-switch@a.service"})))


def test_a_predecessor_under_the_same_name_is_stopped_only_to_be_replaced() -> None:
    theirs = replace(BARE, files=PREDECESSORS_SLOT, active=frozenset({units.SLOT}))
    with pytest.raises(CannotInstall, match="another program runs"):
        install(replace(WANTED, start=False), theirs)
    operations = install(WANTED, theirs)
    assert str(operations[0]) == f"systemctl stop {units.SLOT}"
    assert words(operations)[-1] == f"systemctl start {units.SLOT}"
    # not running, it is simply replaced
    assert words(install(replace(WANTED, enable=False, start=False), replace(theirs, active=frozenset())))[
        0
    ].startswith("systemd-sysusers")


def test_a_command_of_somebody_elses_is_left_alone() -> None:
    path = places.COMMAND_DIR / "slotctl"
    theirs = replace(BARE, files={path: "#!/bin/sh\necho mine\n"})
    installed = after(install(WANTED, theirs), theirs)
    assert installed.files[path] == "#!/bin/sh\necho mine\n"
    assert installed.record and str(path) not in installed.record.files


def test_where_there_is_no_polkit_there_is_no_rule_and_a_note() -> None:
    world = replace(BARE, has_polkit=False, directories=BARE.directories - POLKIT)
    operations = install(WANTED, world)
    assert places.POLKIT_RULE not in after(operations, world).files
    assert any("polkit" in note for note in notes(WANTED, world, operations))


def test_upgrade_brings_the_new_program_to_a_frontdoor_that_runs() -> None:
    installed = after(install(WANTED, BARE), BARE)
    again = replace(WANTED, active_profile=None, enable=False, start=False)
    for began_at in (None, 999.0, 1000.0):
        operations = upgrade(again, replace(installed, door_began_at=began_at))
        assert [str(each) for each in operations] == ["/opt/slot/bin/frontdoor replace"]
    assert upgrade(again, replace(installed, door_began_at=1000.1)) == ()
    assert upgrade(again, replace(installed, active=frozenset(), door_began_at=None)) == ()
    assert upgrade(again, replace(installed, active=frozenset())) == ()


def test_what_an_older_version_wrote_goes() -> None:
    installed = after(install(WANTED, BARE), BARE)
    old = Path("/etc/systemd/system/b70-old.service")
    assert installed.record
    record = msgspec.structs.replace(installed.record, files=(*installed.record.files, str(old)))
    text = msgspec.json.encode(record).decode()
    before = replace(installed, record=record, files={**installed.files, old: "[Unit]\n", places.RECORD: text})
    assert [str(each) for each in upgrade(replace(WANTED, start=False), before)][:3] == [
        f"write {places.RECORD}",
        f"remove {old}",
        "systemctl daemon-reload",
    ]
