"""The way back from a lost card: which rung comes next. Doing them is `slotctl recover`'s.

            what is done                                                helped    did not help
    STOP    the slot, in peace                                          QUIET     REBOOT
    QUIET   60 s without anybody on the cards; evidence is kept         PROBE     PROBE
    PROBE   each card computes something, in bounded time               CHECK     REBIND; a second time REBOOT
    REBIND  every card off its driver, the driver loaded anew           PROBE     REBOOT
    CHECK   links, memory, each card once more; then the slot starts    all well  REBIND; a second time REBOOT
    REBOOT  is said and never done: it ends more than the slot

The order matters, and each rung costs more than the one before it. Two things are on no rung: a second engine "to see
whether it works now", which loses what the first hang could have told; and a reset of the PCI function, after which the
cards of this kind do not come back.

Source: what operators of such hosts learned (unbind and reload of xe brings wedged cards back; resets of the PCI
function do not), and the kernel's documentation of drm's wedged devices and of xe's devcoredump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Rung(StrEnum):
    STOP = "stop"
    QUIET = "quiet"
    PROBE = "probe"
    REBIND = "rebind"
    CHECK = "check"
    REBOOT = "reboot"


RUNGS = tuple(Rung)

MEANINGS = {
    Rung.STOP: "stop the slot, in peace: the engine gets the profile's grace",
    Rung.QUIET: "60 s of quiet; the kernel's log and the driver's coredumps are kept",
    Rung.PROBE: "each card computes something, within 30 s",
    Rung.REBIND: "all processes off the cards, all cards off their driver, the driver loaded anew",
    Rung.CHECK: "links, free memory, each card once more; then the slot starts and generates a token",
    Rung.REBOOT: "reboot the host: by a person, when it suits",
}


@dataclass(frozen=True)
class Done:
    """A rung that was done. `helped` is whether it did what it is there for; `words` what was seen."""

    rung: Rung
    helped: bool
    words: str
    at: float


@dataclass(frozen=True)
class Recovered:
    """No rung is left to be done: the slot serves."""


_AFTER: dict[tuple[Rung, bool], Rung | Recovered] = {
    (Rung.STOP, True): Rung.QUIET,
    (Rung.STOP, False): Rung.REBOOT,  # a process that cannot be ended waits inside of the driver, and keeps it in use
    (Rung.QUIET, True): Rung.PROBE,
    (Rung.QUIET, False): Rung.PROBE,  # evidence that could not be kept is a pity, not an obstacle
    (Rung.PROBE, True): Rung.CHECK,
    (Rung.PROBE, False): Rung.REBIND,
    (Rung.REBIND, True): Rung.PROBE,
    (Rung.REBIND, False): Rung.REBOOT,
    (Rung.CHECK, True): Recovered(),
    (Rung.CHECK, False): Rung.REBIND,
    (Rung.REBOOT, True): Rung.REBOOT,
    (Rung.REBOOT, False): Rung.REBOOT,
}


def next_rung(done: Sequence[Done]) -> Rung | Recovered:
    """The rung after those that were done, oldest first."""
    if not done:
        return Rung.STOP
    after = _AFTER[done[-1].rung, done[-1].helped]
    # what a rebind did not mend the first time it does not mend the second
    return Rung.REBOOT if after is Rung.REBIND and any(each.rung is Rung.REBIND for each in done) else after
