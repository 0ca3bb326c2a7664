"""What an engine says while it goes on: known lines once each, with their count; all others passed over."""

from __future__ import annotations

import pytest

from slot.failures import catalogue
from slot.failures.notes import MOST_NOTICES, Notebook, read
from slot.failures.signature import Kind

# As vLLM 0.32 and 0.33, oneCCL, IGC and the journal write them.
TEXTS = [
    ("WARNING [host_register.py:65] xpu_host_register failed — transfers will still work but may be slower "
     "(unpinned DMA)", "offload-not-pinned", Kind.CONFIGURATION),
    ("2026:11:20-10:00:00:( 1)|CCL_WARN| pidfd is not supported, fallbacks to drmfd exchange mode",
     "handles-not-by-pidfd", Kind.CONFIGURATION),
    ("WARNING 11-20 [interface.py:1458] Unknown vLLM environment variable detected: VLLM_XPU_USE_LLM_SCALER_MOE",
     "variable-ignored", Kind.CONFIGURATION),
    ('ERROR [serving.py:1] "auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
     "tools-not-enabled", Kind.CONFIGURATION),
    ("WARNING [vllm.py:733] Model Runner V2 does not yet support mamba cache mode; using the V1 model runner instead.",
     "old-runner-speculates", Kind.QUALITY),
    ("IGC: Internal Compiler Error: Floating point exception", "compiler-error-survived", Kind.BENIGN),
    ("Build failed with error code: -11", "compiler-error-survived", Kind.BENIGN),
    ("RuntimeError: ocloc failed with error code 245", "compiler-error-survived", Kind.BENIGN),
    ("|CCL_WARN| topology recognition shows PCIe connection between devices.", "pcie-topology", Kind.BENIGN),
    ("WARNING [xpu.py:394] Feature 'AllReduce + RMSNorm fusion' is not yet supported on XPU and will be disabled.",
     "fusion-off", Kind.BENIGN),
    ("WARNING [xpu.py:376] XPU Graph is not compatible with sleep mode, disabling cudagraph_mode.",
     "graph-without-sleep", Kind.BENIGN),
    ("INFO [inc.py:1] ARK backend is unavailable for MoE layer model.layers.0; falling back", "no-ark-kernels",
     Kind.BENIGN),
    ("xpumd[812]: Abort was called at 15 line in file: gmm_helper/resource_info.cpp", "monitor-aborted", Kind.BENIGN),
    ("ValueError: Out of range float values are not JSON compliant: nan", "nan-logits", Kind.QUALITY),
    ("openai_harmony.HarmonyError: Harmony parser ended in a non-terminal state", "garbage-tokens", Kind.QUALITY),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "kind"), TEXTS)
def test_a_known_text_is_known(text: str, name: str, kind: Kind) -> None:
    note = read(f"(EngineCore pid=7) {text}")
    assert note is not None
    assert (note.name, note.kind) == (name, kind)
    assert "what to do: " in note.words
    assert "{" not in note.words


def test_each_note_has_a_text() -> None:
    # the same line is about `old-runner` where nothing speculates: below
    assert {each.name for each in catalogue.NOTED} - {"old-runner"} == {name for _, name, _ in TEXTS}


@pytest.mark.parametrize(
    "line",
    ["", "INFO 11-20 [loggers.py:1] Engine 000: Avg prompt throughput: 1.0 tokens/s", "WARNING something else"],
)
def test_most_lines_mean_nothing(line: str) -> None:
    assert read(line) is None


RUNNER = "Model Runner V2 does not yet support sleep mode; using the V1 model runner instead."


@pytest.mark.parametrize(
    ("speculates", "name", "kind"),
    [(True, "old-runner-speculates", Kind.QUALITY), (False, "old-runner", Kind.BENIGN)],
)
def test_the_old_runner_is_an_alarm_where_it_speculates(speculates: bool, name: str, kind: Kind) -> None:
    [notice] = Notebook(speculates=speculates).hear([RUNNER], at=1.0)
    assert (notice.name, notice.kind) == (name, kind)


def unknown(name: str) -> str:
    return f"Unknown vLLM environment variable detected: {name}"


def test_each_thing_is_told_once_and_counted() -> None:
    notebook = Notebook(speculates=False)
    assert [notice.words.split()[4] for notice in notebook.hear([unknown("VLLM_A"), unknown("VLLM_B")], at=1.0)] == [
        "know",
        "know",
    ]
    assert notebook.hear(["nothing", unknown("VLLM_A"), unknown("VLLM_A")], at=2.0) == []
    assert [(each.name, each.first_at, each.count) for each in notebook.notices] == [
        ("variable-ignored", 1.0, 3),
        ("variable-ignored", 1.0, 1),
    ]
    assert "VLLM_A" in notebook.notices[0].words


@pytest.mark.parametrize("number", [MOST_NOTICES - 1, MOST_NOTICES, MOST_NOTICES + 1])
def test_the_snapshot_stays_small(number: int) -> None:
    notebook = Notebook(speculates=False)
    new = notebook.hear([unknown(f"VLLM_{each}") for each in range(number)], at=1.0)
    assert len(new) == len(notebook.notices) == min(number, MOST_NOTICES)
    assert notebook.hear([unknown("VLLM_0")], at=2.0) == []  # what is in the book is still counted
    assert notebook.notices[0].count == 2
