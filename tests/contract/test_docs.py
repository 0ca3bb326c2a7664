"""The documentation keeps up: the reference is what the code says, links lead somewhere, the README keeps its word."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("patches/*.md")])


def test_the_reference_is_what_the_code_says() -> None:
    run = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_can_be_found_from_the_readme() -> None:
    found, queue = set(), [ROOT / "README.md"]
    while queue:
        page = queue.pop()
        if page in found or page.suffix != ".md" or not page.exists():
            continue
        found.add(page)
        queue += [
            (page.parent / target).resolve() for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
        ]
    assert sorted(str(page.relative_to(ROOT)) for page in set(PAGES) - found) == []


def test_the_readme_opens_with_two_commands_that_exist() -> None:
    first_block = (ROOT / "README.md").read_text().split("```")[1]
    commands = [line.split()[0] for line in first_block.strip().splitlines()]
    assert commands == ["scripts/serve", "scripts/test"]
    assert all((ROOT / command).stat().st_mode & 0o111 for command in commands)
