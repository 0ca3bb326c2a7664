"""Asks one card to compute something, and says whether it did. Run by the engine's Python, in a process of its own.

Never imported by ours: it uses the standard library and torch alone. Whoever starts it shows it one card
(ZE_AFFINITY_MASK) and ends it when it hangs, as everything on a wedged card does. The last line of stdout is JSON:

    {"is_right": true}          it computed what it should
    {"error": "..."}            what the card, or its driver, said
    {"cannot_ask": "..."}       this Python has no means to ask
    {"is_not_used": true}       this engine's torch was built without support for such cards: it has never used one

Whole numbers below 2^24 are exact in float32, however the card adds them up: any difference is a wrong result.
"""

from __future__ import annotations

import json
import sys
from typing import Any

SIZE = 256


def ask() -> dict[str, Any]:
    try:
        import torch
    except ImportError as exc:
        return {"cannot_ask": f"the engine's Python has no torch: {exc}"}
    if not hasattr(torch, "xpu") or not torch.xpu._is_compiled():
        return {"is_not_used": True}
    try:
        if torch.xpu.device_count() == 0:
            return {"error": "the driver shows no card"}
        numbers = (torch.arange(SIZE * SIZE, dtype=torch.float32) % 7).reshape(SIZE, SIZE)
        there = numbers.to("xpu")
        result = (there @ there).cpu()
        return {"is_right": bool(torch.equal(result, numbers @ numbers))}
    except Exception as exc:  # whatever the driver throws is the answer
        return {"error": f"{type(exc).__name__}: {exc}".splitlines()[0]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(ask()) + "\n")
