"""The command `scripts/bench`. Progress goes to stderr, the report to stdout."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import uvloop

from bench import peers, report, rounds
from bench.client import LoadFailed
from bench.peers import BASELINE, DIRECT, OURS, CannotRun
from bench.report import Sample
from bench.rounds import MEASURES, SIZES, Lab

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130


class Progress:
    """One line that changes where somebody watches, a line each where nobody does."""

    def __init__(self) -> None:
        self._is_watched = sys.stderr.isatty()

    def say(self, text: str) -> None:
        sys.stderr.write(f"\r\033[K{text}" if self._is_watched else f"{text}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._is_watched:
            self.say("")


def main() -> int:
    chosen = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    progress = Progress()
    try:
        samples = _run(chosen, progress)
    except (CannotRun, LoadFailed, TimeoutError) as exc:
        progress.clear()
        sys.stderr.write(f"{exc or 'waited too long for an answer'}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        progress.clear()
        return EXIT_INTERRUPTED
    progress.clear()
    sys.stdout.write(_report(samples, chosen))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures what the frontdoor costs in front of a token stream, beside nginx (if it is installed)"
        " and no proxy at all. Loopback only, with an emulated engine. Leave the machine alone meanwhile: it takes"
        " about a minute for each round.",
    )
    parser.add_argument("--rounds", type=_at_least_one, default=3, help="how often everything is measured (default: 3)")
    parser.add_argument("--size", choices=SIZES, default="full", help="how much of everything (default: full)")
    parser.add_argument("--no-nginx", action="store_true", help="leave nginx out, and with it all ratios")
    parser.add_argument("--json", action="store_true", help="figures of every round as JSON, instead of the table")
    return parser.parse_args()


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _run(chosen: argparse.Namespace, progress: Progress) -> list[Sample]:
    peers.allow_many_connections()
    names = peers.installed()
    if BASELINE not in names:
        sys.stderr.write("nginx is not installed: there is nothing to compare with, so no ratios.\n")
    elif chosen.no_nginx:
        names.remove(BASELINE)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        directory.chmod(0o755)  # nginx, started by root, works as somebody else
        emulator_port = stack.enter_context(peers.emulator())
        running = []
        for name in names:
            progress.say(f"starting {name}")
            running.append(stack.enter_context(peers.running(name, emulator_port, directory)))
        lab = Lab(emulator_port, directory, SIZES[chosen.size])
        gc.disable()  # a collection in the middle of a load would count as the proxy's delay
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_collect(lab, running, chosen.rounds, progress))


async def _collect(lab: Lab, running: list[peers.Peer], count: int, progress: Progress) -> list[Sample]:
    samples = []
    async for sample in rounds.measure(lab, running, count, progress.say):
        samples.append(sample)
    return samples


def _report(samples: list[Sample], chosen: argparse.Namespace) -> str:
    measured = [name for name in (OURS, BASELINE, DIRECT) if any(sample.peer == name for sample in samples)]
    found = report.rows(MEASURES, samples, measured, OURS, BASELINE, DIRECT)
    if chosen.json:
        setting = {"rounds": chosen.rounds, "size": chosen.size, "machine": _machine()}
        return json.dumps(setting | report.as_json(found, samples), indent=2) + "\n"
    conditions = f"Medians of {chosen.rounds} interleaved rounds ({chosen.size}); {_machine()}.\n\n"
    return conditions + report.table(found, measured, OURS, BASELINE)


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {platform.machine()}, Linux {platform.release()}, Python {platform.python_version()}"


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)  # for which asyncio has a way out


if __name__ == "__main__":
    sys.exit(main())
