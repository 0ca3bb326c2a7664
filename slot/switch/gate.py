"""May this switch begin at all? Decided from what can be known without touching anything.

1. It serves already, exactly so, and is what the next boot would load -> no switch, and that is well
2. The profile is a base                      -> refused: there is nothing to serve
3. It is rejected or blocked                  -> refused with its reason, unless unproven ones are let in
4. It has just failed, and is not edited since -> refused until it has cooled down, unless forced or let in
5. A card failed, and none has been probed since -> refused, unless forced
6. Otherwise                                  -> it may
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from slot.exit_codes import ExitCode
from slot.load_words import time_words
from slot.profiles import keys
from slot.profiles.profile import Profile
from slot.switch.cooldown import Cooldowns, cooling
from slot.switch.request import Request
from slot.switch.steps import Which


@dataclass(frozen=True)
class NoOp:
    """There is nothing to do. `words` say so."""

    words: str


@dataclass(frozen=True)
class Refused:
    """`do`: what would let it in, or what to do instead."""

    code: ExitCode
    words: str
    do: str


class Seen(Protocol):
    """What must be known of the slot; `slot.switch.world.Sight` is one."""

    @property
    def serving(self) -> Which | None:
        """What serves at this moment; None: nothing does."""

    @property
    def active(self) -> Profile | None:
        """What the slot's next start would load; None: nothing, or it cannot be read."""

    @property
    def cooldowns(self) -> Cooldowns: ...

    @property
    def awaits_recovery(self) -> bool:
        """After a device fault: its cards are being asked, or it stays down until somebody has seen to it."""


def which(profile: Profile) -> Which:
    return Which(profile.name, profile.sha256)


def refusal(request: Request, profile: Profile, seen: Seen, now: float) -> NoOp | Refused | None:
    """None: it may begin."""
    is_active = seen.active is not None and which(seen.active) == which(profile)
    if is_active and seen.serving == which(profile) and not request.restart:  # 1
        return NoOp(f"{profile.name} is active and serves already: there is nothing to do")
    if profile.status_family == "base":  # 2
        words = f"{profile.name} is only there to be extended"
        return Refused(ExitCode.CONFIG, words, "`slotctl list` shows the profiles that serve")
    if profile.status_family in keys.ADVISED_AGAINST and not (request.allow_unproven or request.restart):  # 3
        words = f"{profile.name} is {profile.status}: {profile.status_reason}"
        return Refused(ExitCode.CONFIG, words, "add --allow-unproven to try it all the same")
    cool = cooling(seen.cooldowns, which(profile), now)
    if cool is not None and not (request.force or request.allow_unproven or request.restart):  # 4
        times = "once" if cool.failures == 1 else f"{cool.failures} times in a row"
        left = time_words(cool.until - now)
        words = f"{profile.name} has failed {times} and cools down for another {left}: {cool.cause}"
        return Refused(ExitCode.FAILED, words, "mend the profile, or add --force to try it now")
    if seen.awaits_recovery and not request.force:  # 5
        words = "a card or its driver has failed, and nothing may start before each card was probed"
        return Refused(ExitCode.DEVICE, words, "slotctl recover")
    return None  # 6
