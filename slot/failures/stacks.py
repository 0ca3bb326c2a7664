"""Where the processes of an engine stand: by py-spy if it is at hand and allowed, else by what /proc tells of anybody.

py-spy reads Python's own stack without stopping the process (`--nonblocking`); under a sandbox it is often refused. The
kernel's view needs no right at all: each thread's name, its state, and the kernel's function that it waits in. A thread
in state D that waits in xe's code is a card that does not answer.

Only those files of /proc are read which the kernel fills in without the process's memory lock. `cmdline` is none of
them: whoever reads that of a process in state D may join it there.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

PROC = Path("/proc")

_LAST_BREATH_S = 2.0


def find_py_spy(engine_program: str) -> Path | None:
    """py-spy of the venv in which the engine's program lies, else the one of PATH."""
    beside = Path(engine_program).parent
    found = shutil.which("py-spy", path=str(beside)) or shutil.which("py-spy")
    return Path(found) if found else None


async def dump(pids: Sequence[int], *, py_spy: Path | None, limit_s: float = 20.0, proc: Path = PROC) -> str:
    """The stacks of `pids`, as text: of each by py-spy or by the kernel, and why it is not the other one.

    Takes `limit_s` at most, all of them together, and raises nothing: whoever asks is in the middle of a failure.
    """
    return "\n".join(await asyncio.gather(*(_dump(pid, py_spy, limit_s, proc) for pid in pids)))


async def _dump(pid: int, py_spy: Path | None, limit_s: float, proc: Path) -> str:
    process = proc / str(pid)
    try:
        title = f"== {pid}: {(process / 'comm').read_text().strip()}"
        by_kernel = "\n".join(_threads(process))
    except OSError as exc:
        return f"== {pid}: gone ({exc.strerror})\n"
    if py_spy is None:
        return f"{title}, by the kernel: there is no py-spy\n{by_kernel}\n"
    try:
        said = await _ask(py_spy, pid, limit_s)
    except _NoAnswer as exc:
        return f"{title}, by the kernel: {exc}\n{by_kernel}\n"
    return f"{title}, by {py_spy}\n{said}\n-- by the kernel\n{by_kernel}\n"


class _NoAnswer(Exception):
    """py-spy could not tell; the message says why."""


async def _ask(py_spy: Path, pid: int, limit_s: float) -> str:
    words = ("dump", "--nonblocking", "--pid", str(pid))
    pipe = asyncio.subprocess.PIPE
    try:
        asked = await asyncio.create_subprocess_exec(str(py_spy), *words, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    except OSError as exc:
        raise _NoAnswer(f"{py_spy} cannot be run: {exc.strerror}") from exc
    try:
        async with asyncio.timeout(limit_s):
            said, _ = await asked.communicate()
    except TimeoutError:
        raise _NoAnswer(f"py-spy did not answer within {limit_s:g} s") from None
    finally:
        if asked.returncode is None:
            with contextlib.suppress(ProcessLookupError, TimeoutError):
                asked.kill()
                async with asyncio.timeout(_LAST_BREATH_S):  # it may stand where the process stands
                    await asked.wait()
    text = said.decode(errors="replace").rstrip()
    if asked.returncode != 0:
        raise _NoAnswer(f"py-spy failed with {asked.returncode}: {text.rpartition(chr(10))[2]}")
    return text


def _threads(process: Path) -> Iterator[str]:
    """A line for each thread; one that ends meanwhile is passed over."""
    yield f"{'thread':>10} {'state':<22} {'name':<16} waits in"
    for task in sorted((process / "task").iterdir(), key=lambda each: int(each.name)):
        with contextlib.suppress(OSError):
            yield f"{task.name:>10} {_state(task):<22} {(task / 'comm').read_text().strip():<16} {_waits_in(task)}"


def _state(task: Path) -> str:
    lines = (task / "status").read_text().splitlines()
    return next((line.partition("\t")[2] for line in lines if line.startswith("State:")), "?")


def _waits_in(task: Path) -> str:
    try:
        place = (task / "wchan").read_text().strip()
    except OSError:
        return "?"
    return "-" if place in ("", "0") else place
