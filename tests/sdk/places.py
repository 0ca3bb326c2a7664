"""Where the SDKs are that the tests talk through: their majors cannot share an environment, so each has its own place.

    python tests/sdk/places.py      installs those that are not there yet (scripts/test does it before these tests)

A place is a directory of packages from one lock (`requirements/sdk-*`). `made-of`, written last, says of which:
whatever else is found there is made anew. openai-node is there only where Node is: nobody must install that at a desk
for our sake. CI must, for there a test that cannot run is a failure.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slot.exit_codes import ExitCode
from slot.host.pip_output import complaint

CHECKOUT = Path(__file__).parents[2]
REQUIREMENTS = CHECKOUT / "requirements"
PLACES = Path(os.environ.get("SLOT_DATA_DIR") or CHECKOUT / ".slot-data").resolve() / "sdk"
MADE_OF = "made-of"


class CannotInstall(Exception):
    """The SDK is not there, and nothing half made is left. The message says why."""


@dataclass(frozen=True)
class Sdk(ABC):
    """One SDK at one version. `name`: that of its lock, without `sdk-`, and of its place."""

    name: str

    @property
    def package(self) -> str:
        return self.name.partition("-")[0]

    @property
    @abstractmethod
    def lock(self) -> Path: ...

    @property
    @abstractmethod
    def version(self) -> str: ...

    @property
    @abstractmethod
    def command(self) -> list[str]:
        """What runs its driver."""

    @property
    @abstractmethod
    def environment(self) -> Mapping[str, str]: ...

    @property
    def is_possible(self) -> bool:
        """Whether this machine has what the SDK runs on."""
        return True

    @property
    def remedy(self) -> str:
        """How it comes to be installed."""
        return "scripts/test installs it"

    @property
    def place(self) -> Path:
        return PLACES / self.name

    @property
    def is_installed(self) -> bool:
        try:
            return self.is_possible and (self.place / MADE_OF).read_text() == self._ingredients
        except FileNotFoundError:
            return False

    def install(self) -> None:
        """Raises CannotInstall, OSError."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(parents=True)
        done = self._fetch()
        if done.returncode:
            shutil.rmtree(self.place)
            raise CannotInstall(f"{self} could not be installed: {self._complaint(done.stdout + done.stderr)}")
        (self.place / MADE_OF).write_text(self._ingredients)

    @abstractmethod
    def _fetch(self) -> subprocess.CompletedProcess[str]: ...

    def _complaint(self, output: str) -> str:
        """Why it failed, from all that was written."""
        return complaint(output)

    @property
    def _ingredients(self) -> str:
        lock = hashlib.sha256(self.lock.read_bytes()).hexdigest()
        return f"python={platform.python_version()} machine={platform.machine()} sha256={lock}"


class PythonSdk(Sdk):
    """Its packages are in its place, and nothing else is on its path: our own venv holds another openai."""

    @property
    def lock(self) -> Path:
        return REQUIREMENTS / f"sdk-{self.name}.txt"

    @property
    def version(self) -> str:
        found = re.search(rf"^{self.package}==([\d.]+)", self.lock.read_text(), re.MULTILINE)
        assert found, f"{self.lock} has no {self.package}"
        return found[1]

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-S", str(Path(__file__).with_name("driver.py")), self.package]

    @property
    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(self.place)}

    def __str__(self) -> str:
        return f"{self.package}-python {self.version}"

    def _fetch(self) -> subprocess.CompletedProcess[str]:
        # the lock names every package and every hash: nothing is left for pip to decide
        exactly = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(self.lock))
        quietly = ("--no-input", "--progress-bar", "off", "--no-compile", "--no-warn-conflicts")
        return _run(
            [sys.executable, "-m", "pip", "install", *quietly, *exactly, "--target", str(self.place)],
            {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )


class NodeSdk(Sdk):
    """Made by `npm ci`, which takes what the lock says or fails."""

    @property
    def lock(self) -> Path:
        return REQUIREMENTS / f"sdk-{self.name}" / "package-lock.json"

    @property
    def version(self) -> str:
        return str(json.loads(self.lock.read_text())["packages"][f"node_modules/{self.package}"]["version"])

    @property
    def command(self) -> list[str]:
        return ["node", str(Path(__file__).with_name("driver.mjs")), str(self.place)]

    @property
    def environment(self) -> Mapping[str, str]:
        return {"PATH": os.environ["PATH"]}

    @property
    def is_possible(self) -> bool:
        return bool(shutil.which("node") and shutil.which("npm"))

    @property
    def remedy(self) -> str:
        return super().remedy if self.is_possible else "install node and npm, then scripts/test installs it"

    def __str__(self) -> str:
        return f"{self.package}-node {self.version}"

    def _fetch(self) -> subprocess.CompletedProcess[str]:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(self.lock.with_name(file), self.place)
        return _run(["npm", "ci", "--prefix", str(self.place), "--ignore-scripts", "--no-audit", "--no-fund"], {})

    def _complaint(self, output: str) -> str:
        errors = [line.removeprefix("npm error ") for line in output.splitlines() if line.startswith("npm error ")]
        return "; ".join(errors[:2])


OPENAI = (PythonSdk("openai-1"), PythonSdk("openai-2"), PythonSdk("openai-3"))
OPENAI_NODE = NodeSdk("openai-node")
ANTHROPIC = PythonSdk("anthropic")
ALL: tuple[Sdk, ...] = (*OPENAI, ANTHROPIC, OPENAI_NODE)


def main() -> int:
    for sdk in ALL:
        if not sdk.is_possible:
            _say(f"There is no node with npm here: nothing is tested with {sdk}.")
        elif not sdk.is_installed:
            try:
                _install(sdk)
            except (CannotInstall, OSError) as exc:
                _say(f"\n{exc}")
                if sdk is not OPENAI_NODE:  # without which a desk can test the rest
                    return ExitCode.UNAVAILABLE
    return ExitCode.OK


def _install(sdk: Sdk) -> None:
    """Raises CannotInstall, OSError."""
    PLACES.mkdir(parents=True, exist_ok=True)
    with (PLACES / ".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not sdk.is_installed:  # somebody else may have installed it while we waited
            _say(f"Installing {sdk} for the tests (once), in {sdk.place} ...", end="")
            begun = time.monotonic()
            sdk.install()
            _say(f" {time.monotonic() - begun:.0f} s")


def _run(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def _say(text: str, end: str = "\n") -> None:
    sys.stderr.write(text + end)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
