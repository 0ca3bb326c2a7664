from __future__ import annotations

import pytest

from slot.profiles.agreement import disagreements, missing
from slot.profiles.profile import Value

SERVABLE = {
    "MODEL_SLOT_STATUS": "research",
    "MODEL_SLOT_HF_ID": "a/b",
    "MODEL_SLOT_VENV": "v",
    "SERVE_MAX_NUM_SEQS": "8",
}


def values(**texts: str) -> dict[str, Value]:
    return {key: Value(text, "x.env", line, "x") for line, (key, text) in enumerate(texts.items(), start=1)}


CAP, SEQUENCES = "FRONTDOOR_MAX_ACTIVE_GENERATIONS", "SERVE_MAX_NUM_SEQS"
BATCH = "SERVE_MAX_NUM_BATCHED_TOKENS"
DEFAULT, LIMIT = "FRONTDOOR_DEFAULT_MAX_OUTPUT_TOKENS", "FRONTDOOR_MAX_OUTPUT_TOKENS"
URL, HOST, PORT, DOOR = "FRONTDOOR_BACKEND_URL", "SERVE_HOST", "SERVE_PORT", "FRONTDOOR_PORT"


@pytest.mark.parametrize(
    ("texts", "blamed"),
    [
        ({}, []),
        ({CAP: "8"}, []),
        ({CAP: "7", SEQUENCES: "8"}, []),
        ({CAP: "8", SEQUENCES: "8"}, []),
        ({CAP: "9", SEQUENCES: "8"}, [CAP]),
        ({BATCH: "8", SEQUENCES: "8"}, []),
        ({BATCH: "7", SEQUENCES: "8"}, [BATCH]),
        ({DEFAULT: "2048", LIMIT: "2048"}, []),
        ({DEFAULT: "2049", LIMIT: "2048"}, [DEFAULT]),
        ({URL: "http://127.0.0.1:18080"}, []),
        ({URL: "http://127.0.0.1:18080/"}, []),
        ({URL: "http://localhost:18080"}, []),
        ({URL: "http://127.0.0.1:18081"}, [URL]),
        ({URL: "http://127.0.0.1"}, [URL]),
        ({URL: "http://10.0.0.1:18080"}, [URL]),
        ({URL: "http://127.0.0.1:18081", PORT: "18081"}, []),
        ({URL: "http://[::1]:18080", HOST: "::1"}, []),
        ({PORT: "8000"}, [PORT]),
        ({PORT: "8001"}, []),
        ({DOOR: "18080"}, [DOOR]),
        ({DOOR: "9000", PORT: "9000"}, [PORT]),
        ({CAP: "9", SEQUENCES: "8", BATCH: "1", PORT: "8000"}, [CAP, BATCH, PORT]),
    ],
)
def test_values_that_disagree(texts: dict[str, str], blamed: list[str]) -> None:
    given = values(**texts)
    problems = list(disagreements(given))
    assert [problem.key for problem in problems] == blamed
    assert [problem.line for problem in problems] == [given[key].line for key in blamed]


def test_a_cap_above_the_engines_says_both_numbers_and_why() -> None:
    (problem,) = disagreements(values(**{CAP: "9", SEQUENCES: "8"}))
    assert problem.complaint == (
        "FRONTDOOR_MAX_ACTIVE_GENERATIONS: found '9', expected at most SERVE_MAX_NUM_SEQS=8; "
        "the engine would make the others wait where nobody sees them"
    )


@pytest.mark.parametrize(
    ("change", "needed"),
    [
        ({}, []),
        ({"MODEL_SLOT_STATUS": None}, ["MODEL_SLOT_STATUS"]),
        ({"MODEL_SLOT_VENV": None}, ["MODEL_SLOT_VENV"]),
        ({"MODEL_SLOT_HF_ID": None}, ["MODEL_SLOT_HF_ID"]),
        ({"MODEL_SLOT_HF_ID": None, "MODEL_SLOT_MODEL_DIR": "/m"}, []),
        ({"SERVE_MAX_NUM_SEQS": None}, ["SERVE_MAX_NUM_SEQS"]),
        ({"MODEL_SLOT_STATUS": "rejected-device-lost"}, ["MODEL_SLOT_STATUS_REASON"]),
        ({"MODEL_SLOT_STATUS": "blocked", "MODEL_SLOT_STATUS_REASON": "no kernel"}, []),
        ({"MODEL_SLOT_ENGINE": "simulator", "MODEL_SLOT_HF_ID": None, "MODEL_SLOT_VENV": None}, []),
        ({"MODEL_SLOT_ENGINE": "simulator", "SERVE_MAX_NUM_SEQS": None}, ["SERVE_MAX_NUM_SEQS"]),
        ({"MODEL_SLOT_STATUS": "base", "SERVE_MAX_NUM_SEQS": None, "MODEL_SLOT_VENV": None}, []),
        ({"MODEL_SLOT_STATUS": "baseline", "MODEL_SLOT_VENV": None}, ["MODEL_SLOT_VENV"]),
    ],
)
def test_what_a_profile_must_have(change: dict[str, str | None], needed: list[str]) -> None:
    texts = {key: text for key, text in {**SERVABLE, **change}.items() if text is not None}
    assert [key for key, _ in missing(values(**texts))] == needed
