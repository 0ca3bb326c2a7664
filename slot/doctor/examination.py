"""Could this host serve this profile? Runs the checks, each with what it needs to look at.

`preflight` is what `slotctl up` must know before it starts anything; `examine` is all of `slotctl check --here`. The
question to the engine comes last: it is the slow one where nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from slot.doctor import disk, engine_environment, flags, hub_cache, memory, model_dir, ports, sandbox, venv
from slot.doctor.engine_answers import Answer, EngineSilent, Question, ask, remembered
from slot.doctor.finding import Finding, warn
from slot.doctor.installed_engine import InstalledEngine, line_of
from slot.doctor.patches import read_patches
from slot.doctor.subject import Subject
from slot.profiles.engine_face import EngineFace, faces
from slot.simulator import options
from slot.simulator.argv import UsageError

COMPILE_CACHE_BYTES = 5 * 2**30  # what cold compiles of one profile left behind on the box, with some to spare
DATA_BYTES = 2**30
SIMULATED_LINE = "0.32"  # whose face the simulator has


def preflight(subject: Subject) -> Iterator[Finding]:
    """What must not be found half-way through a start."""
    if not subject.command.simulated:
        yield look_at_model(subject)
        yield look_at_venv(subject)
    for door in subject.doors:
        yield ports.check(door, subject.host.proc, subject.host.own)


def examine(subject: Subject) -> Iterator[Finding]:
    yield from preflight(subject)
    yield from look_at_room(subject)
    yield from look_at_sandbox(subject)
    if not subject.command.simulated and subject.weights.bytes_on_disk:
        yield look_at_memory(subject)
    yield from look_at_command(subject)


def look_at_model(subject: Subject) -> Finding:
    if subject.model_dir is None:
        return hub_cache.not_downloaded(subject.model, hub_cache.cache_dir(subject.environment, subject.host.home))
    return model_dir.check(subject.model_dir, subject.mounts, subject.weights)


def look_at_venv(subject: Subject) -> Finding:
    profile = subject.profile
    how = f"install the engine in {subject.venv} (docs/engines.md), or correct MODEL_SLOT_VENV"
    lost = names_lost(subject.variables, subject.engine.line) if subject.engine else ()
    return venv.check(subject.venv, subject.engine, proven_on=profile.engine_line, lost=lost, how_to_install=how)


def names_lost(variables: Sequence[str], line: str) -> tuple[str, ...]:
    """Which of the profile's variables an engine of this line does not read, by the list that we ship."""
    known = face_of_line(line).environment | engine_environment.KERNEL_NAMES
    return tuple(name for name in variables if name not in known)


def look_at_memory(subject: Subject) -> Finding:
    meminfo = (subject.host.proc / "meminfo").read_text()
    on_cpu = any(name.startswith("VLLM_CPU_") for name in subject.environment)
    return memory.check(meminfo, weights_bytes=subject.weights.bytes_on_disk, on_cpu=on_cpu)


def look_at_room(subject: Subject) -> Iterator[Finding]:
    yield disk.check("data", subject.host.data_dir, subject.mounts, room_bytes=DATA_BYTES)
    if not subject.command.simulated:
        cache = subject.environment.get("VLLM_CACHE_ROOT") or subject.host.home / ".cache/vllm"
        yield disk.check("compile cache", Path(cache), subject.mounts, room_bytes=COMPILE_CACHE_BYTES)


def look_at_sandbox(subject: Subject) -> Iterator[Finding]:
    if subject.host.sandbox is None or subject.command.simulated:
        return
    places = [subject.venv, *([subject.model_dir] if subject.model_dir is not None else [])]
    if (finding := sandbox.check(places, subject.host.sandbox)) is not None:
        yield finding


def look_at_command(subject: Subject) -> Iterator[Finding]:
    """The flags and the variables, as whoever is nearest to the engine sees them.

    1. The simulator            -> its own parser, here; the variables of the line whose face it has
    2. An engine that answers   -> its own parser and its own list of variables
    3. No engine, or silent     -> the lists that we ship for its line
    """
    if subject.command.simulated:  # 1
        face = face_of_line(SIMULATED_LINE)
        yield flags.check_parsed(subject.words, simulator_refusal(subject.words, face), "the simulator")
        yield from look_at_variables(subject, face.environment, SIMULATED_LINE, f"our list of {face.engine}")
    elif subject.engine is None:  # 3
        yield from look_by_list(subject, face_of_line(subject.profile.engine_line))
    else:
        yield from look_by_asking(subject, subject.engine)  # 2 or 3


def simulator_refusal(words: Sequence[str], face: EngineFace) -> str | None:
    try:
        options.parse(("serve", *words), face)
    except UsageError as refusal:
        return str(refusal).rpartition("error: ")[2]
    return None


def look_by_asking(subject: Subject, engine: InstalledEngine) -> Iterator[Finding]:
    face = face_of_line(engine.line)
    try:
        answer = ask_engine(subject, engine)
    except EngineSilent as silence:
        question = f"the parser of vLLM {engine.version}"
        yield warn("flags", question, f"no answer: {silence}", "an engine that imports", "install the engine again")
        yield from look_by_list(subject, face)
        return
    yield flags.check_parsed(subject.words, answer.rejected, f"vLLM {answer.version}")
    # the list of the engine's line only adds names that a typo may have meant
    known = (face.environment | frozenset(subject.variables)) - frozenset(answer.unknown_environment)
    yield from look_at_variables(subject, known, engine.line, f"vLLM {answer.version} itself")


def look_by_list(subject: Subject, face: EngineFace) -> Iterator[Finding]:
    yield flags.check_shipped(subject.words, face)
    yield from look_at_variables(subject, face.environment, line_of_face(face), f"our list of {face.engine}")


def look_at_variables(subject: Subject, known: frozenset[str], line: str, source: str) -> Iterator[Finding]:
    names = engine_environment.EngineNames(line, known, source)
    patches = read_patches(subject.host.patches_dir)
    yield from engine_environment.check(subject.variables, names, subject.profile.patches, patches)


def ask_engine(subject: Subject, engine: InstalledEngine) -> Answer:
    """Raises EngineSilent."""
    question = Question(subject.words, subject.variables)
    cache = subject.host.data_dir / "engine-answers"
    return remembered(question, engine, cache) or ask(question, engine, subject.environment, cache)


def face_of_line(line: str | None) -> EngineFace:
    """The shipped face of an engine line; of a line that we have none of, the youngest."""
    wanted = line_of(line or SIMULATED_LINE)
    return next((face for face in faces() if line_of_face(face) == wanted), faces()[-1])


def line_of_face(face: EngineFace) -> str:
    return line_of(face.engine.rpartition(" ")[2])
