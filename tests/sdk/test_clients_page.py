"""docs/clients.md says what the tests have seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sdk import places
from sdk.told import ANTHROPICS_KINDS, KINDS

PAGE = (Path(__file__).parents[2] / "docs/clients.md").read_text()
ROWS = re.findall(r"^\| (\d{3}) \| `.*?\| `(\w+)` \| `(\w+)` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("status", "openai", "anthropic"), ROWS)
def test_the_exceptions_of_a_status(status: str, openai: str, anthropic: str) -> None:
    assert (openai, anthropic) == (KINDS[int(status)], ANTHROPICS_KINDS[int(status)])


def test_every_status_is_there() -> None:
    assert {int(status) for status, _, _ in ROWS} == set(KINDS) - {500}  # which is the engine's own


def test_every_code_of_ours_is_there() -> None:
    sources = (Path(__file__).parents[2] / "frontdoor").rglob("*.py")
    codes = {code for source in sources for code in re.findall(r'\bcode="(\w+)"', source.read_text())}
    assert "model_loading" in codes
    assert sorted(code for code in codes if f"`{code}`" not in PAGE) == []


@pytest.mark.parametrize("sdk", places.ALL, ids=str)
def test_the_versions(sdk: places.Sdk) -> None:
    assert sdk.version.rpartition(".")[0] in PAGE
