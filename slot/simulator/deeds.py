"""What a fault does to one answer, and when. Decisions only; `writer` carries them out.

Before the head:       NOTHING, or one of SILENCE, CUT, RESET, HTML, which end it all
Before each token:     NOTHING
                       PAUSE, BROKEN_JSON, EMPTY_DATA   happen once, and the answer goes on
                       all others                       end the answer
"""

from __future__ import annotations

from enum import Enum

from slot.simulator.faults import Fault, FaultName


class Deed(Enum):
    """What befalls an answer at this moment, in the words of whoever writes it."""

    NOTHING = "nothing"
    SILENCE = "nothing is sent any more, not even a head"
    HTML = "a page of HTML with status 502"
    CUT = "cut the connection without a terminator"
    RESET = "reset the connection"
    KILL_PROCESS = "the process kills itself"
    PAUSE = "silence for a while, then on"
    BROKEN_JSON = "a frame whose data is no JSON, then on"
    EMPTY_DATA = "a frame with empty data, then on"
    HALF_FRAME = "half a frame, then a clean end"
    END = "a clean end without [DONE]"
    ERROR_EVENT = "an event named error without an error object, then [DONE]"
    ERROR_FRAME = "the error frame of an engine that failed, then [DONE]"
    ERROR_STRING = "an error frame whose error is a text, then [DONE]"
    ABORT = "finish_reason abort, then [DONE]"


_INTERJECTIONS = {
    FaultName.PAUSE: Deed.PAUSE,
    FaultName.BROKEN_JSON: Deed.BROKEN_JSON,
    FaultName.EMPTY_DATA: Deed.EMPTY_DATA,
}
_ENDINGS = {
    FaultName.BROKEN_FRAME: Deed.HALF_FRAME,
    FaultName.NO_DONE: Deed.END,
    FaultName.ERROR_EVENT: Deed.ERROR_EVENT,
    FaultName.ERROR_FRAME: Deed.ERROR_FRAME,
    FaultName.ERROR_STRING: Deed.ERROR_STRING,
    FaultName.FINISH_ABORT: Deed.ABORT,
}
INTERJECTIONS = frozenset(_INTERJECTIONS.values())
DEATHS = frozenset({Deed.CUT, Deed.RESET, Deed.KILL_PROCESS})


def before_head(fault: Fault | None) -> Deed:
    """What to do instead of an answer."""
    match fault and fault.name:
        case FaultName.SILENT_PREFILL:
            return Deed.SILENCE
        case FaultName.HTML_ERROR:
            return Deed.HTML
        case FaultName.DIE_BEFORE_HEAD:
            assert fault is not None
            return Deed.RESET if fault.how == "rst" else Deed.CUT
    return Deed.NOTHING


def deed(fault: Fault | None, tokens_sent: int, *, of_request: bool) -> Deed:
    """What to do to an answer that has sent `tokens_sent` tokens, before it sends the next.

    1. no fault, or too early: nothing.
    2. a death: the process's if the fault is the engine's own, else the connection's.
    3. an interjection: at its moment, and not again.
    4. an ending: whichever the fault names.
    5. the other faults change tokens, not the framing: nothing.
    """
    if fault is None or tokens_sent < fault.after_tokens:  # 1
        return Deed.NOTHING
    if fault.name is FaultName.DIE_MID_STREAM:  # 2
        if not of_request:
            return Deed.KILL_PROCESS
        return Deed.RESET if fault.how == "rst" else Deed.CUT
    if fault.name in _INTERJECTIONS:  # 3
        return _INTERJECTIONS[fault.name] if tokens_sent == fault.after_tokens else Deed.NOTHING
    return _ENDINGS.get(fault.name, Deed.NOTHING)  # 4, 5
