"""A command line of `vllm serve` 0.32: which flags there are, what their values must look like, and how it is refused.

The flags come from the face that vLLM itself wrote (`slot/profiles/engine_faces/vllm-0.32.json`), so what the simulator
takes is what vLLM takes; the simulator's own begin with `--simulator-`. What they mean is in `options`.

Source of the wordings: `vllm serve` 0.32.0, measured; values with a unit: `human_readable_int` of its argparse module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slot.profiles.engine_face import EngineFace, Flag

OWN_FLAGS: Mapping[str, Flag] = {
    "simulator-timing": Flag("json"),
    "simulator-fault": Flag("str"),
    "simulator-seed": Flag("int"),
    "simulator-children": Flag("int"),
    "simulator-device": Flag("str", choices=("gpu", "xpu", "cpu")),
}

_USAGE = {
    "vllm": "usage: vllm [-h] [-v]\n            {chat,complete,serve,launch,bench,collect-env,download-kernels,preload,"
    "run-batch,snapshot}\n            ...",
    "vllm serve": "usage: vllm serve [model_tag] [options]",
}
_UNITS = {"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_WITH_UNIT = re.compile(r"(\d+(?:\.\d+)?)([kKmMgGtT])")


class UsageError(Exception):
    """The command line is refused: `str()` is what vLLM writes to stderr before it exits with 2."""

    def __init__(self, message: str, *, program: str = "vllm serve") -> None:
        super().__init__(f"{_USAGE[program]}\n{program}: error: {message}")


@dataclass(frozen=True)
class Given:
    """The flags of one command line: name -> its converted values, of which the last counts where only one can."""

    model: str | None
    values: Mapping[str, Sequence[object]]

    def one(self, name: str, default: object) -> object:
        return self.values[name][-1] if name in self.values else default

    def integer(self, name: str, default: int) -> int:
        value = self.one(name, default)
        return value if isinstance(value, int) else default  # `auto`: the engine's own choice, as if it were not given

    def number(self, name: str, default: float) -> float:
        value = self.one(name, default)
        return float(value) if isinstance(value, int | float) else default

    def text(self, name: str, default: str) -> str:
        return str(self.one(name, default))

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(str(value) for value in self.values.get(name, ()))

    def flag(self, name: str, default: bool = False) -> bool:
        return bool(self.one(name, default))


def parse(words: Sequence[str], face: EngineFace) -> Given:
    """`words` after the program's name: `serve MODEL --flag value ...`. Raises UsageError."""
    if not words or words[0] != "serve":
        raise UsageError(f"argument subparser: invalid choice: {words[0] if words else None!r}", program="vllm")
    return _split(words[1:], {**face.flags, **OWN_FLAGS})


def _split(words: Sequence[str], flags: Mapping[str, Flag]) -> Given:
    values: dict[str, list[object]] = {}
    models: list[str] = []
    unrecognized: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            (unrecognized if models or word.startswith("-") else models).append(word)
            continue
        name, equals, attached = word[2:].partition("=")
        name = name.replace("_", "-")
        flag, enabled = _find(name, flags)
        if flag is None:
            unrecognized.append(word)
            continue
        texts = [attached] if equals else list(_values_of(flag, rest))
        values.setdefault(_base(name, flags), []).extend(_converted(name, flag, texts, enabled))
    if unrecognized:
        raise UsageError(f"unrecognized arguments: {' '.join(unrecognized)}", program="vllm")
    return Given(models[0] if models else None, values)


def _base(name: str, flags: Mapping[str, Flag]) -> str:
    """`no-enable-x` -> `enable-x`, `compilation-config.mode` -> `compilation-config`."""
    if name in flags:
        return name
    return name.removeprefix("no-") if name.removeprefix("no-") in flags else name.partition(".")[0]


def _find(name: str, flags: Mapping[str, Flag]) -> tuple[Flag | None, bool]:
    """The flag of that name and whether it is switched on rather than off."""
    if name in flags:
        return flags[name], True
    flag = flags.get(_base(name, flags))
    if flag is not None and name.startswith("no-") and flag.kind == "bool":
        return flag, False
    if flag is not None and "." in name and flag.kind == "json":
        return Flag("str"), True  # one member of a JSON argument: `--compilation-config.mode 3`
    return None, True


def _values_of(flag: Flag, rest: list[str]) -> Iterator[str]:
    """Takes the words that belong to a flag off the front of `rest`."""
    if flag.kind in ("bool", "switch"):
        return
    taken = 0
    while rest and not rest[0].startswith("--") and (taken == 0 or flag.many):
        taken += 1
        yield rest.pop(0)


def _converted(name: str, flag: Flag, texts: Sequence[str], enabled: bool) -> list[object]:
    if flag.kind in ("bool", "switch"):
        if texts:
            raise UsageError(f"argument --{name}: ignored explicit argument {texts[0]!r}")
        return [enabled]
    if not texts:
        count = "at least one argument" if flag.many else "one argument"
        raise UsageError(f"argument --{name}: expected {count}")
    return [_value(name, flag, text) for text in texts]


def _value(name: str, flag: Flag, text: str) -> object:
    if flag.choices and text not in flag.choices:
        among = ", ".join(repr(choice) for choice in flag.choices)
        raise UsageError(f"argument --{name}: invalid choice: {text!r} (choose from {among})")
    try:
        match flag.kind:
            case "int" | "int_or_auto":
                return "auto" if flag.kind == "int_or_auto" and text in ("auto", "-1") else _whole_number(text)
            case "float":
                return float(text)
            case "json":
                return json.loads(text)
    except ValueError:
        kind = {"json": "json.loads", "int_or_auto": "human_readable_int_or_auto"}.get(flag.kind, flag.kind)
        raise UsageError(f"argument --{name}: invalid {kind} value: {text!r}") from None
    return text


def _whole_number(text: str) -> int:
    """`1k` is 1000 and `1K` is 1024. Raises ValueError."""
    if match := _WITH_UNIT.fullmatch(text):
        return int(float(match[1]) * _UNITS[match[2]])
    return int(text)
