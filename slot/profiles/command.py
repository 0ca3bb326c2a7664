"""What is started for a profile: the words of the engine's command line, its environment, and where each comes from.

The engine gets nothing of the caller's environment: whoever starts it by hand and the unit that starts it at boot get
the same engine. What it gets is small and all of it is here; `slotctl show` prints it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slot.profiles import engine_flags, kinds
from slot.profiles.engine_face import Flag, known_flags
from slot.profiles.profile import Measured, Profile, Value

ADDRESS_FLAGS = ("--host", "--port")


@dataclass(frozen=True)
class Argument:
    """A word of the command line or the value of a variable, and why it is there, in words for people."""

    text: str
    origin: str


@dataclass(frozen=True)
class EngineCommand:
    """What to execute. `program` is the first word as a path; `environment` is the whole of it."""

    argv: tuple[Argument, ...]
    environment: Mapping[str, Argument]
    program: Path
    simulated: bool

    @property
    def words(self) -> list[str]:
        return [argument.text for argument in self.argv]


def engine_command(
    profile: Profile,
    *,
    data_dir: Path,
    home: Path,
    python: str,
    simulate: bool = False,
    faults: Sequence[str] = (),
    seed: int = 0,
    port: int | None = None,
    is_offline: bool = False,
) -> EngineCommand:
    """How to start the profile's engine, or the simulator in its place.

    Args:
        data_dir: where relative paths of the profile begin.
        home: what `~/` in the profile stands for, and the engine's HOME.
        python: the interpreter that runs the simulator.
        simulate: use the simulator whatever engine the profile names.
        faults: faults for the simulator to have, as its `--simulator-fault` takes them; ignored by a real engine.
        seed: what the simulator's output depends on.
        port: use this port instead of the profile's.
        is_offline: there is no way out of this host (SLOT_OFFLINE): the engine must not look for one, and its workers
            must find each other on loopback.
    """
    served = (_model(profile, data_dir, home), *_address(profile, port), *_flags(profile))
    if simulate or profile.engine == "simulator":
        program = Path(python)
        start = [Argument(word, "built in: the simulator") for word in (python, "-m", "slot.simulator", "serve")]
        argv = (*start, *served, *_simulator_arguments(profile.measured, faults, seed))
        environment = _environment(profile, program, home, is_offline=is_offline) | _simulators_places(data_dir)
        return EngineCommand(argv, environment, program, simulated=True)
    program = _place(profile.venv or "", data_dir, home) / "bin/vllm"
    argv = (Argument(str(program), _origin_of(profile, "MODEL_SLOT_VENV")), Argument("serve", "built in"), *served)
    environment = _environment(profile, program, home, is_offline=is_offline)
    return EngineCommand(argv, environment, program, simulated=False)


def _place(path: str, data_dir: Path, home: Path) -> Path:
    """A path of the profile: below the home, absolute, or otherwise below the data directory."""
    return home / path.removeprefix("~/") if path.startswith("~/") else data_dir / path


def _model(profile: Profile, data_dir: Path, home: Path) -> Argument:
    if profile.model_dir:
        path = _place(profile.model_dir, data_dir, home)
        return Argument(str(path), _origin_of(profile, "MODEL_SLOT_MODEL_DIR"))
    if profile.hf_id:
        return Argument(profile.hf_id, _origin_of(profile, "MODEL_SLOT_HF_ID"))
    return Argument(profile.name, "built in: the profile's name")


def _address(profile: Profile, port: int | None) -> Iterator[Argument]:
    yield from _pair("--host", profile.host, _origin_of(profile, "SERVE_HOST"))
    if port is None:
        yield from _pair("--port", str(profile.port), _origin_of(profile, "SERVE_PORT"))
    else:
        yield from _pair("--port", str(port), "the command line, instead of the profile's port")


def _flags(profile: Profile) -> Iterator[Argument]:
    if profile.get("SERVE_SERVED_MODEL_NAME") is None:
        # Otherwise the engine tells every client the path of its model directory.
        yield from _pair("--served-model-name", profile.name, "built in: the profile's name")
    if profile.hf_revision and not profile.model_dir and profile.get("SERVE_REVISION") is None:
        yield from _pair("--revision", profile.hf_revision, _origin_of(profile, "MODEL_SLOT_HF_REVISION"))
    for flag, value in profile.serve_flags():
        if flag not in ADDRESS_FLAGS:
            yield from _flag(flag, value)
    origin = _origin_of(profile, "MODEL_SLOT_EXTRA_ARGS")
    yield from (Argument(word, origin) for word in profile.extra_args)


def _flag(flag: str, value: Value) -> Iterator[Argument]:
    name = flag.removeprefix("--")
    origin = _origin(engine_flags.key_of(name), value)
    match known_flags()[name], value.text:
        case Flag(kind="switch"), "false":
            return
        case Flag(kind="switch" | "bool"), "true":
            yield Argument(flag, origin)
        case Flag(kind="bool"), "false":
            yield Argument(f"--no-{name}", origin)
        case Flag(many=True), text:
            yield from (Argument(word, origin) for word in (flag, *kinds.split(text)))
        case _, text:
            yield from _pair(flag, text, origin)


def _simulator_arguments(measured: Measured, faults: Sequence[str], seed: int) -> Iterator[Argument]:
    yield from _pair("--simulator-timing", _timing(measured), "MODEL_SLOT_MEASURED_*")
    yield from _pair("--simulator-seed", str(seed), "built in, or the command line")
    for fault in faults:
        yield from _pair("--simulator-fault", fault, "the command line")


def _timing(measured: Measured) -> str:
    known = {name: value for name, value in vars(measured).items() if value not in (None, {})}
    return msgspec.json.encode(known).decode()


def _simulators_places(data_dir: Path) -> dict[str, Argument]:
    return {"SLOT_DATA_DIR": Argument(str(data_dir), "built in: where the simulator keeps how its cards are")}


def _environment(profile: Profile, program: Path, home: Path, *, is_offline: bool) -> dict[str, Argument]:
    """A minimal base and what every engine of ours gets; a variable of the profile replaces one of the same name."""
    base = {
        "PATH": Argument(f"{program.parent}:/usr/bin:/bin", "built in: the engine's own programs first"),
        "HOME": Argument(str(home), "built in"),
        "USER": Argument(home.name or "root", "built in: names caches, such as that of torch"),
        "LANG": Argument("C.UTF-8", "built in"),
        "TMPDIR": Argument("/tmp", "built in"),  # noqa: S108 - short: sockets below it have 107 bytes for their path
        "PYTHONUNBUFFERED": Argument("1", "built in: the slot follows the engine's log"),
        "VLLM_NO_USAGE_STATS": Argument("1", "built in: nothing about this host leaves it"),
        "HF_HUB_DISABLE_XET": Argument("1", "built in: downloads by plain HTTP"),
    }
    if profile.model_dir:
        base["HF_HUB_OFFLINE"] = Argument("1", "built in: the model is a directory of this host")
    if is_offline:
        base["HF_HUB_OFFLINE"] = Argument("1", "SLOT_OFFLINE: there is no way to the hub")
        base["VLLM_HOST_IP"] = Argument("127.0.0.1", "SLOT_OFFLINE: the engine's processes meet on loopback")
    own = {key: Argument(value.text, _origin(key, value)) for key, value in profile.engine_environment().items()}
    return base | own


def _pair(flag: str, text: str, origin: str) -> tuple[Argument, Argument]:
    return Argument(flag, origin), Argument(text, origin)


def _origin(key: str, value: Value) -> str:
    return f"{key}, {Path(value.file).name}:{value.line}"


def _origin_of(profile: Profile, key: str) -> str:
    value = profile.values.get(key)
    return _origin(key, value) if value else f"built in: default of {key}"
