"""Asks one card, in bounded time, and comes back whatever the card does.

The child that asks may wait inside of the driver, where no signal reaches it: so it is given up and named, never
waited for. Its output goes to a file, as the end of a pipe may be held open by whatever it left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from slot.cards.question import Question
from slot.cards.verdict import CardSight, Ended, NotAsked, Silent, judge

LIMIT_S = 30.0
"""A card in good health answers within the time that torch takes to load, a few seconds on a cold disk."""

TERMINATE_S = 5.0
_KILL_S = 1.0


@dataclass(frozen=True)
class Identity:
    """Who the child runs as: what root asks, it asks as the slot's user, whose code the engine is."""

    uid: int
    gid: int
    groups: Sequence[int]


async def ask(
    question: Question, *, limit_s: float = LIMIT_S, grace_s: float = TERMINATE_S, identity: Identity | None = None
) -> CardSight:
    """What was seen of the card. Takes at most `limit_s`, then `grace_s` between SIGTERM and SIGKILL, and 1 s more."""
    began = time.monotonic()
    try:
        outcome = await _outcome(question, limit_s, grace_s, identity)
    except OSError as exc:  # no room for a file, no process left: a host in trouble says nothing of its cards
        outcome = NotAsked(f"this host could not ask: {exc}")
    verdict, words = judge(outcome)
    return CardSight(question.bdf, verdict, words, time.monotonic() - began)


async def _outcome(
    question: Question, limit_s: float, grace_s: float, identity: Identity | None
) -> NotAsked | Silent | Ended:
    if question.cannot_ask is not None:
        return NotAsked(question.cannot_ask)
    with tempfile.TemporaryFile() as output:
        try:
            child = _start(question, identity, output)
        except OSError as exc:
            return NotAsked(f"{question.words[0]} cannot be run: {exc.strerror}")
        try:
            if await _has_ended(child, limit_s):
                return Ended(child.wait(), last_words(output))
            child.terminate()
            if not await _has_ended(child, grace_s):
                child.kill()
            return Silent(limit_s, is_left=not await _has_ended(child, _KILL_S))
        finally:
            _let_go(child)


def _start(question: Question, identity: Identity | None, output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        question.words,
        env=dict(question.environment),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=identity.uid if identity else None,
        group=identity.gid if identity else None,
        extra_groups=identity.groups if identity else None,
    )


async def _has_ended(child: subprocess.Popen[bytes], limit_s: float) -> bool:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    handle = os.pidfd_open(child.pid)
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(limit_s):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return True


def _let_go(child: subprocess.Popen[bytes]) -> None:
    """Buries it. One that still runs, because nobody waits for the answer any more, is asked to end."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_KILL_S)


def last_words(output: IO[bytes]) -> str:
    """The last line that looks like an answer, otherwise the last line: a driver may speak after the answer."""
    output.seek(0)
    lines = [line for line in output.read().decode(errors="replace").splitlines() if line.strip()]
    answers = [line for line in lines if line.startswith("{")]
    return (answers or lines or [""])[-1].strip()
