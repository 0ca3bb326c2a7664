"""Whether starting again is an answer to a failure, in words for the journal and for `slotctl status`."""

from __future__ import annotations

from slot.failures.signature import Kind
from slot.state import Failure

_IN_VAIN = {
    Kind.DEVICE: "alone does not help: the cards must answer a probe before anything is loaded on them",
    Kind.CONFIGURATION: "does not help: the same start ends the same way",
    Kind.QUALITY: "alone does not help: it hides this for a while",
}


def restart_words(failure: Failure) -> str:
    """What a restart does, to be read after the words "a restart"; `restart_can_help` of the failure has the last word.

    A device failure whose cards have answered their probe is one that a restart helps.
    """
    if failure.restart_can_help:
        return "can help"
    kind = failure.kind
    return _IN_VAIN[Kind(kind)] if kind in _IN_VAIN else "alone does not help"


def told(failure: Failure) -> str:
    """Cause, remedy and whether a restart helps: one line for the journal."""
    return f"{failure.cause}. What to do: {failure.remedy}. A restart {restart_words(failure)}"
