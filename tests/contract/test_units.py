"""systemd itself reads the units: a directive that it does not know, or would ignore, fails here."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from unit.slot_install.hosts import WANTED

from frontdoor.admin.control_client import DEFAULT_SOCKET
from frontdoor.process import listeners
from slot import paths, units
from slot.cli.app import OF_THE_UNITS, VERBS
from slot.exit_codes import ExitCode
from slot.install import places, templates
from slot.install.sandbox import Sandbox
from slot.install.wanted import Wanted
from slot.switch.request import Request, instance

DIRECTORY = Path(__file__).parents[2] / "deploy/systemd"
UNITS = sorted([*DIRECTORY.glob("*.service"), *DIRECTORY.glob("*.socket")])
SERVICE = (DIRECTORY / "b70-openai-frontdoor.service").read_text()
SOCKET = (DIRECTORY / "b70-openai-frontdoor.socket").read_text()
SLOT = (DIRECTORY / "b70-vllm-slot.service").read_text()
SWITCH = (DIRECTORY / "b70-slot-switch@.service").read_text()

# Measured with systemd 252: 1.8 and 1.1. What remains of the slot is its network (loopback), its cards, and pages that
# are writable and executable: docs/install.md
MOST_EXPOSURE = {units.SLOT: 2.0, units.DOOR: 1.5}
EVERYTHING_DIFFERS = replace(
    WANTED,
    programs=Sandbox((Path("/home/a/slot"),), ()),
    engine=Sandbox((Path("/home/a/slot"), Path("/tmp/x:y z%")), (Path("/home/a/.cache"), Path("/mnt/cache"))),
    user="steve",
    home=Path("/home/steve"),
    catalog_dir=Path("/srv/profiles"),
    port=8001,
    simulate=True,
)


def value(text: str, directive: str) -> list[str]:
    return re.findall(rf"^{directive}=(.*)$", text, re.MULTILINE)


def lay_out(files: Mapping[Path, str], directory: Path) -> None:
    """Units and drop-ins as an installation has them; any program that exists stands for those that they start."""
    for path, text in files.items():
        if places.UNIT_DIR in path.parents:
            laid = directory / path.relative_to(places.UNIT_DIR)
            laid.parent.mkdir(exist_ok=True)
            laid.write_text(text.replace(f"{WANTED.bin_dir}/", "/bin/true "))


@pytest.mark.systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@pytest.mark.parametrize("wanted", [WANTED, EVERYTHING_DIFFERS], ids=["plain", "with drop-ins"])
def test_systemd_accepts_the_unit(
    unit: Path, wanted: Wanted, tmp_path: Path, require: Callable[[object, str], None]
) -> None:
    require(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    lay_out(templates.files(wanted, systemd_version=252, has_polkit=True), tmp_path)
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)], capture_output=True, text=True
    )
    complaints = [line for line in run.stderr.splitlines() if "b70-" in line]
    assert (run.returncode, complaints) == (0, [])


@pytest.mark.systemd
@pytest.mark.parametrize("unit", MOST_EXPOSURE)
def test_the_sandbox_is_as_tight_as_it_was(unit: str, require: Callable[[object, str], None]) -> None:
    require(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(DIRECTORY / unit)], capture_output=True, text=True
    )
    [score] = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", run.stdout)
    assert float(score) <= MOST_EXPOSURE[unit]


def test_these_are_the_units() -> None:
    assert [unit.name for unit in UNITS] == [
        "b70-openai-frontdoor.service",
        "b70-openai-frontdoor.socket",
        "b70-slot-switch@.service",
        "b70-vllm-slot.service",
    ]


def test_the_line_is_as_long_as_the_frontdoor_would_make_it() -> None:
    assert value(SOCKET, "Backlog") == [str(listeners.BACKLOG)]


def test_an_admin_finds_the_control_socket_without_being_told() -> None:
    assert f"FRONTDOOR_CONTROL_SOCKET={DEFAULT_SOCKET}" in value(SERVICE, "Environment")
    assert [str(Path(DEFAULT_SOCKET).parent)] == [f"/run/{name}" for name in value(SERVICE, "RuntimeDirectory")]


def test_the_operators_may_write_to_the_control_socket() -> None:
    assert value(SERVICE, "Group") == [units.OPERATORS]


def test_the_slots_unit_keeps_what_no_score_knows_of() -> None:
    """Each of these was learned on the cards; the unit says how."""
    for directive, wanted in {
        "MemorySwapMax": ["0"],
        "KillMode": ["process"],
        "DeviceAllow": ["char-drm rw"],
        "IPAddressDeny": ["any"],
        "IPAddressAllow": ["localhost"],
        "LimitMEMLOCK": ["infinity"],
        "RuntimeDirectoryPreserve": ["yes"],
        "SupplementaryGroups": ["render video"],
        "MemoryMax": [],
    }.items():
        assert (directive, value(SLOT, directive)) == (directive, wanted)


@pytest.mark.parametrize("directive", ["ExecStartPre", "ExecStopPost"])
def test_root_has_no_home_that_the_engine_writes_to(directive: str) -> None:
    """Environment= is for these too, and Python runs what lies in ~/.local of whoever it takes itself for."""
    assert any(line.startswith("HOME=/var/lib/") for line in value(SLOT, "Environment"))
    [line] = value(SLOT, directive)
    assert line.startswith("+/usr/bin/env HOME=/root ")


def test_what_a_restart_cannot_help_is_not_restarted() -> None:
    [codes] = value(SLOT, "RestartPreventExitStatus")
    assert {int(code) for code in codes.split()} == {ExitCode.NO_INPUT, ExitCode.DEVICE, ExitCode.CONFIG}
    assert value(SERVICE, "RestartPreventExitStatus") == [str(int(ExitCode.CONFIG))]


def test_the_frontdoor_waits_for_no_slot() -> None:
    """At boot it would be silent until the model has loaded."""
    assert units.SLOT not in " ".join(value(SERVICE, "After") + value(SERVICE, "Requires") + value(SERVICE, "Wants"))


@pytest.mark.parametrize("text", [SLOT, SOCKET])
def test_the_predecessor_is_stopped_before_and_not_beside(text: str) -> None:
    [conflicts] = value(text, "Conflicts")
    assert set(conflicts.split()) <= set(units.PREDECESSORS)
    assert value(text, "Before") == [conflicts]


def test_units_and_programs_agree_on_the_places() -> None:
    own = {
        "SLOT_ACTIVE_PROFILE": places.ACTIVE_PROFILE,
        "SLOT_RUN_DIR": paths.UNITS_RUN_DIR,
        "SLOT_DATA_DIR": paths.UNITS_DATA_DIR,
        "SLOT_SWITCH_DIR": paths.UNITS_SWITCH_DIR,
        "SLOT_SWITCH_RUN_DIR": paths.UNITS_SWITCH_RUN_DIR,
    }
    for text in (SLOT, SWITCH):
        said = dict(line.split("=", 1) for line in value(text, "Environment"))
        assert {name: said[name] for name in own if name in said} == {
            name: str(place) for name, place in own.items() if name in said
        }
    assert [f"/run/{name}" for name in value(SLOT, "RuntimeDirectory")] == [str(paths.UNITS_RUN_DIR)]
    assert [f"/var/lib/{name}" for name in value(SWITCH, "StateDirectory")] == [str(paths.UNITS_SWITCH_DIR)]
    assert (places.DATA_DIR, places.SWITCH_DIR, places.RUN_DIRS) == (
        paths.UNITS_DATA_DIR,
        paths.UNITS_SWITCH_DIR,
        (paths.UNITS_RUN_DIR, paths.UNITS_SWITCH_RUN_DIR),
    )


@pytest.mark.parametrize("text", [SLOT, SWITCH], ids=["slot", "switch"])
def test_each_verb_that_a_unit_calls_is_one(text: str) -> None:
    verbs = set(re.findall(rf"{places.SHIPPED_BIN_DIR}/slotctl ([a-z-]+)", text))
    assert verbs and verbs <= {*VERBS, *OF_THE_UNITS}


def test_operators_may_start_every_switch_that_slotctl_asks_for_and_no_other_unit() -> None:
    [pattern] = re.findall(r"/(\^b70-slot-switch@.*\$)/", templates.POLKIT)
    asked = Request(name="gemma4-12b.c8", id="0a1b", force=True, drain_timeout_s=60, allow_unproven=True)
    for name in (instance(asked), "a"):
        assert re.search(pattern, units.switch_unit(name))
    for other in (
        "ssh.service",
        "b70-slot-switch@.service",
        "b70-slot-switch@a.service.d",
        "x-b70-slot-switch@a.service",
    ):
        assert not re.search(pattern, other)
    assert re.findall(r'standing = \["(.*)", "(.*)"\]', templates.POLKIT) == [(units.SLOT, units.DOOR)]
