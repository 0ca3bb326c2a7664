from __future__ import annotations

from pathlib import Path

import pytest

from slot.profiles import keys
from slot.profiles.profile import Measured, Profile, Value


def profile(**texts: str) -> Profile:
    values = {key: Value(text, "x.env", line, "x") for line, (key, text) in enumerate(texts.items(), start=1)}
    return Profile("x", Path("x.env"), ("x",), values)


@pytest.mark.parametrize(
    ("attribute", "key", "text", "value", "default"),
    [
        ("title", "MODEL_SLOT_TITLE", "Gemma 4", "Gemma 4", "x"),
        ("purpose", "MODEL_SLOT_PURPOSE", "chat", "chat", ""),
        ("story", "MODEL_SLOT_STORY", "long", "long", ""),
        ("hf_id", "MODEL_SLOT_HF_ID", "a/b", "a/b", ""),
        ("hf_revision", "MODEL_SLOT_HF_REVISION", "abc", "abc", None),
        ("modalities", "MODEL_SLOT_MODALITIES", "text,image", ("text", "image"), ("text",)),
        ("status", "MODEL_SLOT_STATUS", "research", "research", ""),
        ("status_reason", "MODEL_SLOT_STATUS_REASON", "slow", "slow", ""),
        ("engine", "MODEL_SLOT_ENGINE", "simulator", "simulator", "vllm"),
        ("engine_line", "MODEL_SLOT_ENGINE_LINE", "0.32", "0.32", None),
        ("patches", "MODEL_SLOT_PATCHES", "a,b", ("a", "b"), ()),
        ("venv", "MODEL_SLOT_VENV", "~/v", "~/v", None),
        ("model_dir", "MODEL_SLOT_MODEL_DIR", "m", "m", None),
        ("extra_args", "MODEL_SLOT_EXTRA_ARGS", '["--a","b c"]', ("--a", "b c"), ()),
        ("load_timeout_s", "MODEL_SLOT_LOAD_TIMEOUT_S", "1.5", 1.5, 2400.0),
        ("stall_timeout_s", "MODEL_SLOT_STALL_TIMEOUT_S", "60", 60.0, 600.0),
        ("stop_grace_s", "MODEL_SLOT_STOP_GRACE_S", "6", 6.0, 240.0),
        ("wedge_timeout_s", "MODEL_SLOT_WEDGE_TIMEOUT_S", "90", 90.0, None),
        ("canary", "MODEL_SLOT_CANARY", '{"prompt":"2 + 2 =","contains":"4"}', keys.Canary("2 + 2 =", "4", 8), None),
        ("served_model_name", "SERVE_SERVED_MODEL_NAME", "a", "a", "x"),
        ("served_model_name", "SERVE_SERVED_MODEL_NAME", "a,b", "a", "x"),
        ("max_model_len", "SERVE_MAX_MODEL_LEN", "32768", 32768, None),
        ("max_model_len", "SERVE_MAX_MODEL_LEN", "auto", None, None),
        ("max_num_seqs", "SERVE_MAX_NUM_SEQS", "8", 8, 1),
        ("max_active_generations", "FRONTDOOR_MAX_ACTIVE_GENERATIONS", "4", 4, 1),
        ("max_active_generations", "SERVE_MAX_NUM_SEQS", "8", 8, 1),
        ("host", "SERVE_HOST", "::1", "::1", "127.0.0.1"),
        ("port", "SERVE_PORT", "9", 9, 18080),
        ("url", "SERVE_PORT", "9", "http://127.0.0.1:9", "http://127.0.0.1:18080"),
        ("url", "SERVE_HOST", "::1", "http://[::1]:18080", "http://127.0.0.1:18080"),
        ("runner", "SERVE_RUNNER", "pooling", "pooling", "generate"),
        ("runner", "SERVE_RUNNER", "auto", "generate", "generate"),
    ],
)
def test_what_a_property_reads(attribute: str, key: str, text: str, value: object, default: object) -> None:
    assert getattr(profile(**{key: text}), attribute) == value
    assert getattr(profile(), attribute) == default


@pytest.mark.parametrize(
    ("status", "family"),
    [
        ("production", "production"),
        ("production-candidate", "production-candidate"),
        ("production-candidate-requant", "production-candidate"),
        ("production-since-june", "production"),
        ("base", "base"),
        ("baseline", "baseline"),
        ("experiment-c16", "experiment"),
        ("experimental-bringup", "experimental"),
        ("latency-probe-requant-tp2", "latency-probe"),
        ("rejected-device-lost", "rejected"),
        ("", ""),
    ],
)
def test_the_family_of_a_status(status: str, family: str) -> None:
    assert profile(MODEL_SLOT_STATUS=status).status_family == family


def test_every_family_is_its_own() -> None:
    assert [profile(MODEL_SLOT_STATUS=name).status_family for name in keys.STATUS_FAMILIES] == [*keys.STATUS_FAMILIES]


def test_what_was_measured() -> None:
    prefix = "MODEL_SLOT_MEASURED_"
    measured = profile(
        **{
            f"{prefix}LOAD_S": "81.5",
            f"{prefix}KV_TOKENS": "1004909",
            f"{prefix}DECODE_TOKENS_PER_S": '{"1":112.77,"8":784.69}',
        }
    ).measured
    assert (measured.load_s, measured.kv_tokens) == (81.5, 1_004_909)
    assert measured.decode_tokens_per_s == {1: 112.77, 8: 784.69}
    assert measured.ttft_s is None
    assert profile().measured == Measured(None, None, None, None, None, None, None, {})


def test_flags_and_environment_are_told_apart_and_sorted() -> None:
    given = profile(
        ZE_AFFINITY_MASK="0", SERVE_SEED="1", FRONTDOOR_PORT="1", MODEL_SLOT_TITLE="t", CCL_X="", SERVE_DTYPE="auto"
    )
    assert list(given.engine_environment()) == ["CCL_X", "ZE_AFFINITY_MASK"]
    assert [(flag, value.text) for flag, value in given.serve_flags()] == [("--dtype", "auto"), ("--seed", "1")]


def test_the_hash_does_not_depend_on_order_file_or_inheritance() -> None:
    one = profile(A="1", B="2")
    other = Profile("y", Path("y.env"), ("y", "z"), {"B": Value("2", "z", 9, "z"), "A": Value("1", "y", 1, "y")})
    assert one.sha256 == other.sha256 == profile(A="1", B="2", MODEL_SLOT_EXTENDS="z").sha256
    assert one.sha256 != profile(A="1", B="3").sha256
    # printf 'A=1\nB=2\n' | sha256sum
    assert one.sha256 == "beb5f2519a8d4a22ff19d6b4ba05806c75710dc1ad7e2ef37ee1d1a950d4b074"


def test_a_profile_shows_itself_in_a_line() -> None:
    assert repr(profile(MODEL_SLOT_STATUS="test")).startswith("<Profile x, test, 1 values, ")
