from __future__ import annotations

import re

import pytest

from slot.profiles import engine_flags, keys, refused
from slot.profiles.engine_face import known_environment, known_flags
from slot.profiles.profile import Value
from slot.profiles.rules import problem_of

TWIN = "a variable that would set nothing"
UNKNOWN = "an unknown key"
NOBODY = "a key that nobody reads"


def complaint(key: str, text: str) -> tuple[str, str, str | None] | None:
    problem = problem_of(key, Value(text, "x.env", 7, "x"))
    if problem is None:
        return None
    assert (problem.file, problem.line, problem.key) == ("x.env", 7, key)
    return problem.found, problem.expected, problem.hint


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("MODEL_SLOT_NAME", "gemma4-12b.v2"),
        ("MODEL_SLOT_STATUS", "production-candidate-requant"),
        ("MODEL_SLOT_VENV", "engines/cpu-0.32.0"),
        ("MODEL_SLOT_VENV", "~/.venvs/vllm-xpu"),
        ("MODEL_SLOT_MODEL_DIR", "/mnt/fast-ai/llm-models/..weights"),
        ("MODEL_SLOT_EXTRA_ARGS", '["--brand-new-flag","-1"]'),
        ("MODEL_SLOT_MEASURED_DECODE_TOKENS_PER_S", '{"1":112.77,"8":784.69}'),
        ("MODEL_SLOT_CANARY", '{"prompt":"2 + 2 =","contains":"4","max_tokens":256}'),
        ("SERVE_MAX_MODEL_LEN", "32768"),
        ("SERVE_HF_OVERRIDES", "{}"),
        ("FRONTDOOR_LOG_EVENTS", "0"),
        ("FRONTDOOR_CORS_ALLOW_ORIGIN", "*"),
        ("SERVE_MAX_MODEL_LEN", ""),
        ("VLLM_XPU_ENABLE_XPU_GRAPH", "1"),
        ("VLLM_NOT_IN_ANY_ENGINE", ""),
        ("VLLM_DCP_Q_REPLICATE", "1"),
        ("VLLM_HOST_IP", "127.0.0.1"),
        ("HF_OVERRIDES", "a variable of HF_, whatever flag has this name"),
        ("ZE_AFFINITY_MASK", "0,1,2,3"),
        ("NEO_CACHE_PERSISTENT", "1"),
    ],
)
def test_a_right_line(key: str, text: str) -> None:
    assert complaint(key, text) is None


@pytest.mark.parametrize(
    "text",
    [
        "4",
        "{}",
        '{"prompt":"2 + 2 ="}',
        '{"prompt":"","contains":"4"}',
        '{"prompt":"2 + 2 =","contains":""}',
        '{"prompt":"2 + 2 =","contains":"4","max_tokens":0}',
        '{"prompt":"2 + 2 =","contains":"4","max_tokens":257}',
        '{"prompt":"2 + 2 =","contains":"4","model":"x"}',
    ],
)
def test_a_canary_is_whole_or_none(text: str) -> None:
    found = complaint("MODEL_SLOT_CANARY", text)
    assert found is not None
    assert found[1].startswith('JSON such as {"prompt"')


@pytest.mark.parametrize(
    ("key", "text", "found", "hint"),
    [
        ("MODEL_SLOT_STATU", "x", UNKNOWN, "did you mean MODEL_SLOT_STATUS?"),
        ("MODEL_SLOT_COLOUR", "x", UNKNOWN, None),
        ("SERVE_MAX_MODEL_LENGTH", "1", UNKNOWN, "did you mean SERVE_MAX_MODEL_LEN?"),
        ("SERVE_max_model_len", "1", UNKNOWN, None),
        ("SERVE_NO_ENABLE_PREFIX_CACHING", "true", UNKNOWN, "write SERVE_ENABLE_PREFIX_CACHING=false"),
        ("FRONTDOOR_MAX_ACTIVE_GENERATION", "1", UNKNOWN, "did you mean FRONTDOOR_MAX_ACTIVE_GENERATIONS?"),
        ("FRONTDOOR_DRAINING_TIME_S", "1", UNKNOWN, None),
        (
            "FRONTDOOR_REWRITE_REQUEST_MODEL",
            "1",
            UNKNOWN,
            "requests are not rewritten; SERVE_SERVED_MODEL_NAME takes several names",
        ),
        ("MAX_NUM_SEQ", "1", NOBODY, "did you mean SERVE_MAX_NUM_SEQS?"),
        ("MODELSLOT_TITLE", "x", NOBODY, "did you mean MODEL_SLOT_TITLE?"),
        ("VLM_LOGGING_LEVEL", "x", NOBODY, "did you mean VLLM_LOGGING_LEVEL?"),
        ("B70_CCL_IFACE", "eth0", NOBODY, "write FI_TCP_IFACE and CCL_KVS_IFACE"),
        ("EDITOR", "vi", NOBODY, None),
    ],
)
def test_an_unknown_name(key: str, text: str, found: str, hint: str | None) -> None:
    complained = complaint(key, text)
    assert complained is not None
    assert (complained[0], complained[2]) == (found, hint)


@pytest.mark.parametrize(
    ("key", "text", "expected", "hint"),
    [
        ("MODEL_SLOT_NAME", "../x", "lower-case letters, digits, '-' and single '.', not first a '-' or '.'", None),
        ("MODEL_SLOT_NAME", "a..b", "lower-case letters, digits, '-' and single '.', not first a '-' or '.'", None),
        ("MODEL_SLOT_HF_ID", "gemma", "a model id of the form owner/name", None),
        ("MODEL_SLOT_STOP_GRACE_S", "5", "a number of seconds greater than 5", None),
        ("MODEL_SLOT_MEASURED_KV_TOKENS", "0", "a whole number of tokens, at least 1", None),
        ("FRONTDOOR_LOG_EVENTS", "True", "true, false, 1 or 0", "did you mean true?"),
        ("SERVE_TRUST_REMOTE_CODE", "1", "true or false", "did you mean true?"),
        ("SERVE_TRUST_REMOTE_CODE", "0", "true or false", "did you mean false?"),
        ("SERVE_TRUST_REMOTE_CODE", "2", "true or false", None),
        ("SERVE_DTYPE", "BFloat16", "auto, bfloat16, float, float16, float32 or half", "did you mean bfloat16?"),
        ("SERVE_GPU_MEMORY_UTILIZATION", "1.5", "a number greater than 0, at most 1", None),
        ("SERVE_HOST", "0.0.0.0", "a loopback address: the engine must not be reachable from the network", None),
    ],
)
def test_a_value_that_does_not_fit(key: str, text: str, expected: str, hint: str | None) -> None:
    assert complaint(key, text) == (repr(text), expected, hint)


@pytest.mark.parametrize(
    "text",
    [
        "/a/../b",
        "..",
        "../a",
        "a/..",
        "~joe/models",
    ],
)
def test_a_place_never_climbs(text: str) -> None:
    assert complaint("MODEL_SLOT_MODEL_DIR", text) is not None


def test_the_pause_file_has_one_place_for_all_who_read_it() -> None:
    assert complaint("FRONTDOOR_PAUSE_FILE", "/run/pause") is None
    assert complaint("FRONTDOOR_PAUSE_FILE", "~/pause") is not None
    assert complaint("FRONTDOOR_PAUSE_FILE", "/run/../pause") is not None


@pytest.mark.parametrize(
    ("decode", "is_right"),
    [
        ('{"1":1}', True),
        ('{"1":0.5,"64":1614.41}', True),
        ("{}", False),
        ('{"0":1}', False),
        ('{"1":0}', False),
        ('{"c1":1}', False),
        ("[1]", False),
    ],
)
def test_measured_decode_rates_are_by_concurrency(decode: str, is_right: bool) -> None:
    assert (complaint("MODEL_SLOT_MEASURED_DECODE_TOKENS_PER_S", decode) is None) == is_right


@pytest.mark.parametrize("key", sorted(keys.HOST_SETTINGS | keys.FRONTDOOR_PLACES))
def test_a_setting_of_the_host_is_known_and_has_another_place(key: str) -> None:
    assert complaint(key, "1") == ("a known setting of the host", "it in the frontdoor's environment", None)


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("guided_regex", True),
        ("guided_regex,structured_outputs.regex", True),
        ("guided_regexp", False),
        ("guided_regex,", False),
        ("guided_regex, priority", False),
    ],
)
def test_only_fields_that_are_denied_can_be_allowed(text: str, is_right: bool) -> None:
    assert (complaint("FRONTDOOR_ALLOWED_FIELDS", text) is None) == is_right


@pytest.mark.parametrize("key", sorted(refused.REFUSED))
def test_a_refused_key_is_refused_whatever_its_value(key: str) -> None:
    for text in ("", "0", "x"):
        assert complaint(key, text) == ("a key that is refused", "a profile without it", refused.REFUSED[key])


def test_what_names_code_by_its_own_name_is_refused() -> None:
    """A new face brings new flags: one that is a class, a plugin or a middleware must be looked at before it passes."""
    names = [engine_flags.key_of(flag) for flag in known_flags()] + list(known_environment())
    code = re.compile(r".*_(?:CLS|PLUGINS?|MIDDLEWARE|LOGITS_PROCESSORS|CLASS_OVERRIDES|SO_PATH)")
    assert [name for name in names if code.fullmatch(name) and not refused.reason(name)] == []


@pytest.mark.parametrize("key", ["HF_HUB_TOKEN", "VLLM_S3_SECRET", "TORCH_API_KEY", "CCL_PASSWORD", "XPU_ACCESS_KEY"])
def test_a_secret_is_refused_by_its_name(key: str) -> None:
    complained = complaint(key, "x")
    assert complained is not None
    assert "every user of this host can read profiles" in str(complained[2])


@pytest.mark.parametrize("key", ["FRONTDOOR_MAX_OUTPUT_TOKENS", "MODEL_SLOT_MEASURED_KV_TOKENS", "HF_TOKENIZERS"])
def test_a_count_of_tokens_is_no_secret(key: str) -> None:
    assert complaint(key, "1") is None


@pytest.mark.parametrize(
    ("key", "twin"),
    [
        ("VLLM_MAX_MODEL_LEN", "SERVE_MAX_MODEL_LEN"),
        ("VLLM_COMPILATION_CONFIG", "SERVE_COMPILATION_CONFIG"),
        ("VLLM_SERVED_MODEL_NAME", "SERVE_SERVED_MODEL_NAME"),
        ("VLLM_HOST", "SERVE_HOST"),
        ("VLLM_PORT", "SERVE_PORT"),
        ("VLLM_EXTRA_ARGS", "MODEL_SLOT_EXTRA_ARGS"),
        ("MODEL_DIR", "MODEL_SLOT_MODEL_DIR"),
        ("VENV", "MODEL_SLOT_VENV"),
        ("MAX_NUM_SEQS", "SERVE_MAX_NUM_SEQS"),
        ("QUANTIZATION", "SERVE_QUANTIZATION"),
    ],
)
def test_a_variable_of_the_predecessor_names_its_twin(key: str, twin: str) -> None:
    assert complaint(key, "1") == (TWIN, twin, None)


@pytest.mark.parametrize("key", ["VLLM_NO_SCHEDULER_RESERVE_FULL_ISL", "NO_SCHEDULER_RESERVE_FULL_ISL"])
def test_a_twin_may_say_it_the_other_way_round(key: str) -> None:
    assert complaint(key, "1") == (TWIN, "SERVE_SCHEDULER_RESERVE_FULL_ISL", "with the opposite value")


def test_what_an_engine_reads_is_the_engines() -> None:
    theirs = [name for name in known_environment() if name.startswith("VLLM_") and name not in refused.REFUSED]
    assert [name for name in theirs if complaint(name, "1")] == ["VLLM_PORT"]


@pytest.mark.parametrize(
    ("words", "found", "hint"),
    [
        ('["--host","0.0.0.0"]', "'--host'", "write SERVE_HOST"),
        ('["--host=0.0.0.0"]', "'--host=0.0.0.0'", "write SERVE_HOST"),
        ('["--new","--api-key","x"]', "'--api-key'", "write SERVE_API_KEY"),
        ('["--api_key=x"]', "'--api_key=x'", "write SERVE_API_KEY"),
        ('["--no-enable-prefix-caching"]', "'--no-enable-prefix-caching'", "write SERVE_ENABLE_PREFIX_CACHING"),
        ('["--compilation-config.mode","3"]', "'--compilation-config.mode'", "write SERVE_COMPILATION_CONFIG"),
        ('["--hos=::"]', "'--hos=::'", "write SERVE_HOST"),
        ('["-tp","2"]', "'-tp'", None),
    ],
)
def test_extra_arguments_are_no_way_round_the_rules(words: str, found: str, hint: str | None) -> None:
    complained = complaint("MODEL_SLOT_EXTRA_ARGS", words)
    assert complained is not None
    assert (complained[0], complained[2]) == (found, hint)


def test_no_key_of_ours_is_refused_or_has_another_prefix() -> None:
    for key in (*keys.MODEL_SLOT, *keys.FRONTDOOR):
        assert key.startswith(keys.OUR_PREFIXES)
        assert refused.reason(key) is None


def test_every_key_is_documented() -> None:
    for key in (*keys.MODEL_SLOT.values(), *keys.FRONTDOOR.values()):
        assert key.doc.endswith("."), key.name
        assert key.kind.expected, key.name
