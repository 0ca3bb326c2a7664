from __future__ import annotations

import pytest

from slot.profiles.importer import ASSUMED_BY_PREDECESSOR, Imported, convert
from slot.profiles.keys import PROFILE_NAME

OLD = """\
#!/usr/bin/env bash
# A model of four cards.

MODEL_SLOT_NAME="old-c8"
MODEL_SLOT_TITLE="Old model's c8"
MODEL_SLOT_HF_ID="owner/model"
MODEL_SLOT_MODALITIES="text,image"
MODEL_SLOT_STATUS="production"

VENV="${VENV:-$HOME/.venvs/vllm-xpu}"
HF_HOME="${HF_HOME:-/mnt/fast-ai/hf}"
TRANSFORMERS_CACHE="${TRANSFORMERS_CACHE:-$HF_HOME/transformers}"
MODEL_DIR="${MODEL_DIR:-/mnt/fast-ai/models/old}"
: "${VLLM_SERVED_MODEL_NAME:=old}"
export ZE_AFFINITY_MASK="${ZE_AFFINITY_MASK:-0,1,2,3}"
PYTHONPATH="/opt/src:${PYTHONPATH:-}"

VLLM_PORT="${VLLM_PORT:-18080}"
VLLM_QUANTIZATION="${VLLM_QUANTIZATION:-auto}"
VLLM_MAX_NUM_SEQS="${VLLM_MAX_NUM_SEQS:-8}"
VLLM_ENABLE_PREFIX_CACHING="${VLLM_ENABLE_PREFIX_CACHING:-0}"
VLLM_NO_SCHEDULER_RESERVE_FULL_ISL=1
VLLM_COMPILATION_CONFIG='{"compile_sizes":[1]}'
VLLM_EXTRA_ARGS=(--limit-mm-per-prompt '{"image":4}' --async-engine)
if [[ -d /mnt/other ]]; then
  MODEL_DIR=/mnt/other
fi
FRONTDOOR_HOST="${FRONTDOOR_HOST:-0.0.0.0}"
FRONTDOOR_LOG_EVENTS="${FRONTDOOR_LOG_EVENTS:-0}"
"""

NEW = """\
# A model of four cards.

MODEL_SLOT_NAME=old-c8
MODEL_SLOT_TITLE="Old model's c8"
MODEL_SLOT_HF_ID=owner/model
MODEL_SLOT_MODALITIES=text,image
MODEL_SLOT_STATUS=production

MODEL_SLOT_VENV=~/.venvs/vllm-xpu
HF_HOME=/mnt/fast-ai/hf
TRANSFORMERS_CACHE=/mnt/fast-ai/hf/transformers
MODEL_SLOT_MODEL_DIR=/mnt/fast-ai/models/old
SERVE_SERVED_MODEL_NAME=old
ZE_AFFINITY_MASK=0,1,2,3

SERVE_PORT=18080
SERVE_MAX_NUM_SEQS=8
SERVE_ENABLE_PREFIX_CACHING=false
SERVE_SCHEDULER_RESERVE_FULL_ISL=false
SERVE_COMPILATION_CONFIG='{"compile_sizes":[1]}'
SERVE_LIMIT_MM_PER_PROMPT='{"image":4}'
MODEL_SLOT_EXTRA_ARGS='["--async-engine"]'
FRONTDOOR_HOST=0.0.0.0
FRONTDOOR_LOG_EVENTS=false

# The predecessor's scripts assumed, where a profile was silent:
SERVE_TRUST_REMOTE_CODE=true
FRONTDOOR_MAX_ACTIVE_GENERATIONS=1
FRONTDOOR_QUEUE_TIMEOUT_S=3600
FRONTDOOR_BACKEND_TIMEOUT_S=7200
"""


def test_a_whole_profile() -> None:
    imported = convert(OLD, "old-c8.env")
    assert imported.text == NEW
    assert imported.problems == ()
    assert [(left.line, left.text) for left in imported.not_carried] == [
        (16, 'PYTHONPATH="/opt/src:${PYTHONPATH:-}"'),
        (19, 'VLLM_QUANTIZATION="${VLLM_QUANTIZATION:-auto}"'),
        (25, "if [[ -d /mnt/other ]]; then …"),
    ]


def carried(source: str) -> list[str]:
    """The lines that `source` became, without those that are always added."""
    imported = convert(f"MODEL_SLOT_NAME=x\n{source}\n", "x.env")
    assumed = imported.text.find("\n# The predecessor's scripts assumed")
    return [line for line in imported.text[:assumed].splitlines()[1:] if line]


def reasons(source: str) -> list[str]:
    return [left.reason for left in convert(f"MODEL_SLOT_NAME=x\n{source}\n", "x.env").not_carried]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("VLLM_MAX_MODEL_LEN=1", ["SERVE_MAX_MODEL_LEN=1"]),
        ("MAX_MODEL_LEN=1", ["SERVE_MAX_MODEL_LEN=1"]),
        ("SERVE_MAX_MODEL_LEN=1", ["SERVE_MAX_MODEL_LEN=1"]),
        ("VLLM_MAX_NUM_SEQS=4\nVLLM_MAX_NUM_SEQS=8", ["SERVE_MAX_NUM_SEQS=8"]),
        ("VLLM_TRUST_REMOTE_CODE=yes", ["SERVE_TRUST_REMOTE_CODE=true"]),
        ("VLLM_TRUST_REMOTE_CODE=False", ["SERVE_TRUST_REMOTE_CODE=false"]),
        ("VLLM_TENSOR_PARALLEL_SIZE=1", ["SERVE_TENSOR_PARALLEL_SIZE=1"]),
        ("VLLM_QUANTIZATION=quark", ["SERVE_QUANTIZATION=quark"]),
        ("NO_SCHEDULER_RESERVE_FULL_ISL=yes", ["SERVE_SCHEDULER_RESERVE_FULL_ISL=false"]),
        ("VLLM_XPU_ENABLE_XPU_GRAPH=1", ["VLLM_XPU_ENABLE_XPU_GRAPH=1"]),
        ("CCL_EMPTY=", ["CCL_EMPTY=''"]),
        ("A=/x\nHF_HOME=$A/hf", ["HF_HOME=/x/hf"]),
        ("MODEL_DIR=owner/model", ["MODEL_SLOT_HF_ID=owner/model"]),
        ("MODEL_DIR=$HOME/m", ["MODEL_SLOT_MODEL_DIR=~/m"]),
        ("source /opt/model-slots/base.env", ["MODEL_SLOT_EXTENDS=base"]),
        ("VLLM_EXTRA_ARGS=(--generation-config vllm)", ["SERVE_GENERATION_CONFIG=vllm"]),
        ("VLLM_EXTRA_ARGS=(--seed=1 --enforce-eager)", ["SERVE_SEED=1", "SERVE_ENFORCE_EAGER=true"]),
        ("VLLM_EXTRA_ARGS=(--no-enforce-eager)", ["SERVE_ENFORCE_EAGER=false"]),
        ("VLLM_EXTRA_ARGS=(--max_num_seqs 2)", ["SERVE_MAX_NUM_SEQS=2"]),
        ("VLLM_EXTRA_ARGS=(--served-model-name a b)", ["SERVE_SERVED_MODEL_NAME=a,b"]),
        ("VLLM_EXTRA_ARGS=(--new x)", ['MODEL_SLOT_EXTRA_ARGS=\'["--new","x"]\'']),
        ("VLLM_EXTRA_ARGS=(--new1)\nVLLM_EXTRA_ARGS+=(--new2)", ['MODEL_SLOT_EXTRA_ARGS=\'["--new1","--new2"]\'']),
        ("# a \\", ["# a"]),
        ("export HF_HOME", []),
    ],
)
def test_what_becomes_of_a_line(source: str, lines: list[str]) -> None:
    assert carried(source) == lines
    assert [reason for reason in reasons(source) if "nobody reads" not in reason] == []


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("LD_PRELOAD=/x.so", "LD_PRELOAD: found a key that is refused"),
        ("HF_TOKEN=hf_x", "HF_TOKEN: found a key that is refused"),
        ("snapshot_dir=/x", "snapshot_dir: found a key that nobody reads"),
        ("FRONTDOOR_REWRITE_REQUEST_MODEL=1", "FRONTDOOR_REWRITE_REQUEST_MODEL: found an unknown key"),
        ("VLLM_MAX_NUM_SEQS=0", "SERVE_MAX_NUM_SEQS: found '0', expected a whole number, at least 1"),
        ("VLLM_HOST=0.0.0.0", "SERVE_HOST: found '0.0.0.0', expected a loopback address"),
        ("VLLM_QUANTIZATION=none", "the predecessor set no flag for this value"),
        ("VLLM_NO_SCHEDULER_RESERVE_FULL_ISL=0", "the predecessor set no flag for this value"),
        ("VLLM_DTYPE=", "an empty value: the default counts"),
        ("FRONTDOOR_PAUSE_FILE=$HOME/.pause", "only MODEL_SLOT_MODEL_DIR and MODEL_SLOT_VENV may begin with '~'"),
        ("FRONTDOOR_PAUSE_FILE=$repo/.pause", "it needs $repo, which this file does not set"),
        ("HF_HOME=$(pwd)", "$(pwd) has a value only in a running shell"),
        ("HF_HOME='a\\b'", "HF_HOME: no line of an environment file reads back as"),
        ("HF_HOME+=/x", "it appends to a value: write the whole value"),
        ("gpus=(0 1)", "an array that nobody reads"),
        ("VLLM_EXTRA_ARGS=($more)", "it needs $more, which this file does not set"),
        ("VLLM_EXTRA_ARGS=(--api-key x)", "SERVE_API_KEY: found a key that is refused"),
        ("VLLM_EXTRA_ARGS=(-tp 2)", "MODEL_SLOT_EXTRA_ARGS: found '-tp', expected flags in their long form"),
        ("source /opt/env.sh", "a script: nothing is executed; write out what it sets"),
        ("source $x/y.env", "it needs $x, which this file does not set"),
        ("set -e", "a command: nothing is executed"),
        ("if x; then A=1; fi", "a condition or a loop: nothing is executed"),
    ],
)
def test_what_cannot_be_carried_over(source: str, reason: str) -> None:
    assert carried(source) == []
    (told,) = reasons(source)
    assert told.startswith(reason)


def test_what_a_sourced_profile_assumed_is_not_written_again() -> None:
    imported = convert("source /x/base.env\nMODEL_SLOT_NAME=x\nMODEL_SLOT_STATUS=test\nVLLM_DTYPE=\n", "x.env")
    assert imported.text == "MODEL_SLOT_EXTENDS=base\nMODEL_SLOT_NAME=x\nMODEL_SLOT_STATUS=test\nSERVE_DTYPE=''\n"


def test_extra_arguments_took_back_those_of_the_sourced_profile() -> None:
    imported = convert("source /x/base.env\nVLLM_EXTRA_ARGS=(--seed 1)\n", "x.env")
    assert "SERVE_SEED=1" in imported.text
    (left,) = imported.not_carried
    assert left.reason == "its flags are carried over, but it also took back the extra flags of base: compare them"


def test_the_defaults_of_the_predecessor_count_where_the_profile_was_silent() -> None:
    text = convert("MODEL_SLOT_NAME=x\n", "x.env").text
    assert [line for line in ASSUMED_BY_PREDECESSOR if f"\n{line}={ASSUMED_BY_PREDECESSOR[line]}\n" not in text] == []


def test_what_the_result_lacks_is_listed() -> None:
    imported = convert("MODEL_SLOT_STATUS=rejected-slow\nFRONTDOOR_MAX_ACTIVE_GENERATIONS=2\nMAX_NUM_SEQS=1\n", "x.env")
    assert [(problem.line, problem.key) for problem in imported.problems] == [
        (None, "MODEL_SLOT_HF_ID"),
        (None, "MODEL_SLOT_STATUS_REASON"),
        (3, "FRONTDOOR_MAX_ACTIVE_GENERATIONS"),
    ]


def test_what_is_missing_may_be_in_the_profile_that_is_extended() -> None:
    assert convert("source b.env\nMODEL_SLOT_STATUS=test\n", "x.env").problems == ()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("old-c8.env", "old-c8"),
        ("Old Profile (2).env", "old-profile-2"),
        ("qwen3.6..27b", "qwen3.6-27b"),
        ("$\\.env", "imported"),
        ("", "imported"),
    ],
)
def test_a_profile_without_a_name_gets_that_of_its_file(file: str, name: str) -> None:
    imported = convert("", file)
    assert imported.name == name
    assert PROFILE_NAME.fullmatch(name)
    assert imported.text.startswith(f"MODEL_SLOT_NAME={name}\n")


def test_windows_line_ends_do_not_matter() -> None:
    assert convert(OLD.replace("\n", "\r\n"), "old-c8.env").text == NEW


def test_nothing_of_it_is_executed() -> None:
    imported: Imported = convert('A="$(touch pwned)"\n`touch pwned`\ntouch pwned; HF_HOME=/x\n', "x.env")
    assert "pwned" not in imported.text
    assert "HF_HOME=/x" in imported.text
    assert len(imported.not_carried) == 3
