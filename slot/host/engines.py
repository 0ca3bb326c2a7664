"""Which engines we ship, and what an installation needs. Decides; `engine_venv` acts.

An engine lives in a venv of its own under the data directory (`engines/cpu-0.32.0`), named by the profiles that use it
(`MODEL_SLOT_VENV=engines/cpu-0.32.0`). Its versions are locked; what it was made of is written into it last, as
`complete.json`. A venv without that file, or made from another lock, is made anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from slot.bad_json import BAD_JSON

GIB = 1024**3


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """One engine that we ship. The sizes are measured, on x86_64 with Python 3.11."""

    name: str
    """The word for it on the command line, and of the extra in pyproject.toml."""
    directory: str
    """Below the data directory; what a profile's MODEL_SLOT_VENV says."""
    version: str
    """What `vllm --version` says."""
    torch: str
    """The one requirement that is not in the lock."""
    lock: str
    """File name of the locked versions, hashes included."""
    libraries: dict[str, str]
    """What must be on the system: file name -> its package in Debian and Ubuntu."""
    trial: str
    """A program for the engine's Python that fails where the engine could not work."""
    disk_gib: float
    """What an installation needs while it runs: the venv, what pip has just fetched, and pip's cache of it."""
    about: str
    """Time and size, for whoever waits."""


# vLLM picks the compiled library for this processor, and where it cannot be loaded only warns, to die while it loads
_LOAD_CPU_KERNELS = """\
import torch
from vllm.platforms import current_platform
current_platform.import_kernels()
torch.ops._C.init_cpu_memory_env
"""
CPU = Engine(
    name="cpu",
    directory="engines/cpu-0.32.0",
    version="0.32.0",
    torch="torch==2.13.0+cpu",
    lock="engine-cpu.txt",
    libraries={"libnuma.so.1": "libnuma1"},
    trial=_LOAD_CPU_KERNELS,
    disk_gib=5.0,
    about="3 to 5 minutes, 0.8 GB to fetch, 2.5 GB on disk",
)
SHIPPED = {CPU.name: CPU}


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """`complete.json`: an engine's venv is whole, and this is what it was made of."""

    engine: str
    version: str
    lock_sha256: str
    python: str
    installed_at: float
    """Seconds since the epoch."""
    took_s: float


def is_whole(completion: bytes, lock_sha256: str) -> bool:
    """Whether the venv with this `complete.json` was made from the lock of today."""
    try:
        return msgspec.json.decode(completion, type=Completion).lock_sha256 == lock_sha256
    except BAD_JSON:
        return False


def obstacles(
    engine: Engine,
    *,
    python: tuple[int, int],
    system: str,
    machine: str,
    free_bytes: int,
    missing_libraries: Mapping[str, str],
) -> list[str]:
    """Why the engine cannot be installed here: all reasons at once, each with what was found and what is needed.

    `system` and `machine` are in the words of `platform.system()` and `platform.machine()`; `missing_libraries` are
    those of `engine.libraries` that are not there.
    """
    found: list[str] = []
    if not (3, 11) <= python <= (3, 13):
        found.append(f"Python {python[0]}.{python[1]} found; the engine's wheels need 3.11 to 3.13")
    if (system, machine) not in {("Linux", "x86_64"), ("Linux", "aarch64")}:
        found.append(f"{system} on {machine} found; there are wheels for Linux on x86_64 and aarch64 only")
    if free_bytes < engine.disk_gib * GIB:
        found.append(f"{free_bytes / GIB:.1f} GiB of disk free; {engine.disk_gib:.0f} GiB are needed")
    if missing_libraries:
        names, packages = ", ".join(missing_libraries), " ".join(missing_libraries.values())
        found.append(f"{names} not found; please run: sudo apt-get install -y {packages}")
    return found


def pins(lock: str) -> int:
    """How many requirements a lock holds; some are for other systems, so pip may install a few less."""
    return sum(1 for line in lock.splitlines() if line[:1].isalpha() and "==" in line)
