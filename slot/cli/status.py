"""`slotctl status`: what is served and how it is, by the supervisor's snapshot and by the frontdoor's own words.

The frontdoor is asked over HTTP, at the likely addresses. Where nobody answers there, or only for a key, its control
socket is asked: that of the environment, that of `slotctl up`, or the unit's. Its answer counts where it listens on a
port that was asked: another slot's frontdoor is not this one's.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import typer

from slot import state
from slot.address import http_url
from slot.cli import frontdoor_client
from slot.cli.banner import Address
from slot.cli.host_checks import frontdoor_of
from slot.cli.load_view import left
from slot.cli.refusal import Refused
from slot.cli.terminal import colored
from slot.exit_codes import ExitCode
from slot.load_words import phase_words
from slot.paths import UNITS_CONTROL_SOCKET, Paths
from slot.profiles import keys
from slot.profiles.catalog import load_active
from slot.profiles.problems import ProfileError
from slot.state import Lifecycle, SlotState

SOCKET = "FRONTDOOR_CONTROL_SOCKET"
DEFAULT_PORTS = {"http": 80, "https": 443}
COLORS = {"serving": "green", "failed": "red", "loading": "yellow", "stopping": "yellow", "degraded": "yellow"}


@dataclass(frozen=True)
class Sight:
    """What was found. `slot` is None without a snapshot, `frontdoor` is the body of its `/status`, None: not told.

    `health`: whether it admits, where it told only that. `missing`: why it did not tell more, and what to do.
    """

    slot: SlotState | None
    frontdoor: dict[str, Any] | None
    url: str
    now: float
    health: bool | None = None
    missing: str = ""

    @property
    def admits(self) -> bool | None:
        """None: nobody answers."""
        return bool(self.frontdoor.get("ok")) if self.frontdoor is not None else self.health

    @property
    def is_abandoned(self) -> bool:
        return self.slot is not None and self.slot.is_abandoned(self.now)

    @property
    def exit_code(self) -> ExitCode:
        """
        1. The frontdoor says that it could not admit            -> 1, or 69 where the slot is not there either
        2. A snapshot of serving, kept fresh, or no slot at all
           behind a frontdoor that admits                        -> 0
        3. Never started, stopped, or abandoned                  -> 69
        4. Anything else                                         -> 1
        """
        is_there = self.slot is not None and self.slot.state is not Lifecycle.STOPPED and not self.is_abandoned
        if self.admits is False:  # 1
            return ExitCode.FAILED if is_there else ExitCode.UNAVAILABLE
        if self.slot is None and self.admits:  # 2
            return ExitCode.OK
        if not is_there:  # 3
            return ExitCode.UNAVAILABLE
        serves = self.slot is not None and self.slot.state is Lifecycle.SERVING
        return ExitCode.OK if serves else ExitCode.FAILED  # 2, 4


def status(paths: Paths, *, url: str | None, as_json: bool) -> ExitCode:
    """Raises Refused for a `url` that is none, UnreadableState, OSError."""
    if url is not None:
        sight = look(paths, [address_in(url)], None)
    else:
        sight = look(paths, likely_urls(paths), likely_socket(paths, os.environ))
    typer.echo(json.dumps(as_data(sight), indent=2) if as_json else "\n".join(lines_of(sight)))
    return sight.exit_code


def look(paths: Paths, urls: Sequence[str], control_socket: Path | None) -> Sight:
    """
    1. The first URL that tells its status
    2. The control socket, where it is that of one of these URLs
    3. The first URL that wants a key: what it tells without one
    4. None of them: the last URL is the one to name
    """
    slot, answers = state.read(paths.state_file), []
    for url in urls:
        answers.append(answer := frontdoor_client.status(url))
        if answer.body is not None:  # 1
            return Sight(slot, answer.body, answer.url, time.time())
    body, why_not = by_socket(control_socket)
    for answer in answers:
        if body is not None and urlsplit(answer.url).port == body["frontdoor"].get("port"):  # 2
            return Sight(slot, body, answer.url, time.time())
    for answer in answers:
        if answer.wants_key:  # 3
            health = frontdoor_client.is_serving(answer.url)
            return Sight(slot, None, answer.url, time.time(), health, f"it wants a key; {why_not}")
    return Sight(slot, None, answers[-1].url, time.time())  # 4


def by_socket(path: Path | None) -> tuple[dict[str, Any] | None, str]:
    """What is told there; and what to say where that is nothing, or another frontdoor's."""
    if path is None:
        return None, "without one, ask on its host: frontdoor status --socket PATH"
    try:
        body = frontdoor_client.status_by_socket(path)
    except PermissionError:
        return None, f"without one, ask as a user who may write to its control socket {path}"
    except OSError:
        return None, f"without one, start it with a control socket, and name that in {SOCKET}: nobody answers at {path}"
    return body, f"without one, name its control socket in {SOCKET}: {path} is another's"


def address_in(url: str) -> str:
    """Scheme, host and port alone."""
    try:
        parts = urlsplit(url)
        if parts.hostname and parts.scheme in DEFAULT_PORTS:
            return http_url(parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme], parts.scheme)
    except ValueError:
        pass  # a port that is no number
    facts = (("expected", "http://HOST:PORT or https://HOST:PORT"),)
    raise Refused(ExitCode.USAGE, f"not the address of a frontdoor: {url!r}", facts)


def likely_urls(paths: Paths) -> list[str]:
    """As `slotctl up` noted, though its note may be older than what runs now; and as the active profile says."""
    noted, _ = frontdoor_client.noted(paths.run_dir)
    return [*([address_in(noted)] if noted else []), active_url(paths)]


def likely_socket(paths: Paths, environment: Mapping[str, str]) -> Path:
    """As the environment says, else as `slotctl up` noted, else the unit's."""
    _, noted = frontdoor_client.noted(paths.run_dir)
    return Path(environment.get(SOCKET) or noted or UNITS_CONTROL_SOCKET)


def active_url(paths: Paths) -> str:
    """What the active profile says; the defaults where there is none, or none that can be read."""
    try:
        door = frontdoor_of(load_active(paths.active_profile))
    except (OSError, ProfileError):
        return http_url(keys.DEFAULT_FRONTDOOR_HOST, keys.DEFAULT_FRONTDOOR_PORT)
    return Address(door.host, door.port).url


def as_data(sight: Sight) -> dict[str, Any]:
    return {
        "serving": sight.exit_code == ExitCode.OK,
        "slot": msgspec.to_builtins(sight.slot),
        "slot_is_abandoned": sight.is_abandoned,
        "frontdoor_url": sight.url,
        "frontdoor": sight.frontdoor,
        "frontdoor_missing": sight.missing or None,
    }


def lines_of(sight: Sight) -> Iterator[str]:
    if sight.slot is None:
        yield "slot       none: no supervisor has left a snapshot here"
    else:
        yield from slot_lines(sight.slot, sight)
    if sight.frontdoor is not None:
        yield from frontdoor_lines(sight.frontdoor, sight.url)
    elif sight.health is not None:
        yield f"frontdoor  {admission(sight.health, 'refusing')}  {sight.url}"
        yield f"  now      not told: {sight.missing}"
    else:
        yield f"frontdoor  no status at {sight.url}: no frontdoor answers there"


def slot_lines(slot: SlotState, sight: Sight) -> Iterator[str]:
    simulated = ", simulated" if slot.simulated else ""
    if sight.is_abandoned:
        gone, heard = colored("gone", "red"), duration(sight.now - slot.updated_at)
        yield f"slot       {gone}  {slot.profile.name}{simulated}: no word from its supervisor for {heard}"
        yield f"  was      {slot.state}"
    else:
        name = colored(slot.state, COLORS.get(slot.state))
        yield f"slot       {name}  {slot.profile.name}{simulated}, for {duration(sight.now - slot.since)}"
    if slot.state is Lifecycle.LOADING:
        yield f"  load     {load_words(slot)}"
    if slot.failure is not None:
        yield f"  cause    {slot.failure.cause}"
        yield f"  found    {slot.failure.detail}"
        yield f"  do       {slot.failure.remedy}"
    facts = slot.engine
    yield f"  model    {slot.served_model_name} ({slot.profile.status})"
    if facts.max_model_len is not None:
        yield f"  context  {facts.max_model_len} tokens"
    if facts.kv_cache_tokens is not None:
        yield f"  cache    {facts.kv_cache_tokens} tokens"
    yield f"  engine   {slot.engine_url}" + (f", pid {slot.engine_pid}" if slot.engine_pid else "")


def load_words(slot: SlotState) -> str:
    progress = "" if slot.progress is None else f"{slot.progress:.0%}"
    return ", ".join(filter(None, (phase_words(slot.phase), progress, left(slot.eta_s))))


def frontdoor_lines(body: dict[str, Any], url: str) -> Iterator[str]:
    door = body["frontdoor"]
    refusing = f"refusing: {body.get('message')}"
    yield f"frontdoor  {admission(bool(body.get('ok')), refusing)}  {url}"
    counts = {key: door.get(f"{key}_generations", 0) for key in ("active", "max_active", "queued")}
    yield f"  now      {counts['active']} of {counts['max_active']} generations, {counts['queued']} waiting"


def admission(admits: bool, otherwise: str) -> str:
    return colored("admitting", "green") if admits else colored(otherwise, "yellow")


def duration(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
