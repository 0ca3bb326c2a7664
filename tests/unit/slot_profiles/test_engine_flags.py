from __future__ import annotations

import pytest

from slot.profiles.engine_face import known_flags
from slot.profiles.engine_flags import RANGES, flag_of, key_of, kind_of


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("SERVE_MAX_MODEL_LEN", ["1", "32768", "auto"], ["0", "-1", "32k"]),
        ("SERVE_MAX_NUM_SEQS", ["1", "256"], ["0", "1.5"]),
        ("SERVE_GPU_MEMORY_UTILIZATION", ["0.01", "0.95", "1"], ["0", "1.01", "95%"]),
        ("SERVE_PORT", ["1", "65535"], ["0", "65536"]),
        ("SERVE_HOST", ["127.0.0.1", "::1"], ["0.0.0.0", "192.168.1.2"]),
        ("SERVE_TENSOR_PARALLEL_SIZE", ["1", "4"], ["0"]),
        ("SERVE_TRUST_REMOTE_CODE", ["true", "false"], ["1", "True", "yes"]),
        ("SERVE_DISABLE_LOG_STATS", ["true", "false"], ["1"]),
        ("SERVE_COMPILATION_CONFIG", ['{"cudagraph_mode":"PIECEWISE"}', "3"], ["PIECEWISE", "{"]),
        ("SERVE_DTYPE", ["auto", "bfloat16"], ["bf16"]),
        ("SERVE_MAX_LOGPROBS", ["-1", "20"], ["many"]),
        ("SERVE_QUANTIZATION", ["quark"], ["--api-key", "-x"]),
        ("SERVE_SERVED_MODEL_NAME", ["a", "a,b"], ["a,--host", "--host"]),
        ("SERVE_CUDAGRAPH_CAPTURE_SIZES", ["1", "1,2,4"], ["1,x", ""]),
        ("SERVE_KV_OFFLOADING_SIZE", ["0", "12.5"], ["-1"]),
    ],
)
def test_what_a_flag_takes(key: str, good: list[str], bad: list[str]) -> None:
    kind = kind_of(key)
    assert kind is not None
    assert [value for value in good if not kind.fits(value)] == []
    assert [value for value in bad if kind.fits(value)] == []


@pytest.mark.parametrize("key", ["SERVE_MAX_MODEL_LENGTH", "SERVE_max_model_len", "SERVE_MAX-MODEL-LEN", "SERVE_"])
def test_what_is_no_flag_has_no_kind(key: str) -> None:
    assert kind_of(key) is None


def test_every_flag_has_one_key_and_a_kind() -> None:
    assert [flag for flag in known_flags() if flag_of(key_of(flag)) != flag or kind_of(key_of(flag)) is None] == []


def test_every_range_is_that_of_a_flag() -> None:
    assert set(RANGES) <= set(known_flags())
