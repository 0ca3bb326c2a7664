"""Every verb of slotctl reads profiles and has 0.3 s in total; the frontdoor reads them on its way up."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("aiohttp", "dotenv", "pydantic", "rich", "typer", "asyncio")


def test_reading_profiles_imports_nothing_heavy() -> None:
    program = "import sys, slot.profiles.catalog, slot.profiles.command; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [name for name in HEAVY if name in run.stdout.split()] == []


def test_the_engine_faces_are_read_when_they_are_needed() -> None:
    program = "import slot.profiles.command as c; print(c.known_flags.cache_info().currsize)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "0"
