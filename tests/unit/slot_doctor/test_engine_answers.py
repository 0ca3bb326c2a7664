"""A script stands in for the engine's Python: what it prints and how it ends is all that the asking program sees."""

from pathlib import Path

import pytest

from slot.doctor.engine_answers import Answer, EngineSilent, Question, answer_in, ask, remembered
from slot.doctor.installed_engine import InstalledEngine

QUESTION = Question(("MODEL", "--async-engine"), ("VLLM_X",))
ANSWER = Answer(version="0.32.0", rejected=None, unknown_environment=("VLLM_X",))
PRINTS = """echo "INFO importing"; echo '{"version":"0.32.0","rejected":null,"unknown_environment":["VLLM_X"]}'"""


def engine(venv: Path, script: str, fingerprint: str = "1") -> InstalledEngine:
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    (venv / "bin/python").write_text(f"#!/bin/sh\n{script}\n")
    (venv / "bin/python").chmod(0o755)
    return InstalledEngine(venv, "0.32.0", fingerprint)


def test_an_answer_is_remembered_for_as_long_as_nothing_changes(tmp_path: Path) -> None:
    installed = engine(tmp_path / "venv", PRINTS)
    cache = tmp_path / "cache"
    assert remembered(QUESTION, installed, cache) is None
    assert ask(QUESTION, installed, {}, cache) == ANSWER
    assert remembered(QUESTION, installed, cache) == ANSWER
    assert remembered(QUESTION, engine(tmp_path / "venv", PRINTS, "2"), cache) is None
    assert remembered(Question(("MODEL",), ("VLLM_X",)), installed, cache) is None


def test_only_the_given_environment_reaches_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKED", "caller")
    prints = """echo "{\\"version\\":\\"$LEAKED$GIVEN\\",\\"rejected\\":null,\\"unknown_environment\\":[]}\""""
    assert ask(QUESTION, engine(tmp_path, prints), {"GIVEN": "profile"}, tmp_path / "c").version == "profile"


def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    assert ask(QUESTION, engine(tmp_path / "venv", PRINTS), {}, tmp_path / "cache") == ANSWER


@pytest.mark.parametrize("left", [b"{}", b'{"version":"\xff"}', b"[" * 100_000 + b"]" * 100_000])
def test_a_remembered_answer_that_is_no_answer_is_asked_again(tmp_path: Path, left: bytes) -> None:
    installed = engine(tmp_path / "venv", PRINTS)
    ask(QUESTION, installed, {}, tmp_path / "cache")
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(left)
    assert remembered(QUESTION, installed, tmp_path / "cache") is None


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo ModuleNotFoundError: No module named vllm >&2; exit 1", "ModuleNotFoundError: No module named vllm"),
        ("exit 3", "exit code 3"),
        ("echo hello", "not an answer: 'hello'"),
        ("true", "not an answer: ''"),
    ],
)
def test_a_silent_engine_is_quoted(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(EngineSilent, match=said):
        ask(QUESTION, engine(tmp_path / "venv", script), {"PATH": "/usr/bin:/bin"}, tmp_path / "cache")


def test_no_python_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineSilent, match="cannot be run: No such file"):
        ask(QUESTION, InstalledEngine(tmp_path, "0.32.0", "1"), {}, tmp_path / "cache")


def test_the_answer_is_the_last_line() -> None:
    assert answer_in('log\n{"version":"1","rejected":"x","unknown_environment":[]}\n\n').rejected == "x"
