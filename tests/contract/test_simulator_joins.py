"""The simulator fits what stands around it: profiles start it, and the supervisor understands what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot.failures.diagnosis import diagnose
from slot.failures.trouble import Crashed, Stalled
from slot.profiles.catalog import Catalog
from slot.profiles.command import engine_command
from slot.profiles.engine_face import faces
from slot.simulator import options
from slot.simulator.failing_start import failing
from slot.simulator.failure_texts import FAILURES, Ending
from slot.simulator.load_script import script
from slot.simulator.log_lines import Raw, Say, render
from slot.simulator.options import Options
from slot.simulator.script_items import Exit, Item
from slot.simulator.timing import Timing
from slot.state import EngineFacts, LoadPhase
from slot.supervisor import startup_log

CATALOG = Catalog(Path(__file__).parents[2] / "configs/model-slots")
FACE = next(face for face in faces() if face.engine.startswith("vllm 0.32"))


def written(items: list[Item]) -> list[str]:
    """The lines as a terminal would show them."""
    pids = {"APIServer": 1, "EngineCore": 2}
    said = [
        render(i, pids, "11-20 17:47:09") if isinstance(i, Say) else i.text for i in items if isinstance(i, Say | Raw)
    ]
    return "".join(said).replace("\r", "\n").splitlines()


SERVABLE = [name for name in CATALOG.names() if CATALOG.load(name).status_family != "base"]


@pytest.mark.parametrize("name", SERVABLE)
def test_every_profile_can_be_simulated(name: str, tmp_path: Path) -> None:
    profile = CATALOG.load(name)
    command = engine_command(profile, data_dir=tmp_path, home=tmp_path, python="python", simulate=True)
    parsed = options.parse(command.words[command.words.index("serve") :], FACE)
    assert (parsed.host, parsed.port) == (profile.host, profile.port)
    assert profile.served_model_name in parsed.served_names
    assert profile.max_num_seqs in (None, parsed.max_num_seqs)
    assert profile.max_model_len in (None, parsed.max_model_len)
    assert profile.measured.kv_tokens in (None, parsed.timing.kv_tokens)


def test_the_supervisor_follows_a_start() -> None:
    figures = Timing(load_s=60, weights_s=0.73, compile_s=4.12, graph_capture_s=4.0, kv_tokens=1_004_909)
    chosen = Options(model="gemma4", max_model_len=32_768, timing=figures)
    facts, phases = EngineFacts(), []
    for line in written(script(chosen, version="0.32.0", unknown_environment=())):
        if news := startup_log.read(line):
            facts = startup_log.merge(facts, news.facts)
            phases += [news.phase] if news.phase not in phases else []
    assert phases == [phase for phase in LoadPhase if phase is not LoadPhase.READY]
    assert (facts.version, facts.max_model_len) == ("0.32.0", 32_768)
    assert (facts.kv_cache_tokens, facts.max_concurrency) == (1_004_909, 30.67)
    assert (facts.weights_s, facts.compile_s, facts.graph_capture_s) == (0.73, 4.12, 4.0)


@pytest.mark.parametrize("name", [name for name, failure in FAILURES.items() if failure.ending is not Ending.CONTINUES])
def test_the_supervisor_knows_every_failure(name: str) -> None:
    items = failing(FAILURES[name])
    codes = [item.code for item in items if isinstance(item, Exit)]
    trouble = Crashed(codes[0]) if codes else Stalled(600.0)
    diagnosis = diagnose(trouble, written(items), LoadPhase(FAILURES[name].phase), at=0.0)
    assert diagnosis.name not in ("unknown", "stalled", "crashed")
    assert diagnosis.failure.remedy
