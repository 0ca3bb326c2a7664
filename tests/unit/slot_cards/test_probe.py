from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

from slot.cards.probe import Identity, ask
from slot.cards.question import Question
from slot.cards.verdict import Verdict

BDF = "0000:03:00.0"
SIMULATED = Path(__file__).parents[3] / "slot/cards/simulated.py"


def saying(script: str) -> Question:
    return Question(BDF, ("/bin/sh", "-c", script), {})


def runs(pid: str) -> bool:
    return Path(f"/proc/{pid.strip()}").exists()


@pytest.mark.parametrize(
    ("script", "verdict", "words"),
    [
        ("""echo noise; echo '{"is_right": true}'; echo afterwards >&2""", Verdict.HEALTHY, "it computes"),
        ("""echo '{"error": "lost"}'; exit 1""", Verdict.FAULTY, "lost"),
        ("echo one; echo two; exit 3", Verdict.UNKNOWN, "no answer, exit code 3: two"),
        ("kill -SEGV $$", Verdict.FAULTY, "who asked it was ended by SIGSEGV"),
    ],
)
async def test_answers(script: str, verdict: Verdict, words: str) -> None:
    sight = await ask(saying(script))
    assert (sight.bdf, sight.verdict, sight.words) == (BDF, verdict, words)


async def test_no_such_program() -> None:
    sight = await ask(Question(BDF, ("/nowhere/python",), {}))
    assert (sight.verdict, sight.words) == (
        Verdict.UNKNOWN,
        "/nowhere/python cannot be run: No such file or directory",
    )


async def test_a_host_without_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    sight = await ask(saying("true"))
    assert sight.verdict is Verdict.UNKNOWN
    assert sight.words.startswith("this host could not ask: ")


async def test_a_card_without_its_driver_is_not_asked() -> None:
    sight = await ask(Question(BDF, ("/nowhere/python",), {}, cannot_ask="its driver is vfio-pci, not xe"))
    assert (sight.verdict, sight.words) == (Verdict.UNKNOWN, "its driver is vfio-pci, not xe")


async def test_one_that_hangs_is_ended() -> None:
    sight = await ask(saying("exec sleep 1000"), limit_s=0.2)
    assert (sight.verdict, sight.words) == (Verdict.WEDGED, "no answer within 0.2 s")


async def test_one_that_is_deaf_is_killed(tmp_path: Path) -> None:
    deaf = saying(f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.1; done")
    sight = await ask(deaf, limit_s=0.3, grace_s=0.2)
    assert (sight.verdict, sight.words) == (Verdict.WEDGED, "no answer within 0.3 s")
    assert not runs((tmp_path / "pid").read_text())


async def test_nothing_is_left_when_nobody_waits_any_more(tmp_path: Path) -> None:
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    asking = asyncio.create_task(ask(saying(f"echo $$ > {pipe}; exec sleep 1000")))
    pid = await asyncio.to_thread(pipe.read_text)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not runs(pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run a child as somebody else")
async def test_root_asks_as_the_slots_user() -> None:
    script = """[ $(id -u):$(id -g) = 65534:65534 ] && echo '{"is_right": true}'"""
    sight = await ask(saying(f"PATH=/usr/bin:/bin; {script}"), identity=Identity(65534, 65534, ()))
    assert sight.verdict is Verdict.HEALTHY, sight


@pytest.mark.parametrize(
    ("struck", "verdict"),
    [
        (None, Verdict.HEALTHY),
        ({}, Verdict.HEALTHY),
        ({"0": "wedged"}, Verdict.HEALTHY),
        ({"1": "faulty"}, Verdict.FAULTY),
        ({"1": "wedged"}, Verdict.WEDGED),
    ],
)
async def test_simulated_cards(tmp_path: Path, struck: dict[str, str] | None, verdict: Verdict) -> None:
    file = tmp_path / "cards.json"
    if struck is not None:
        file.write_text(json.dumps(struck))
    question = Question("simulated:1", (sys.executable, "-I", "-S", str(SIMULATED), str(file), "1"), {})
    assert (await ask(question, limit_s=1.0 if verdict is Verdict.WEDGED else 30.0)).verdict is verdict
