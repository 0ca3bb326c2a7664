"""What is examined: a profile, the command that it leads to, the doors that would be opened, and this host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from slot.doctor import hub_cache, ports
from slot.doctor.installed_engine import InstalledEngine, find_engine
from slot.doctor.mounts import FSTAB, Mounts, read_mounts
from slot.doctor.weights import Weights, read_weights
from slot.port_holder import Holder
from slot.profiles.command import EngineCommand
from slot.profiles.profile import Profile


@dataclass(frozen=True)
class Host:
    """Where the checks look on this host. `own` tells the processes of this slot from strangers.

    `sandbox`: what the slot's unit is shown of what it hides; None where the slot is no unit.
    """

    data_dir: Path
    home: Path
    patches_dir: Path
    fstab: Path = FSTAB
    proc: Path = Path("/proc")
    own: Callable[[Holder], bool] = lambda holder: False
    sandbox: Path | None = None


@dataclass(frozen=True)
class Subject:
    """What is examined: a profile, the command that it leads to, and the doors that would be opened."""

    profile: Profile
    command: EngineCommand
    doors: tuple[ports.Door, ...]
    host: Host

    @property
    def model(self) -> str:
        """The engine's word for the model: a directory, or an id of the model hub."""
        return self.words[0]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """What follows `serve` in the engine's command."""
        words = self.command.words
        return tuple(words[words.index("serve") + 1 :])

    @cached_property
    def environment(self) -> dict[str, str]:
        return {name: argument.text for name, argument in self.command.environment.items()}

    @cached_property
    def model_dir(self) -> Path | None:
        if self.profile.model_dir is not None:
            return Path(self.model)
        cache = hub_cache.cache_dir(self.environment, self.host.home)
        return hub_cache.snapshot_of(self.model, self.profile.get("MODEL_SLOT_HF_REVISION"), cache)

    @cached_property
    def weights(self) -> Weights:
        return read_weights(self.model_dir) if self.model_dir is not None else Weights((), 0, ())

    @property
    def venv(self) -> Path:
        return self.command.program.parent.parent

    @cached_property
    def engine(self) -> InstalledEngine | None:
        return None if self.command.simulated else find_engine(self.venv)

    @cached_property
    def mounts(self) -> Mounts:
        return read_mounts(self.host.fstab, self.host.proc / "self/mountinfo")

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(name for name in self.profile.engine_environment() if name.startswith("VLLM_"))
