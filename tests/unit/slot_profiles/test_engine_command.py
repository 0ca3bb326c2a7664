from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slot.profiles.command import EngineCommand, engine_command
from slot.profiles.profile import Profile, Value

VLLM = {"MODEL_SLOT_VENV": "engines/cpu-0.32.0", "MODEL_SLOT_HF_ID": "owner/model"}
NAMED = ["--served-model-name", "x"]


def command(texts: dict[str, str], **how: Any) -> EngineCommand:
    values = {key: Value(text, f"/c/{key[:5]}.env", line, "x") for line, (key, text) in enumerate(texts.items(), 1)}
    given = {"data_dir": Path("/data"), "home": Path("/home/joe"), "python": "/usr/bin/python3", **how}
    return engine_command(Profile("x", Path("x.env"), ("x",), values), **given)


def flags(texts: dict[str, str]) -> list[str]:
    """The words that follow the program, the model and the address."""
    return command({**VLLM, **texts}).words[len(["vllm", "serve", "model", "--host", "h", "--port", "p"]) :]


def test_the_whole_command_line() -> None:
    built = command({**VLLM, "SERVE_MAX_NUM_SEQS": "8"})
    assert built.words == [
        "/data/engines/cpu-0.32.0/bin/vllm",
        *["serve", "owner/model", "--host", "127.0.0.1", "--port", "18080"],
        *["--served-model-name", "x", "--max-num-seqs", "8"],
    ]
    assert (built.program, built.simulated) == (Path("/data/engines/cpu-0.32.0/bin/vllm"), False)


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("SERVE_MAX_MODEL_LEN", "32768", ["--max-model-len", "32768"]),
        ("SERVE_ENABLE_PREFIX_CACHING", "true", ["--enable-prefix-caching"]),
        ("SERVE_ENABLE_PREFIX_CACHING", "false", ["--no-enable-prefix-caching"]),
        ("SERVE_DISABLE_LOG_STATS", "true", ["--disable-log-stats"]),
        ("SERVE_DISABLE_LOG_STATS", "false", []),
        ("SERVE_COMPILATION_CONFIG", '{"a": 1}', ["--compilation-config", '{"a": 1}']),
        ("SERVE_CUDAGRAPH_CAPTURE_SIZES", "1,2,4", ["--cudagraph-capture-sizes", "1", "2", "4"]),
        ("SERVE_LORA_MODULES", '[{"name":"a"},"b=c"]', ["--lora-modules", '{"name":"a"}', "b=c"]),
        ("SERVE_QUANTIZATION", "quark", ["--quantization", "quark"]),
    ],
)
def test_how_a_flag_is_written(key: str, text: str, words: list[str]) -> None:
    assert flags({key: text}) == [*NAMED, *words]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"SERVE_SERVED_MODEL_NAME": "a,b"}, ["--served-model-name", "a", "b"]),
        ({"MODEL_SLOT_EXTRA_ARGS": '["--new","1"]'}, [*NAMED, "--new", "1"]),
        ({"MODEL_SLOT_HF_REVISION": "abc"}, [*NAMED, "--revision", "abc"]),
        ({"MODEL_SLOT_HF_REVISION": "abc", "SERVE_REVISION": "d"}, [*NAMED, "--revision", "d"]),
        ({"MODEL_SLOT_HF_REVISION": "abc", "MODEL_SLOT_MODEL_DIR": "/m"}, NAMED),
        ({"SERVE_SEED": "1", "SERVE_DTYPE": "auto"}, [*NAMED, "--dtype", "auto", "--seed", "1"]),
    ],
)
def test_what_else_the_engine_is_told(texts: dict[str, str], words: list[str]) -> None:
    assert flags(texts) == words


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("models/tiny", "/data/models/tiny"),
        ("/mnt/models/m", "/mnt/models/m"),
        ("~/models/m", "/home/joe/models/m"),
    ],
)
def test_where_a_path_of_the_profile_is(text: str, path: str) -> None:
    assert command({**VLLM, "MODEL_SLOT_MODEL_DIR": text}).words[2] == path
    assert command({**VLLM, "MODEL_SLOT_VENV": text}).program == Path(path) / "bin/vllm"


def test_every_word_says_where_it_comes_from() -> None:
    built = command({**VLLM, "SERVE_MAX_NUM_SEQS": "8", "ZE_AFFINITY_MASK": "0"}, port=9)
    origins = dict(zip(built.words, (argument.origin for argument in built.argv), strict=True))
    assert origins["owner/model"] == "MODEL_SLOT_HF_ID, MODEL.env:2"
    assert origins["8"] == origins["--max-num-seqs"] == "SERVE_MAX_NUM_SEQS, SERVE.env:3"
    assert origins["127.0.0.1"] == "built in: default of SERVE_HOST"
    assert origins["9"] == "the command line, instead of the profile's port"
    assert built.environment["ZE_AFFINITY_MASK"].origin == "ZE_AFFINITY_MASK, ZE_AF.env:4"
    assert all(argument.origin for argument in (*built.argv, *built.environment.values()))


@pytest.mark.parametrize(
    ("texts", "how"),
    [({"MODEL_SLOT_ENGINE": "simulator"}, {}), (VLLM, {"simulate": True})],
)
def test_the_simulator_in_the_engines_place(texts: dict[str, str], how: dict[str, bool]) -> None:
    built = command(
        {**texts, "MODEL_SLOT_MEASURED_LOAD_S": "19.5"}, faults=["nan", "stall:after_tokens=3"], seed=7, **how
    )
    assert built.words[:4] == ["/usr/bin/python3", "-m", "slot.simulator", "serve"]
    assert built.words[4] == texts.get("MODEL_SLOT_HF_ID", "x")
    assert built.words[-8:] == [
        *["--simulator-timing", '{"load_s":19.5}', "--simulator-seed", "7"],
        *["--simulator-fault", "nan", "--simulator-fault", "stall:after_tokens=3"],
    ]
    assert (built.program, built.simulated) == (Path("/usr/bin/python3"), True)


def test_the_simulator_gets_what_was_measured_and_nothing_else() -> None:
    measured = {"MODEL_SLOT_MEASURED_DECODE_TOKENS_PER_S": '{"8": 2, "1": 1}', "MODEL_SLOT_MEASURED_KV_TOKENS": "10"}
    words = command({**VLLM, **measured}, simulate=True).words
    assert words[words.index("--simulator-timing") + 1] == '{"kv_tokens":10,"decode_tokens_per_s":{"8":2.0,"1":1.0}}'


def test_the_whole_environment() -> None:
    environment = command({**VLLM, "ZE_AFFINITY_MASK": "0", "CCL_EMPTY": ""}).environment
    assert {name: argument.text for name, argument in environment.items()} == {
        "PATH": "/data/engines/cpu-0.32.0/bin:/usr/bin:/bin",
        "HOME": "/home/joe",
        "USER": "joe",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "PYTHONUNBUFFERED": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_DISABLE_XET": "1",
        "ZE_AFFINITY_MASK": "0",
        "CCL_EMPTY": "",
    }


def test_a_model_that_is_here_is_not_looked_for_on_the_hub() -> None:
    environment = command({**VLLM, "MODEL_SLOT_MODEL_DIR": "m"}).environment
    assert environment["HF_HUB_OFFLINE"].text == "1"


def test_the_profile_may_say_otherwise() -> None:
    environment = command({**VLLM, "MODEL_SLOT_MODEL_DIR": "m", "HF_HUB_OFFLINE": "0"}).environment
    assert environment["HF_HUB_OFFLINE"].text == "0"


def test_offline_the_engine_stays_on_this_host() -> None:
    environment = command(VLLM, is_offline=True).environment
    assert environment["HF_HUB_OFFLINE"].text == "1"
    assert environment["VLLM_HOST_IP"].text == "127.0.0.1"
    assert "VLLM_HOST_IP" not in command(VLLM).environment


def test_the_simulator_alone_knows_the_data_directory() -> None:
    assert command(VLLM, simulate=True).environment["SLOT_DATA_DIR"].text == "/data"
    assert "SLOT_DATA_DIR" not in command(VLLM).environment
