import time
from pathlib import Path

import pytest
from snapshots import snapshot
from typer.testing import CliRunner

from slot import state
from slot.cli.app import app
from slot.cli.service import paths_of_what_runs, paths_to_recover, service_paths
from slot.paths import UNITS_RUN_DIR, UNITS_SWITCH_DIR
from slot.state import Failure, Lifecycle


@pytest.fixture(autouse=True)
def own_run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The places of a user without root, who has installed a wheel."""
    for name in ("SLOT_RUN_DIR", "SLOT_DATA_DIR", "SLOT_ACTIVE_PROFILE", "SLOT_SWITCH_DIR", "SLOT_SWITCH_RUN_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("sys.prefix", "/usr")
    (tmp_path / "b70-vllm-slot").mkdir()
    return tmp_path / "b70-vllm-slot"


@pytest.fixture
def service_run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "service"
    directory.mkdir()
    monkeypatch.setattr("slot.paths.UNITS_RUN_DIR", directory)
    return directory


def leave(directory: Path, lifecycle: Lifecycle, updated_at: float) -> None:
    (directory / "state.json").write_bytes(state.encode(snapshot(lifecycle, updated_at=updated_at)))


def test_the_service_has_its_places_whoever_asks() -> None:
    paths = service_paths()
    assert (paths.run_dir, paths.switch_dir) == (UNITS_RUN_DIR, UNITS_SWITCH_DIR)
    assert paths.active_profile == Path("/etc/b70-vllm-slot/current.env")


def test_the_environment_wins_over_the_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLOT_RUN_DIR", str(tmp_path / "mine"))
    assert service_paths().run_dir == tmp_path / "mine"
    assert paths_of_what_runs(0.0).run_dir == tmp_path / "mine"


@pytest.mark.parametrize(
    ("own", "age_s", "is_own"),
    [
        (Lifecycle.SERVING, 0.0, True),
        (Lifecycle.LOADING, state.STALE_AFTER_S, True),
        (Lifecycle.SERVING, state.STALE_AFTER_S + 5, False),
        (Lifecycle.STOPPED, 0.0, False),
        (Lifecycle.FAILED, 0.0, False),
        (None, 0.0, False),
    ],
)
def test_a_slot_of_ones_own_that_runs_is_meant_else_the_service(
    own_run_dir: Path, service_run_dir: Path, own: Lifecycle | None, age_s: float, is_own: bool
) -> None:
    now = time.time()
    leave(service_run_dir, Lifecycle.SERVING, now)
    if own is not None:
        leave(own_run_dir, own, now - age_s)
    assert paths_of_what_runs(now).run_dir == (own_run_dir if is_own else service_run_dir)


def test_without_a_service_ones_own_is_meant(own_run_dir: Path, service_run_dir: Path) -> None:
    assert paths_of_what_runs(time.time()).run_dir == own_run_dir


FAILURE = Failure(
    cause="the GPU was lost", detail="", remedy="", restart_can_help=False, exit_code=1, signal=None, at=0.0
)


@pytest.mark.parametrize("own", [Lifecycle.SERVING, Lifecycle.FAILED, None])
def test_an_operator_sees_the_failure_of_the_service(
    own_run_dir: Path, service_run_dir: Path, own: Lifecycle | None
) -> None:
    failed = snapshot(Lifecycle.FAILED, failure=FAILURE)
    (service_run_dir / "state.json").write_bytes(state.encode(failed))
    if own is not None:
        leave(own_run_dir, own, time.time())
    shown = CliRunner().invoke(app, ["recover"])
    assert (shown.exit_code, "the slot failed: the GPU was lost" in shown.output) == (0, True)


def test_without_a_service_recover_is_about_ones_own_but_only_to_look(own_run_dir: Path, service_run_dir: Path) -> None:
    assert paths_to_recover(is_done=False).run_dir == own_run_dir
    assert paths_to_recover(is_done=True).run_dir == service_run_dir
