"""A simulated card that is asked to compute something: `python simulated.py FILE NUMBER`.

FILE is what the simulator's fault `wedge_card` writes: JSON, card number -> `wedged` or `faulty`. A card that is not
in it is well; without the file all are. Answers as `ask_card` does.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any


def condition_of(file: Path, number: str) -> str:
    try:
        return str(json.loads(file.read_bytes()).get(number, "healthy"))
    except FileNotFoundError:
        return "healthy"


def answer(condition: str) -> dict[str, Any]:
    if condition == "wedged":
        signal.pause()  # until somebody loses patience
    return {"error": "UR_RESULT_ERROR_DEVICE_LOST"} if condition == "faulty" else {"is_right": True}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(answer(condition_of(Path(sys.argv[1]), sys.argv[2]))) + "\n")
