"""Is the engine installed, and is it of the line on which this profile was proven?"""

from __future__ import annotations

import os
from pathlib import Path

from slot.doctor.finding import Finding, fail, ok, warn
from slot.doctor.installed_engine import InstalledEngine, line_of

CHECK = "venv"


def check(venv: Path, engine: InstalledEngine | None, *, proven_on: str | None, how_to_install: str) -> Finding:
    """`engine` is what `find_engine(venv)` found; `proven_on` the profile's MODEL_SLOT_ENGINE_LINE."""
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
        do = "expect to prove it anew: see what engine_environment and flags say, then run the canary"
        return warn(CHECK, str(program), f"vLLM {engine.version}", expected, do)
    return ok(CHECK, str(program), f"vLLM {engine.version}", expected)
