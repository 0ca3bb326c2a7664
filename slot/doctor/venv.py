"""Is the engine installed, and is it of the line on which this profile was proven?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from slot.doctor.finding import Finding, fail, ok, warn
from slot.doctor.installed_engine import InstalledEngine, line_of

CHECK = "venv"


def check(
    venv: Path, engine: InstalledEngine | None, *, proven_on: str | None, lost: Sequence[str], how_to_install: str
) -> Finding:
    """`engine` is what `find_engine(venv)` found; `proven_on` the profile's MODEL_SLOT_ENGINE_LINE; `lost` are the
    profile's variables that engines of the installed line do not read."""
    program = venv / "bin/vllm"
    expected = f"an engine of line {proven_on}" if proven_on else "an engine"
    if not program.exists():
        found = "no such file" if venv.is_dir() else f"no such file: there is no {venv}"
        return fail(CHECK, str(program), found, expected, how_to_install)
    if not os.access(program, os.X_OK):
        return fail(CHECK, str(program), "not executable", expected, f"chmod +x {program}, or install the engine again")
    if engine is None:
        return warn(
            CHECK, str(program), "executable, version unknown", expected, "install the engine as docs/engines.md says"
        )
    if proven_on and line_of(proven_on) != engine.line:
        found = f"vLLM {engine.version}" + (f", which does not read {', '.join(lost)}" if lost else "")
        return warn(CHECK, str(program), found, expected, "prove the profile anew on this engine before relying on it")
    return ok(CHECK, str(program), f"vLLM {engine.version}", expected)
