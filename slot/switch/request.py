"""What is asked of a switch, as the instance of its unit: `sim-b:force:drain-60:id-5f3a9c01`.

The whole request stands in the unit's name, so there is no file that somebody could change in between, polkit's rule
sees what it allows, and the journal of the system shows what was asked. Only characters that systemd.unit(5) leaves
as they are, so that nothing has to be escaped; and no `@`, which would end the template's name.

    NAME[:force][:drain-SECONDS][:no-rollback][:allow-unproven][:restart][:by-UID]:id-HEX
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from slot.drain_limits import DRAIN_TIMEOUT_S, LONGEST_DRAIN_S
from slot.profiles.keys import PROFILE_NAME

LARGEST_UID = 2**32 - 2  # (uid_t) -1 is nobody's
_ID = re.compile(r"[0-9a-f]{8}")


class BadRequest(ValueError):
    """The instance is no request; the words say what was found and what was expected."""


def new_id() -> str:
    return secrets.token_hex(4)


@dataclass(frozen=True)
class Request:
    """One switch to the profile `name`, or with `restart` one more load of what is active.

    `force` cuts what outlasts the drain, and does not heed a cool-down; `allow_unproven` lets in what is rejected,
    blocked or cooling down. `by_uid`: who asked, in their own words; None: nobody said.
    """

    name: str
    force: bool = False
    drain_timeout_s: int = DRAIN_TIMEOUT_S
    no_rollback: bool = False
    allow_unproven: bool = False
    restart: bool = False
    by_uid: int | None = None
    id: str = field(default_factory=new_id)


def instance(request: Request) -> str:
    """The unit's instance; `parse` gives back the same request."""
    words = {
        "force": request.force,
        f"drain-{request.drain_timeout_s}": request.drain_timeout_s != DRAIN_TIMEOUT_S,
        "no-rollback": request.no_rollback,
        "allow-unproven": request.allow_unproven,
        "restart": request.restart,
        f"by-{request.by_uid}": request.by_uid is not None,
    }
    return ":".join([request.name, *(word for word, is_said in words.items() if is_said), f"id-{request.id}"])


def parse(text: str) -> Request:
    """Raises BadRequest. Without an id it gets a new one: somebody has typed it."""
    name, *words = text.split(":")
    if not PROFILE_NAME.fullmatch(name):
        raise BadRequest(f"found {name!r}, expected a profile's name: lower-case letters, digits, '-' and single '.'")
    facts: dict[str, bool | int | str] = {}
    for word in words:
        key, value = _meaning(word)
        if key in facts:
            raise BadRequest(f"found {word!r} twice or against another, expected each word once")
        facts[key] = value
    return Request(name, **facts)  # type: ignore[arg-type]  # _meaning gives each field what it takes


def _meaning(word: str) -> tuple[str, bool | int | str]:
    kind, _, value = word.partition("-")
    match kind:
        case "force" | "restart" if word == kind:
            return kind, True
        case "no" | "allow" if word in ("no-rollback", "allow-unproven"):
            return word.replace("-", "_"), True
        case "drain" if _is_number(value, LONGEST_DRAIN_S):
            return "drain_timeout_s", int(value)
        case "by" if _is_number(value, LARGEST_UID):
            return "by_uid", int(value)
        case "id" if _ID.fullmatch(value):
            return "id", value
    expected = (
        f"force, drain-SECONDS (at most {LONGEST_DRAIN_S}), no-rollback, allow-unproven, restart, by-UID or id-HEX"
    )
    raise BadRequest(f"found {word!r}, expected one of: {expected}")


def _is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= most
