"""Where the slot keeps its things: for the system, for one user, and where somebody says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot.paths import PACKAGE_DIR, locate, shipped

ROOT, USER = 0, 1000
HOME = Path("/home/ada")
INSTALLED = Path("/opt/b70-model-slot")
CHECKOUT = PACKAGE_DIR.parent


@pytest.mark.parametrize(
    ("environment", "uid", "run_dir", "data_dir", "active_profile"),
    [
        ({}, ROOT, "/run/b70-vllm-slot", "/var/lib/b70-vllm-slot", "/etc/b70-vllm-slot/current.env"),
        (
            {},
            USER,
            "/tmp/b70-vllm-slot-1000",
            "/home/ada/.local/share/b70-vllm-slot",
            "/tmp/b70-vllm-slot-1000/current.env",
        ),
        (
            {"XDG_RUNTIME_DIR": "/run/user/1000", "XDG_DATA_HOME": "/data"},
            USER,
            "/run/user/1000/b70-vllm-slot",
            "/data/b70-vllm-slot",
            "/run/user/1000/b70-vllm-slot/current.env",
        ),
        ({"SLOT_RUN_DIR": "/r", "SLOT_DATA_DIR": "/d"}, USER, "/r", "/d", "/r/current.env"),
        ({"SLOT_RUN_DIR": "/r"}, ROOT, "/r", "/var/lib/b70-vllm-slot", "/r/current.env"),
        ({"SLOT_RUN_DIR": "/r", "SLOT_ACTIVE_PROFILE": "/a.env"}, ROOT, "/r", "/var/lib/b70-vllm-slot", "/a.env"),
    ],
)
def test_where_things_are(
    environment: dict[str, str], uid: int, run_dir: str, data_dir: str, active_profile: str
) -> None:
    paths = locate(environment, uid=uid, home=HOME, prefix=INSTALLED)
    assert (paths.run_dir, paths.data_dir) == (Path(run_dir), Path(data_dir))
    assert paths.active_profile == Path(active_profile)


@pytest.mark.parametrize("uid", [ROOT, USER])
def test_a_checkouts_own_venv_keeps_all_in_the_checkout(uid: int) -> None:
    paths = locate({"SLOT_RUN_DIR": ""}, uid=uid, home=HOME, prefix=CHECKOUT / ".venv")
    assert (paths.run_dir, paths.data_dir) == (CHECKOUT / ".slot-data/run", CHECKOUT / ".slot-data")
    assert paths.active_profile == CHECKOUT / ".slot-data/run/current.env"


def test_the_environment_wins_over_the_checkout() -> None:
    paths = locate({"SLOT_DATA_DIR": "/d", "SLOT_RUN_DIR": "/r"}, uid=ROOT, home=HOME, prefix=CHECKOUT / ".venv")
    assert (paths.run_dir, paths.data_dir, paths.active_profile) == (Path("/r"), Path("/d"), Path("/r/current.env"))


def test_the_catalog_is_the_shipped_one_unless_somebody_says_otherwise() -> None:
    assert (locate({}, uid=USER, home=HOME, prefix=INSTALLED).catalog_dir / "sim.env").is_file()
    assert locate({"SLOT_CATALOG_DIR": "/c"}, uid=USER, home=HOME, prefix=INSTALLED).catalog_dir == Path("/c")


def test_what_is_shipped_lies_in_a_checkout_or_in_the_wheel(tmp_path: Path) -> None:
    package = tmp_path / "slot"
    assert shipped("requirements/engine-cpu.txt", package) == package / "share/engine-cpu.txt"
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/engine-cpu.txt").touch()
    assert shipped("requirements/engine-cpu.txt", package) == tmp_path / "requirements/engine-cpu.txt"


@pytest.mark.parametrize(
    ("environment", "uid", "switch_dir", "switch_run_dir"),
    [
        # the switch's own places are root's, apart from those of the slot's user
        ({}, ROOT, "/var/lib/b70-slot-switch", "/run/b70-slot-switch"),
        # the slot's unit names its places, and its helpers find the switch's
        (
            {"SLOT_RUN_DIR": "/run/b70-vllm-slot", "SLOT_DATA_DIR": "/var/lib/b70-vllm-slot"},
            USER,
            "/var/lib/b70-slot-switch",
            "/run/b70-slot-switch",
        ),
        ({"SLOT_RUN_DIR": "/r", "SLOT_DATA_DIR": "/d"}, ROOT, "/d/switch", "/r/switch"),
        ({"SLOT_SWITCH_DIR": "/s", "SLOT_SWITCH_RUN_DIR": "/t"}, ROOT, "/s", "/t"),
    ],
)
def test_where_a_switch_keeps_its_things(
    environment: dict[str, str], uid: int, switch_dir: str, switch_run_dir: str
) -> None:
    paths = locate(environment, uid=uid, home=HOME, prefix=INSTALLED)
    assert (str(paths.switch_dir), str(paths.switch_run_dir)) == (switch_dir, switch_run_dir)
