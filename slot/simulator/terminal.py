"""Where the engine's lines go: the logger's to stdout, progress bars and uvicorn's to stderr, as with vLLM."""

from __future__ import annotations

import os
import sys
import time

from slot.simulator.log_lines import API_SERVER, ENGINE_CORE, Line, Raw, render


class Terminal:
    def __init__(self, engine_core_pid: int) -> None:
        self._pids = {API_SERVER: os.getpid(), ENGINE_CORE: engine_core_pid}

    def say(self, *lines: Line) -> None:
        for line in lines:
            if isinstance(line, Raw):
                sys.stderr.write(line.text)
                sys.stderr.flush()
            else:
                sys.stdout.write(render(line, self._pids, time.strftime("%m-%d %H:%M:%S")))
                sys.stdout.flush()
