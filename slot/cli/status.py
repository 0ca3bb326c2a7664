"""`slotctl status`: what is served and how it is, by the supervisor's snapshot and by the frontdoor's own words; for
a service also by systemd's, and which switch is under way.

The frontdoor is asked over HTTP, at the likely addresses. Where nobody answers there, or only for a key, its control
socket is asked: that of the environment, that of `slotctl up`, or the unit's. Its answer counts where it listens on a
port that was asked: another slot's frontdoor is not this one's.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from slot import state, units
from slot.address import http_url
from slot.cli import door_sight, frontdoor_client, switch_sight
from slot.cli.banner import Address
from slot.cli.host_checks import frontdoor_of
from slot.cli.refusal import Refused
from slot.cli.service import is_service
from slot.cli.sight import Sight, as_data
from slot.cli.status_lines import lines_of
from slot.exit_codes import ExitCode
from slot.paths import UNITS_CONTROL_SOCKET, Paths
from slot.profiles import keys
from slot.profiles.catalog import load_active
from slot.profiles.problems import ProfileError
from slot.switch.door import Door, MayNotAsk, NobodyThere, NotDone
from slot.switch.world import world_at

SOCKET = "FRONTDOOR_CONTROL_SOCKET"
DEFAULT_PORTS = {"http": 80, "https": 443}


def status(paths: Paths, *, url: str | None, as_json: bool) -> ExitCode:
    """Raises Refused for a `url` that is none, UnreadableState, OSError."""
    sight = see(paths, url)
    typer.echo(json.dumps(as_data(sight), indent=2) if as_json else "\n".join(lines_of(sight)))
    return sight.exit_code


def see(paths: Paths, url: str | None) -> Sight:
    """All that can be seen now. Raises as `status`."""
    if url is not None:
        sight = look(paths, [address_in(url)], None)
    else:
        sight = look(paths, likely_urls(paths), likely_socket(paths, os.environ))
    serves_as_unit = is_service(paths)
    return replace(
        sight,
        unit=units.seen(units.SLOT) if serves_as_unit else None,
        door=door_sight.look() if serves_as_unit else None,
        switch=switch_sight.look(world_at(paths)),
        profile_problems=profile_problems(paths.active_profile, is_wanted=serves_as_unit),
    )


def profile_problems(active: Path, *, is_wanted: bool) -> tuple[str, ...]:
    """What keeps the next start from the active profile. `is_wanted`: that there is none is a problem too.

    One that this user may not read is root's to judge: nothing is said of it.
    """
    try:
        load_active(active)
    except ProfileError as exc:
        return tuple(map(str, exc.problems))
    except FileNotFoundError:
        return (f"{active} does not exist: no profile is active",) if is_wanted else ()
    except PermissionError:
        return ()
    except OSError as exc:
        return (f"{active}: {exc.strerror or exc}",)
    return ()


def look(paths: Paths, urls: Sequence[str], control_socket: Path | None) -> Sight:
    """
    1. The first URL that tells its status
    2. The control socket, where it is that of one of these URLs; or the service's, whose port is not the profile's
    3. The first URL that wants a key: what it tells without one
    4. None of them: the last URL is the one to name
    """
    slot, answers = state.read(paths.state_file), []
    for url in urls:
        answers.append(answer := frontdoor_client.status(url))
        if answer.body is not None:  # 1
            return Sight(slot, answer.body, answer.url, time.time())
    body, why_not = by_socket(control_socket)
    port = int(body["frontdoor"].get("port") or 0) if body is not None else 0
    for answer in answers:
        if body is not None and urlsplit(answer.url).port == port:  # 2
            return Sight(slot, body, answer.url, time.time())
    if body is not None and control_socket == UNITS_CONTROL_SOCKET and is_service(paths):  # 2
        return Sight(slot, body, http_url("127.0.0.1", port), time.time())
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
        body = Door(path, frontdoor_client.PATIENCE_S).status()
    except MayNotAsk:
        return None, f"without one, ask as a user who may write to its control socket {path}"
    except (NobodyThere, NotDone):
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
