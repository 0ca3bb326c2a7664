from __future__ import annotations

from pathlib import Path

import pytest

from slot.profiles.profile import Profile, Value
from slot.pulse.allowance import allowance_s

MEASURED = {"SERVE_MAX_MODEL_LEN": "32768", "MODEL_SLOT_MEASURED_PREFILL_TOKENS_PER_S": "1000"}


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        ({}, 600.0),
        ({"MODEL_SLOT_WEDGE_TIMEOUT_S": "2"}, 2.0),
        ({**MEASURED, "MODEL_SLOT_WEDGE_TIMEOUT_S": "2"}, 2.0),
        ({"SERVE_MAX_MODEL_LEN": "32768"}, 600.0),
        ({**MEASURED, "SERVE_MAX_MODEL_LEN": "auto"}, 600.0),
        (MEASURED, 120.0),  # 98.3 s: never below two minutes
        ({**MEASURED, "SERVE_MAX_NUM_SEQS": "8"}, 786.432),
        ({**MEASURED, "SERVE_MAX_NUM_SEQS": "8", "FRONTDOOR_MAX_ACTIVE_GENERATIONS": "2"}, 196.608),
        ({**MEASURED, "SERVE_MAX_MODEL_LEN": "40000"}, 120.0),
        ({**MEASURED, "SERVE_MAX_MODEL_LEN": "40001"}, 120.003),
    ],
)
def test_how_long_it_may_stand_still(texts: dict[str, str], seconds: float) -> None:
    values = {key: Value(text, "x.env", 1, "x") for key, text in texts.items()}
    assert allowance_s(Profile("x", Path("x.env"), ("x",), values)) == pytest.approx(seconds)
