"""Does the engine accept these very flags?

Told by the engine's own parser where the engine is installed. Where it is not, by the list of flags that we ship for
its line: that finds an unknown flag, not a bad value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slot.doctor.finding import Finding, fail, ok
from slot.profiles.engine_face import EngineFace, Flag
from slot.profiles.problems import nearest

CHECK = "flags"
DO = "correct the profile: `slotctl show NAME` says which line each flag comes from"


def check_parsed(argv: Sequence[str], rejected: str | None, parser: str) -> Finding:
    """`rejected` is what the parser said against the flags, None where it accepts them."""
    looked_at, expected = f"{count(argv)} flags, the parser of {parser}", "accepted by the engine's own parser"
    if rejected is None:
        return ok(CHECK, looked_at, "accepted", expected)
    return fail(CHECK, looked_at, f"refused: {rejected}", expected, DO)


def check_shipped(argv: Sequence[str], face: EngineFace) -> Finding:
    looked_at, expected = f"{count(argv)} flags, our list of {face.engine}", f"flags of {face.engine}"
    if not (unknown := tuple(unknown_flags(argv, face))):
        return ok(CHECK, looked_at, "all known", expected)
    hints = [f"did you mean --{near}?" for flag in unknown if (near := nearest(flag.lstrip("-"), face.flags))]
    return fail(CHECK, looked_at, f"unrecognized arguments: {' '.join(unknown)}", expected, " ".join([*hints, DO]))


def unknown_flags(argv: Iterable[str], face: EngineFace) -> Iterable[str]:
    return (word for word in argv if word.startswith("--") and not is_known(word.partition("=")[0], face))


def is_known(word: str, face: EngineFace) -> bool:
    """As vLLM's parser reads a flag: `_` for `-`, `--no-` before a boolean, `--some-config.key` into a JSON flag."""
    name = word.removeprefix("--").partition(".")[0].replace("_", "-")
    negated: Flag | None = face.flags.get(name.removeprefix("no-"))
    return name in face.flags or (name.startswith("no-") and negated is not None and negated.kind == "bool")


def count(argv: Iterable[str]) -> int:
    return sum(word.startswith("--") for word in argv)
