"""Runs one long command, keeps all it says in a log, and lets somebody watch."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

TICK_S = 1.0


class CommandFailed(Exception):
    """A command ended with another code than 0. `output` is all it said."""

    def __init__(self, command: Sequence[str], exit_code: int, output: str) -> None:
        super().__init__(f"{Path(command[0]).name} exited with {exit_code}")
        self.command = tuple(command)
        self.exit_code = exit_code
        self.output = output


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
    watch: Callable[[str | None], None] = lambda line: None,
) -> str:
    """Runs `command` to its end and returns what it said. Raises CommandFailed, OSError.

    `watch` gets each line as it comes, and None for each `TICK_S` of silence. Whatever interrupts us ends the command
    too: nothing goes on installing behind the back of somebody who pressed Ctrl-C.
    """
    said: list[str] = []
    with log.open("a") as file, _start(command, environment) as process:
        assert process.stdout is not None
        try:
            for line in _lines(process.stdout.fileno()):
                watch(line)
                if line is not None:
                    said.append(line)
                    file.write(line + "\n")
        except BaseException:
            process.terminate()
            process.wait()  # leaving the `with` because of Ctrl-C does not wait for it
            raise
    output = "\n".join(said)
    if process.returncode != 0:
        raise CommandFailed(command, process.returncode, output)
    return output


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def _lines(pipe: int) -> Iterator[str | None]:
    """Whole lines until the other side closes the pipe; None when `TICK_S` pass without a byte."""
    unfinished = b""
    while True:
        readable, _, _ = select.select([pipe], [], [], TICK_S)
        if not readable:
            yield None
            continue
        chunk = os.read(pipe, 65536)
        if not chunk:
            break
        *whole, unfinished = (unfinished + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
    if unfinished:
        yield unfinished.decode(errors="replace")
