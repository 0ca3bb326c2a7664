from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from slot.cards.device_faults import note, noted
from slot.cards.question import Question
from slot.cards.verdict import CardSight, Verdict
from slot.exit_codes import ExitCode
from slot.state import CardFacts, Recovery, RecoveryStage
from slot.supervisor.aftercare import APART_S, Care, Decision, decide, live

NOW = 1_000_000.0
CARDS = ("0000:03:00.0", "0000:07:00.0")


def sight(bdf: str, verdict: Verdict = Verdict.HEALTHY) -> CardSight:
    return CardSight(bdf, verdict, "so it is")


@pytest.mark.parametrize(
    ("sights", "earlier", "exit_code", "said"),
    [
        ([], [], ExitCode.FAILED, "once more"),
        ([sight("a"), sight("b")], [], ExitCode.FAILED, "once more"),
        ([sight("a")], [NOW - APART_S], ExitCode.FAILED, "once more"),
        ([sight("a")], [NOW - APART_S + 1], ExitCode.DEVICE, "device fault 2 within an hour"),
        ([], [NOW - 2, NOW - 1], ExitCode.DEVICE, "device fault 3 within an hour"),
        # the clock was set back: no reason to forget it
        ([sight("a")], [NOW + 60], ExitCode.DEVICE, "device fault 2 within an hour"),
        ([sight("a"), sight("b", Verdict.WEDGED)], [], ExitCode.DEVICE, "b wedged: so it is. Next: `slotctl recover`"),
        ([sight("a", Verdict.FAULTY)], [], ExitCode.DEVICE, "a faulty"),
        ([sight("a", Verdict.UNKNOWN)], [], ExitCode.DEVICE, "a unknown"),
        ([sight("a", Verdict.WEDGED)], [NOW - 1], ExitCode.DEVICE, "a wedged"),
    ],
)
def test_decide(sights: list[CardSight], earlier: Sequence[float], exit_code: ExitCode, said: str) -> None:
    decision = decide(sights, earlier, NOW)
    assert decision.exit_code is exit_code
    assert said in decision.next_step


class Host:
    """Two cards, of which each answers what it is told to, and all that is said of them."""

    def __init__(self, tmp_path: Path, *answers: str, quiet_s: float = 0.0, probe_s: float = 30.0) -> None:
        self.shown: list[Recovery] = []
        self.allowed: list[float] = []
        self.stop_asked = asyncio.Event()
        asked = tuple(Question(bdf, ("/bin/sh", "-c", answer), {}) for bdf, answer in zip(CARDS, answers, strict=False))
        self.care = Care(asked, tmp_path / "faults.json", quiet_s, probe_s)

    async def live(self) -> Decision:
        return await live(self.care, show=self._see, allow=self.allowed.append, stop_asked=self.stop_asked)

    def _see(self, recovery: Recovery) -> None:
        self.shown.append(recovery)
        if recovery.until is not None and recovery.until > time.time() + 1000:
            self.stop_asked.set()


WELL = """echo '{"is_right": true}'"""
HANGS = "exec sleep 1000"


async def test_all_are_asked_one_after_the_other(tmp_path: Path) -> None:
    host = Host(tmp_path, WELL, WELL)
    assert (await host.live()).exit_code is ExitCode.FAILED
    told = [(each.stage, [card.bdf for card in each.cards]) for each in host.shown]
    assert told == [
        (RecoveryStage.QUIET, []),
        (RecoveryStage.PROBING, []),
        (RecoveryStage.PROBING, [CARDS[0]]),
        (RecoveryStage.DONE, list(CARDS)),
    ]
    assert host.shown[-1].cards[0] == CardFacts(bdf=CARDS[0], verdict="healthy", words="it computes")
    assert len(host.allowed) == 3  # systemd is asked before each wait


async def test_the_second_time_it_stays_down(tmp_path: Path) -> None:
    assert (await Host(tmp_path, WELL).live()).exit_code is ExitCode.FAILED
    assert (await Host(tmp_path, WELL).live()).exit_code is ExitCode.DEVICE


async def test_a_card_that_hangs_keeps_it_down(tmp_path: Path) -> None:
    decision = await Host(tmp_path, WELL, HANGS, probe_s=0.5).live()
    assert decision.exit_code is ExitCode.DEVICE
    assert f"{CARDS[1]} wedged: no answer within 0.5 s" in decision.next_step


@pytest.mark.parametrize(("quiet_s", "probe_s"), [(3600.0, 30.0), (0.0, 3600.0)])
async def test_asked_to_stop_it_stops_at_once(tmp_path: Path, quiet_s: float, probe_s: float) -> None:
    host = Host(tmp_path, HANGS, quiet_s=quiet_s, probe_s=probe_s)
    assert (await host.live()).exit_code is ExitCode.DEVICE


async def test_without_cards_there_is_no_quiet(tmp_path: Path) -> None:
    host = Host(tmp_path, quiet_s=3600.0)
    assert ((await host.live()).exit_code, host.shown) == (ExitCode.FAILED, [])


def test_faults_are_noted(tmp_path: Path) -> None:
    file = tmp_path / "new" / "faults.json"
    assert noted(file) == []
    for at in range(25):
        note(file, float(at))
    assert noted(file) == [float(at) for at in range(5, 25)]


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', '["x"]'])
def test_a_broken_file_is_no_obstacle(tmp_path: Path, text: str) -> None:
    file = tmp_path / "faults.json"
    file.write_text(text)
    assert noted(file) == []
    note(file, 5.0)
    assert noted(file) == [5.0]


def test_a_full_disk_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    note(tmp_path / "file" / "faults.json", 5.0)
