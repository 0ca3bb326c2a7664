"""What `ask_card` makes of a torch: a stand-in of it, as no test has a card. Real ones on the CPU say `is_not_used`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ASK_CARD = Path(__file__).parents[3] / "slot/cards/ask_card.py"

TORCH = """
float32 = "float32"

class Tensor:
    def __init__(self, value): self.value = value
    def __mod__(self, _): return self
    def reshape(self, *_): return self
    def to(self, place): {to}
    def __matmul__(self, other): return Tensor(self.value + other.value)
    def cpu(self): return self

def arange(count, dtype): return Tensor(1)
def equal(one, other): return one.value == other.value

class xpu:
    @staticmethod
    def _is_compiled(): return {is_compiled}
    @staticmethod
    def device_count(): return {count}
"""
WELL = {"to": "return Tensor(self.value)", "is_compiled": "True", "count": "1"}


def ask(tmp_path: Path, torch: str | None) -> Any:
    if torch is not None:
        (tmp_path / "torch.py").write_text(torch)
    done = subprocess.run(
        [sys.executable, "-S", str(ASK_CARD)],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("torch", "answer"),
    [
        (TORCH.format(**WELL), {"is_right": True}),
        (TORCH.format(**{**WELL, "to": "return Tensor(7)"}), {"is_right": False}),
        (TORCH.format(**{**WELL, "count": "0"}), {"error": "the driver shows no card"}),
        (
            TORCH.format(**{**WELL, "to": "raise RuntimeError('UR_RESULT_ERROR_DEVICE_LOST\\nmore')"}),
            {"error": "RuntimeError: UR_RESULT_ERROR_DEVICE_LOST"},
        ),
        (TORCH.format(**{**WELL, "is_compiled": "False"}), {"is_not_used": True}),
        ("", {"is_not_used": True}),
        (None, {"cannot_ask": "the engine's Python has no torch: No module named 'torch'"}),
        (
            "raise ImportError('libsycl.so.9: cannot open')",
            {"cannot_ask": "the engine's Python has no torch: libsycl.so.9: cannot open"},
        ),
    ],
)
def test_answer(tmp_path: Path, torch: str | None, answer: dict[str, Any]) -> None:
    assert ask(tmp_path, torch) == answer
