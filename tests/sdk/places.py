"""Where the SDKs are that the tests talk through: their majors cannot share an environment, so each has its own place.

    python tests/sdk/places.py      installs those that are not there yet (scripts/test does it before these tests)

A place is a directory of packages from one lock (`requirements/sdk-*.txt`), for one version of Python. `made-of`,
written last, says of which: whatever else is found there is made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from slot.exit_codes import ExitCode
from slot.host.pip_output import complaint

CHECKOUT = Path(__file__).parents[2]
REQUIREMENTS = CHECKOUT / "requirements"
PLACES = Path(os.environ.get("SLOT_DATA_DIR") or CHECKOUT / ".slot-data") / "sdk"
MADE_OF = "made-of"


class CannotInstall(Exception):
    """The SDK is not there, and nothing half made is left. The message says why."""


@dataclass(frozen=True)
class Sdk:
    """One SDK at one version: `name` is that of its lock, without `sdk-`."""

    name: str

    @property
    def lock(self) -> Path:
        return REQUIREMENTS / f"sdk-{self.name}.txt"

    @property
    def package(self) -> str:
        return self.name.partition("-")[0]

    @property
    def version(self) -> str:
        found = re.search(rf"^{self.package}==([\d.]+)", self.lock.read_text(), re.MULTILINE)
        assert found, f"{self.lock} has no {self.package}"
        return found[1]

    @property
    def place(self) -> Path:
        return PLACES / self.name

    def __str__(self) -> str:
        return f"{self.package}-python {self.version}"

    def is_installed(self) -> bool:
        try:
            return (self.place / MADE_OF).read_text() == self._ingredients()
        except FileNotFoundError:
            return False

    def install(self) -> None:
        """Raises CannotInstall, OSError."""
        shutil.rmtree(self.place, ignore_errors=True)
        # the lock names every package and every hash: nothing is left for pip to decide
        exactly = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(self.lock))
        quietly = ("--no-input", "--progress-bar", "off", "--no-compile", "--no-warn-conflicts")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", *quietly, *exactly, "--target", str(self.place)],
            env={**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            shutil.rmtree(self.place, ignore_errors=True)
            raise CannotInstall(f"pip could not install {self}: {complaint(done.stdout + done.stderr)}")
        (self.place / MADE_OF).write_text(self._ingredients())

    def _ingredients(self) -> str:
        lock = hashlib.sha256(self.lock.read_bytes()).hexdigest()
        return f"python={platform.python_version()} machine={platform.machine()} sha256={lock}"


OPENAI = (Sdk("openai-1"), Sdk("openai-2"), Sdk("openai-3"))
ANTHROPIC = Sdk("anthropic")
ALL = (*OPENAI, ANTHROPIC)


def main() -> int:
    missing = [sdk for sdk in ALL if not sdk.is_installed()]
    if not missing:
        return ExitCode.OK
    PLACES.mkdir(parents=True, exist_ok=True)
    with (PLACES / ".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        for number, sdk in enumerate(missing, 1):
            if not sdk.is_installed():  # somebody else may have installed it while we waited
                _say(f"Installing {sdk} for the tests, in {sdk.place} ({number} of {len(missing)}, once) ...", end="")
                begun = time.monotonic()
                sdk.install()
                _say(f" {time.monotonic() - begun:.0f} s")
    return ExitCode.OK


def _say(text: str, end: str = "\n") -> None:
    sys.stderr.write(text + end)
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CannotInstall, OSError) as exc:
        _say(f"\n{exc}")
        sys.exit(ExitCode.UNAVAILABLE)
