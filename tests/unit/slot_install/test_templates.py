"""The texts: what depends on the host is in the drop-ins, and the rest is as shipped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from unit.slot_install.hosts import WANTED

from slot import units
from slot.install import places
from slot.install.sandbox import Sandbox
from slot.install.templates import files, mode_of
from slot.install.wanted import Wanted

SLOTS = places.drop_in(units.SLOT)


def texts(wanted: Wanted, systemd_version: int = 252) -> dict[Path, str]:
    return files(wanted, systemd_version=systemd_version, has_polkit=True)


def lines_of(wanted: Wanted, path: Path, systemd_version: int = 252) -> list[str]:
    return texts(wanted, systemd_version).get(path, "").splitlines()[2:]


def test_a_plain_host_needs_no_drop_in() -> None:
    assert [path for path in texts(WANTED) if path.suffix == ".conf"] == [places.SYSUSERS]


@pytest.mark.parametrize("unit", places.SERVICES)
def test_the_units_start_this_very_program(unit: str) -> None:
    text = texts(WANTED)[places.unit_file(unit)]
    assert "/opt/slot/bin/" in text
    assert places.SHIPPED_BIN_DIR not in text


@pytest.mark.parametrize(
    ("wanted", "version", "lines"),
    [
        (WANTED, 253, []),
        (WANTED, 254, ["RestartSteps=3", "RestartMaxDelaySec=300"]),
        (replace(WANTED, simulate=True), 252, ["ExecStart=", "ExecStart=/opt/slot/bin/slotctl run --simulate"]),
        (
            replace(WANTED, user="steve", home=Path("/home/steve")),
            252,
            ["User=steve", "Environment=HOME=/home/steve", "RemoveIPC=no"],
        ),
        (replace(WANTED, engine=Sandbox((Path("/tmp/x"),), ())), 252, ["BindReadOnlyPaths=-/tmp/x"]),
    ],
)
def test_what_depends_on_the_host(wanted: Wanted, version: int, lines: list[str]) -> None:
    assert lines_of(wanted, SLOTS, version) == lines


def test_another_port_replaces_the_shipped_one() -> None:
    assert lines_of(replace(WANTED, port=8001), places.drop_in(units.SOCKET)) == [
        "ListenStream=",
        "ListenStream=0.0.0.0:8001",
    ]


def test_a_switch_sees_what_the_slot_sees_and_the_same_catalog() -> None:
    wanted = replace(WANTED, engine=Sandbox((Path("/root/x"),), ()), catalog_dir=Path("/srv/profiles"))
    assert lines_of(wanted, places.drop_in(units.SWITCH_TEMPLATE)) == [
        "ProtectHome=tmpfs",
        "BindReadOnlyPaths=-/root/x",
        "Environment=SLOT_CATALOG_DIR=/srv/profiles",
    ]
    assert " SLOT_CATALOG_DIR=/srv/profiles" in texts(wanted)[places.COMMAND_DIR / "slotctl"]


def test_accounts_of_a_login_user_are_not_touched() -> None:
    assert "b70-slot" not in texts(replace(WANTED, user="steve"))[places.SYSUSERS].split()
    assert 'u b70-slot - "vLLM model slot" /var/lib/b70-vllm-slot\n' in texts(WANTED)[places.SYSUSERS]


def test_commands_are_for_everybody_to_run() -> None:
    assert {
        path.name: oct(mode_of(path)) for path in texts(WANTED) if path.parent == places.COMMAND_DIR
    } == dict.fromkeys(places.COMMANDS, "0o755")
    assert mode_of(SLOTS) == 0o644


def test_programs_that_are_commands_already_are_not_written_over() -> None:
    wanted = replace(WANTED, bin_dir=places.COMMAND_DIR)
    assert not [path for path in texts(wanted) if path.parent == places.COMMAND_DIR]
