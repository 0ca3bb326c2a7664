"""Asks the engine's own code, and remembers what it said.

Only vLLM knows what vLLM accepts, and importing it takes 5 to 15 s. `ask_engine.py` runs in the engine's venv, in the
environment that the engine would get; the answer is kept under the data directory for as long as the engine, the
question and the asking program stay the same.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slot.atomic_file import write_atomically
from slot.bad_json import BAD_JSON
from slot.doctor.installed_engine import InstalledEngine

ASKING_PROGRAM = Path(__file__).with_name("ask_engine.py")
PATIENCE_S = 180.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`rejected`: what the engine's parser says against the flags, None where it accepts them."""

    version: str
    rejected: str | None
    unknown_environment: tuple[str, ...]


class EngineSilent(Exception):
    """The engine's Python gave no answer; the message says what it gave instead."""


@dataclass(frozen=True)
class Question:
    """`argv` is what follows `vllm serve`; `names` are the `VLLM_*` variables to know about."""

    argv: tuple[str, ...]
    names: tuple[str, ...]

    def as_json(self) -> str:
        return json.dumps({"argv": self.argv, "environment": self.names})


def remembered(question: Question, engine: InstalledEngine, cache_dir: Path) -> Answer | None:
    try:
        return msgspec.json.decode(_file(question, engine, cache_dir).read_bytes(), type=Answer)
    except (OSError, *BAD_JSON):
        return None


def ask(question: Question, engine: InstalledEngine, environment: Mapping[str, str], cache_dir: Path) -> Answer:
    """Raises EngineSilent. A cache that cannot be written only means to ask again next time."""
    answer = answer_in(run_in_venv(engine.venv / "bin/python", question.as_json(), environment))
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        write_atomically(_file(question, engine, cache_dir), msgspec.json.encode(answer))
    except OSError:
        pass
    return answer


def run_in_venv(python: Path, question: str, environment: Mapping[str, str]) -> str:
    # -I would keep PYTHONPATH and the like away, but also the environment that a patched engine may need
    command: Sequence[str] = [str(python), str(ASKING_PROGRAM)]
    try:
        done = subprocess.run(
            command,
            input=question,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except OSError as exc:
        raise EngineSilent(f"{python} cannot be run: {exc.strerror}") from exc
    except subprocess.TimeoutExpired as exc:
        raise EngineSilent(f"no answer within {PATIENCE_S:.0f} s") from exc
    if done.returncode != 0:
        raise EngineSilent(last_line(done.stderr) or f"exit code {done.returncode}")
    return done.stdout


def answer_in(output: str) -> Answer:
    """vLLM logs to stdout while it is imported: the answer is the last line, whatever came before."""
    try:
        return msgspec.json.decode(last_line(output), type=Answer)
    except BAD_JSON as exc:
        raise EngineSilent(f"not an answer: {last_line(output)[:200]!r}") from exc


def last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def _file(question: Question, engine: InstalledEngine, cache_dir: Path) -> Path:
    asked = "\n".join((engine.fingerprint, question.as_json(), ASKING_PROGRAM.read_text()))
    return cache_dir / f"{hashlib.sha256(asked.encode()).hexdigest()[:32]}.json"
