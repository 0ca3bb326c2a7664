"""What a verb says when it will not or cannot do its work: a sentence, the facts, and the exit code."""

from __future__ import annotations

from dataclasses import dataclass

from slot.exit_codes import ExitCode


@dataclass
class Refused(Exception):
    """Raised by a verb, printed by `main`, never a traceback. `facts` are label and text, in the order of reading.

    The labels are those of the doctor: found, expected, do; and where, for a place that the summary does not name.
    """

    code: ExitCode
    summary: str
    facts: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        width = max((len(label) for label, _ in self.facts), default=0)
        return "\n".join([self.summary, *(f"  {label:<{width}}  {text}" for label, text in self.facts)])
