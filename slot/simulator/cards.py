"""The simulated cards: which of them does not answer a probe as a card in good health would.

A file in the data directory says it, so that it outlives the engine: a card that hangs does so after its engine is
gone. It is one JSON object, card number -> `wedged` (a probe gets no answer) or `faulty` (it gets an error); a card
that is not in it is well, and without the file all are. Whoever repairs the cards removes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from slot.simulator.faults import Fault, FaultName

FILE_NAME = "simulated-cards.json"


def strike(faults: Sequence[Fault], environment: Mapping[str, str]) -> None:
    """The engine has failed: the cards that were to fail with it now have. Raises OSError."""
    struck = {str(fault.card): fault.how for fault in faults if fault.name is FaultName.WEDGE_CARD}
    if struck and (directory := environment.get("SLOT_DATA_DIR")):
        (Path(directory) / FILE_NAME).write_text(json.dumps(struck) + "\n")
