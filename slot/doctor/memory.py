"""Does the host's memory suit these weights?

The engine maps the files: with less free memory than weights it still loads on GPUs, but every rank reads them from
disk again instead of from the page cache. On CPU the weights stay in that memory: there it is a matter of fitting.

Source: proc_meminfo(5); values there are KiB.
"""

from __future__ import annotations

from slot.doctor.finding import Finding, fail, ok, warn
from slot.size_words import size_words

CHECK = "memory"


def check(meminfo: str, *, weights_bytes: int, on_cpu: bool) -> Finding:
    held = amounts(meminfo)
    total, available, swap = (held.get(name, 0) for name in ("MemTotal", "MemAvailable", "SwapTotal"))
    looked_at = f"{size_words(total)} of memory for {size_words(weights_bytes)} of weights"
    found = f"{size_words(available)} available, {size_words(swap)} of swap"
    if on_cpu and weights_bytes > available:
        return fail(
            CHECK, looked_at, found, "more available memory than weights: the engine runs on CPU", "free memory"
        )
    if weights_bytes > available:
        do = "stop what else uses memory, or expect a slow load"
        return warn(CHECK, looked_at, found, "enough available memory for the weights to stay in the page cache", do)
    # swap is a note: the unit forbids it for the slot, and a desktop has it for good reasons
    expected = "enough for the weights" + ("; none of the engine in swap: it would stall" if swap else "")
    return ok(CHECK, looked_at, found, expected)


def amounts(meminfo: str) -> dict[str, int]:
    """Bytes by name, of what is told in bytes."""
    lines = (line.split() for line in meminfo.splitlines())
    return {fields[0].rstrip(":"): int(fields[1]) * 1024 for fields in lines if fields[2:] == ["kB"]}
