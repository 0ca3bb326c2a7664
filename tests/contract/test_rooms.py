"""The rooms of docs/architecture.md: which of them may import which, and what none of them may import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINES_OWN = ("torch", "vllm", "transformers", "tokenizers")
RUN_BY_THE_ENGINES_PYTHON = ("slot/cards/ask_card.py", "slot/doctor/ask_engine.py", "slot/host/tiny_model.py")
EVERYBODYS = ("refusal", "routes", "bad_settings")
MODULES = sorted(path for package in ("frontdoor", "slot") for path in (ROOT / package).rglob("*.py"))


def may_import() -> dict[str, set[str]]:
    """Room -> the rooms that it may import, by the table of the page."""
    page = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| `((?:slot/\w+|frontdoor))/` \|.*\|([^|]*)\|$", page, re.MULTILINE)
    allowed: dict[str, set[str]] = {}
    for room, others in rows:
        everything = set(allowed) if "all of the above" in others else set()
        allowed[room] = {room} | everything | {f"slot/{name}" for name in re.findall(r"`(?:slot\.)?(\w+)`", others)}
    return allowed


def imported_by(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str | None:
    """The room of a module's dotted name; None for what they all share, and for what is not ours."""
    first, *rest = name.split(".")
    if first == "slot":
        return f"slot/{rest[0]}" if rest and (ROOT / "slot" / rest[0]).is_dir() else None
    return first if first == "frontdoor" else None


def test_the_page_knows_every_room() -> None:
    rooms = {f"slot/{path.parent.name}" for path in (ROOT / "slot").glob("*/__init__.py")} | {"frontdoor"}
    assert set(may_import()) == rooms


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_room_may(module: Path) -> None:
    name = str(module.relative_to(ROOT))
    room = room_of(name.removesuffix(".py").replace("/", "."))
    seen = set(imported_by(module))
    rooms = {found for each in seen if (found := room_of(each))}
    assert rooms <= (may_import()[room] if room else set())
    if name not in RUN_BY_THE_ENGINES_PYTHON:
        assert not {each.partition(".")[0] for each in seen} & set(ENGINES_OWN)


def rooms_of_the_frontdoor() -> list[str]:
    """The rows of the page's second table, from the lowest room up."""
    page = (ROOT / "docs/architecture.md").read_text()
    return re.findall(r"^\| `frontdoor/(\w+)(?:/|\.py)` \|", page, re.MULTILINE)


def test_the_page_knows_every_room_of_the_frontdoor() -> None:
    packages = {path.parent.name for path in (ROOT / "frontdoor").glob("*/__init__.py")}
    modules = {path.stem for path in (ROOT / "frontdoor").glob("*.py")} - {"__init__", "__main__", *EVERYBODYS}
    assert sorted(rooms_of_the_frontdoor()) == sorted(packages | modules)


@pytest.mark.parametrize("module", sorted((ROOT / "frontdoor").rglob("*.py")), ids=lambda path: path.stem)
def test_a_room_of_the_frontdoor_imports_only_those_above_it(module: Path) -> None:
    rooms = rooms_of_the_frontdoor()
    room = module.relative_to(ROOT / "frontdoor").parts[0].removesuffix(".py")
    above = rooms[: rooms.index(room) + 1] if room in rooms else rooms if room == "__main__" else []
    parts = (name.split(".") for name in imported_by(module))
    seen = {rest[0] for first, *rest in parts if first == "frontdoor" and rest}
    assert seen <= {*above, *EVERYBODYS}
