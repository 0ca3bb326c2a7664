from __future__ import annotations

from typing import Any

import pytest

from slot.profiles.engine_face import EngineFace, faces
from slot.simulator import options
from slot.simulator.argv import UsageError
from slot.simulator.faults import Fault, FaultName
from slot.simulator.options import Options
from slot.simulator.timing import Timing

FACE: EngineFace = next(face for face in faces() if face.engine.startswith("vllm 0.32"))


def parse(*words: str) -> Options:
    return options.parse(["serve", "M", *words], FACE)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"model": "M", "served_names": ("M",), "host": "127.0.0.1", "port": 8000, "prefix_caching": True}),
        (["--port", "18080"], {"port": 18080}),
        (["--port=18080"], {"port": 18080}),
        (["--max_model_len", "2048"], {"max_model_len": 2048}),
        (["--max-model-len", "2k"], {"max_model_len": 2000}),
        (["--max-model-len", "2K"], {"max_model_len": 2048}),
        (["--max-model-len", "1.5K"], {"max_model_len": 1536}),
        (["--max-model-len", "auto"], {"max_model_len": 32_768}),
        (["--max-model-len", "-1"], {"max_model_len": 32_768}),
        (["--max-num-seqs", "8", "--max-num-seqs", "9"], {"max_num_seqs": 9}),
        (["--served-model-name", "a", "b"], {"served_names": ("a", "b")}),
        (["--no-enable-prefix-caching"], {"prefix_caching": False}),
        (["--enforce-eager"], {"eager": True}),
        (["--runner", "pooling"], {"pooling": True}),
        (["--limit-mm-per-prompt", '{"image":4}'], {"image_limit": 4}),
        (["--limit-mm-per-prompt", '{"image":{"count":2}}'], {"image_limit": 2}),
        (["--limit-mm-per-prompt", '{"image":4}', "--language-model-only"], {"image_limit": 0}),
        (["--enable-auto-tool-choice"], {"auto_tool_choice": False}),
        (["--enable-auto-tool-choice", "--tool-call-parser", "hermes"], {"auto_tool_choice": True}),
        (["--compilation-config", '{"cudagraph_mode":"PIECEWISE"}'], {}),
        (["--compilation-config.cudagraph_mode", "PIECEWISE"], {}),
        (["--shutdown-timeout", "30"], {"shutdown_timeout_s": 30.0}),
        (["--disable-uvicorn-access-log"], {"log_access": False}),
        (["--simulator-timing", '{"load_s":2}'], {"timing": Timing(load_s=2)}),
        (["--simulator-seed", "7", "--simulator-children", "0"], {"seed": 7, "children": 0}),
        (
            ["--simulator-fault", "garbage", "--simulator-fault", "ignore_sigterm"],
            {"faults": (Fault(FaultName.GARBAGE), Fault(FaultName.IGNORE_SIGTERM))},
        ),
    ],
)
def test_flags(words: list[str], expected: dict[str, Any]) -> None:
    parsed = parse(*words)
    assert {name: getattr(parsed, name) for name in expected} == expected


def test_what_was_said_is_what_vllm_would_log() -> None:
    parsed = parse(
        "--max-model-len", "2k", "--served-model-name", "a", "--no-enable-prefix-caching", "--simulator-seed", "1"
    )
    assert parsed.said == {
        "model_tag": "M",
        "model": "M",
        "max_model_len": 2000,
        "served_model_name": ["a"],
        "enable_prefix_caching": False,
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--async-engine"], "vllm: error: unrecognized arguments: --async-engine"),
        (["--async-engine", "--what"], "vllm: error: unrecognized arguments: --async-engine --what"),
        (["N"], "vllm: error: unrecognized arguments: N"),
        (["--no-served-model-name", "x"], "vllm: error: unrecognized arguments: --no-served-model-name x"),
        (["--max-num-seqs", "abc"], "vllm serve: error: argument --max-num-seqs: invalid int value: 'abc'"),
        (["--max-num-seqs"], "argument --max-num-seqs: expected one argument"),
        (["--served-model-name"], "argument --served-model-name: expected at least one argument"),
        (["--max-num-seqs", "0"], "argument --max-num-seqs: invalid value: 0 is less than 1"),
        (["--enforce-eager=yes"], "argument --enforce-eager: ignored explicit argument 'yes'"),
        (["--gpu-memory-utilization", "much"], "invalid float value: 'much'"),
        (["--compilation-config", "{"], "argument --compilation-config: invalid json.loads value: '{'"),
        (["--tokenizer-mode", "x", "--runner", "bench"], "argument --runner: invalid choice: 'bench'"),
        (["-x"], "unrecognized arguments: -x"),
        (["-tp", "2"], "unrecognized arguments: -tp"),
        (["--simulator-fault", "garbge"], "argument --simulator-fault: unknown fault 'garbge', did you mean garbage?"),
        (["--simulator-timing", '{"load":1}'], "argument --simulator-timing: "),
        (["--simulator-timing", "[]"], "argument --simulator-timing: "),
    ],
)
def test_refusals(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(*words)
    usage, _, error = str(caught.value).rpartition("\n")
    assert usage.startswith("usage: vllm")
    assert said in error


@pytest.mark.parametrize("words", [[], ["chat"]])
def test_only_serve_is_simulated(words: list[str]) -> None:
    with pytest.raises(UsageError, match="invalid choice"):
        options.parse(words, FACE)


@pytest.mark.parametrize("name", sorted(FACE.flags))
def test_every_flag_of_vllm_is_taken(name: str) -> None:
    flag = FACE.flags[name]
    values = {"json": "{}", "int": "3", "int_or_auto": "3", "float": "0.5", "str": "text"}
    value = [] if flag.kind in ("bool", "switch") else [flag.choices[0] if flag.choices else values[flag.kind]]
    assert parse(f"--{name}", *value).said
