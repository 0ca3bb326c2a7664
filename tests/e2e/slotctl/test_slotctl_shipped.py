"""Every shipped profile, through the commands that an admin would use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

CATALOG = Path(__file__).parents[3] / "configs/model-slots"
NAMES = sorted(path.stem for path in CATALOG.glob("*.env"))


@pytest.fixture
def shipped(place: Any) -> Any:
    place.use_shipped_catalog()
    return place


def test_all_of_them_are_right(shipped: Any) -> None:
    done = shipped.run("check", "--all", "--json")
    reports = {report["name"]: report for report in json.loads(done.stdout)}
    assert done.returncode == 0, [report["problems"] for report in reports.values()]
    assert sorted(reports) == NAMES
    assert all(len(report["sha256"]) == 64 for report in reports.values())


def test_the_list_has_each_that_serves(shipped: Any) -> None:
    rows = {row["name"]: row for row in json.loads(shipped.run("list", "--json").stdout)}
    with_bases = {row["name"]: row for row in json.loads(shipped.run("list", "--json", "--bases").stdout)}
    assert sorted(with_bases) == NAMES
    assert {name for name, row in with_bases.items() if row["status_family"] != "base"} == set(rows)
    assert all(row["purpose"] and row["cap"] and row["context"] and not row["problems"] for row in rows.values())


@pytest.mark.parametrize("name", NAMES)
def test_show_prints_every_value_with_its_origin(shipped: Any, name: str) -> None:
    done = shipped.run("show", name, "--json")
    shown = json.loads(done.stdout)
    assert done.returncode == 0
    assert shown["name"] == name
    assert all(word["origin"] for word in shown["argv"])
    assert all(value["origin"] for part in ("environment", "frontdoor", "slot") for value in shown[part].values())


def test_the_plain_form_has_the_same_words(shipped: Any) -> None:
    shown = json.loads(shipped.run("show", "gemma4-12b-it-int4-autoround-c8", "--json").stdout)
    plain = shipped.run("show", "gemma4-12b-it-int4-autoround-c8").stdout
    assert all(word["text"] in plain for word in shown["argv"])
    assert all(f"{name}={value['text']}" in plain for name, value in shown["environment"].items())


def test_the_simulator_takes_the_place_of_any_engine(shipped: Any) -> None:
    name = "gemma4-12b-it-int4-autoround-c8"
    shown = json.loads(shipped.run("show", name, "--simulate", "--json").stdout)
    assert shown["simulated"] is True
    assert [word["text"] for word in shown["argv"]][1:4] == ["-m", "slot.simulator", "serve"]
