"""A frontdoor as a real process on a free port, for tests that look at it from outside: its memory, its open files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from processes import PATIENCE_S, until


@dataclass(frozen=True)
class FrontdoorProcess:
    """A running `python -m frontdoor`. `log`: what it wrote, a line for each event."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def rss_bytes(self) -> int:
        """Resident memory. Source: proc_pid_statm(5)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    @property
    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self) -> int:
        """Asks it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def frontdoor_process(log: Path, **settings: str) -> Iterator[FrontdoorProcess]:
    """Starts one with these settings (`backend_url=...`), returns when it listens, and leaves nothing of it behind."""
    bare = {name: text for name, text in os.environ.items() if not name.startswith("FRONTDOOR_")}
    told = {f"FRONTDOOR_{name.upper()}": text for name, text in ({"port": "0"} | settings).items()}
    with log.open("wb") as written:
        process = subprocess.Popen([sys.executable, "-m", "frontdoor"], env=bare | told, stdout=written, stderr=written)
    try:
        yield FrontdoorProcess(process, until(lambda: _port(process, log), log.read_text), log)
    finally:
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int | None:
    assert process.poll() is None, log.read_text()
    for line in log.read_text().splitlines():
        if '"frontdoor_start"' in line:
            return int(json.loads(line)["port"])
    return None
