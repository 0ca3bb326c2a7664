from __future__ import annotations

from pathlib import Path

import pytest

from slot.cli.child_environment import drain_timeout_s, for_door, for_slot, not_used
from slot.paths import Paths, locate
from slot.profiles import keys


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return locate({}, uid=1000, home=tmp_path, prefix=tmp_path)


@pytest.mark.parametrize("name", sorted(keys.HOST_SETTINGS))
def test_what_belongs_to_the_host_reaches_the_frontdoor_and_no_other(name: str, paths: Paths) -> None:
    assert for_door({name: "x"}, paths)[name] == "x"
    assert name not in for_slot({name: "x"}, paths)
    assert not_used({name: "x"}) == []


@pytest.mark.parametrize("name", sorted(keys.FRONTDOOR))
def test_what_the_profile_decides_stays_out_and_is_told(name: str, paths: Paths) -> None:
    assert name not in for_door({name: "x"}, paths)
    assert not_used({name: "x"}) == [f"{name} of the environment is not used: the profile decides; set it there"]
    assert not_used({name: ""}) == []


@pytest.mark.parametrize("name", sorted(keys.FRONTDOOR_PLACES))
def test_the_places_are_told_on_the_command_line(name: str, paths: Paths) -> None:
    assert name not in for_door({name: "x"}, paths)
    assert not_used({name: "x"}) == []


def test_a_slip_in_a_name_is_the_frontdoors_to_refuse(paths: Paths) -> None:
    assert for_door({"FRONTDOOR_API_KEY_FILE": "x"}, paths)["FRONTDOOR_API_KEY_FILE"] == "x"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, "5"), ({"FRONTDOOR_DRAIN_TIMEOUT_S": ""}, "5"), ({"FRONTDOOR_DRAIN_TIMEOUT_S": "60"}, "60")],
)
def test_a_desk_does_not_wait_as_long_as_a_service(environment: dict[str, str], expected: str, paths: Paths) -> None:
    assert for_door(environment, paths)["FRONTDOOR_DRAIN_TIMEOUT_S"] == expected
    assert drain_timeout_s(environment) == expected


def test_both_get_everything_else_but_systemds_ear(paths: Paths) -> None:
    given = {"HOME": "/root", "NOTIFY_SOCKET": "@x"}
    for made in (for_slot(given, paths), for_door(given, paths)):
        assert made["HOME"] == "/root"
        assert made["SLOT_RUN_DIR"] == str(paths.run_dir)
        assert "NOTIFY_SOCKET" not in made
