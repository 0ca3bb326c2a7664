"""The kernel's own lines, for whoever may read them: root. In bounded time, and not more than one can use.

The newest MOST_LINES; the kernel holds each to about a KiB.
"""

from __future__ import annotations

import subprocess

MOST_LINES = 5000
LIMIT_S = 20.0


def lines(*, since: float | None = None, output: str = "cat", limit_s: float = LIMIT_S) -> list[str]:
    """This boot's, oldest first; none where nobody can tell them in time.

    `since`: seconds since the epoch; `output`: journalctl's word for what stands before each line (`cat`: nothing).
    """
    words = ["journalctl", "--dmesg", "--boot", f"--lines={MOST_LINES}", "--no-pager", "--quiet", f"--output={output}"]
    words += [] if since is None else [f"--since=@{since:.6f}"]
    try:
        said = subprocess.run(words, capture_output=True, timeout=limit_s, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return said.stdout.decode(errors="replace").splitlines()
