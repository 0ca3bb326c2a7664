"""The command `scripts/soak`. Progress goes to stderr, the verdict to stdout; exits 0 when it is good, else 1."""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict
from types import FrameType

from soak.run import soak
from soak.verdict import MIB, Row, Seen, growth, judge, slope, table

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130


def main() -> int:
    chosen = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)  # so that what was started is ended
    try:
        seen = soak(chosen.minutes, chosen.cap, chosen.seed, _teller())
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    rows = judge(seen)
    for line in [*seen.complaints, *seen.log]:
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(json.dumps(figures(seen, rows, chosen.minutes)) + "\n" if chosen.json else table(rows))
    return 0 if all(row.is_fine for row in rows) else EXIT_FAILED


def figures(seen: Seen, rows: list[Row], minutes: float) -> dict[str, object]:
    """Everything that was found, for programs. Memory in MiB."""
    memory = [sample.rss_bytes / MIB for sample in seen.samples]
    return {
        "minutes": minutes,
        "cap": seen.cap,
        "guests": dict(seen.treated),
        "rss_mib": {
            "before": round(seen.before.rss_bytes / MIB, 2),
            "median": round(statistics.median(memory), 2),
            "peak": round(max(memory), 2),
            "after": round(seen.after.rss_bytes / MIB, 2),
            "growth": round(growth(seen.samples), 3),
            "slope_per_hour": round(slope(seen.samples) * 3600 / MIB, 3),
        },
        "open_files": {
            "before": seen.before.open_files,
            "peak": max(sample.open_files for sample in seen.samples),
            "after": seen.after.open_files,
        },
        "connections_peak": max(sample.connections for sample in seen.samples),
        "quiet_after_s": round(seen.after.at_s - seen.samples[-1].at_s, 2),
        "is_fine": all(row.is_fine for row in rows),
        "verdict": [asdict(row) for row in rows],
    }


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)  # for which asyncio has a way out


def _teller() -> Callable[[str], None]:
    """One line that changes where somebody watches; a line for every tenth where nobody does."""
    is_watched = sys.stderr.isatty()
    told = 0

    def say(text: str) -> None:
        nonlocal told
        told += 1
        if is_watched:
            sys.stderr.write(f"\r\033[K{text}")
        elif told % 10 == 1 or text.startswith("guests"):
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    return say


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Keeps a frontdoor at its cap with guests that stay, leave, stall and break things, in front of a"
        " simulated engine, and tells whether anything was left behind. Loopback only, no GPU.",
    )
    parser.add_argument("--minutes", type=_positive, default=1.0, help="how long guests come (default: 1)")
    parser.add_argument("--cap", type=int, default=8, help="generations at once (default: 8)")
    parser.add_argument("--seed", type=int, default=1, help="of the guests' dice (default: 1)")
    parser.add_argument("--json", action="store_true", help="all figures as JSON instead of the table")
    return parser.parse_args()


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < 100_000:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
