"""Follows what others decide while the frontdoor runs: the active profile, the slot's state, the pause file.

Files are followed by their stat at every look; a changed one is read again, and what follows from it (settings, cap,
why the slot cannot serve) is there for the next request, without a restart. A profile that has become unreadable
changes nothing: the last good one stays, and the event log says what is wrong. Where there was no good one yet, nothing
is admitted until there is, and every answer says why. Where there is no supervisor's state to follow, the engine's own
endpoints are asked instead, by `backend_probe`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import slot.state
from frontdoor.bad_settings import BadSettings
from frontdoor.engine import availability
from frontdoor.engine.availability import Backend, BackendState
from frontdoor.engine.backend_probe import BackendProbe
from frontdoor.record.events import EventLog
from frontdoor.refusal import Refusal
from frontdoor.settings import Settings, load, variable
from slot.address import on_loopback
from slot.profiles.catalog import load_active
from slot.profiles.problems import ProfileError
from slot.profiles.profile import Profile
from slot.state import SlotState, UnreadableState

FIRST_LOOK_S = 1.0
# settings that are used once, when the process starts: what is listened on, and which files are followed
_AT_START = frozenset({"host", "port", "control_socket", "active_profile", "slot_state"})

logger = logging.getLogger(__name__)


def mark(path: Path) -> object:
    """What is another for another content of the file; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class FollowedFile:
    """A file that others replace. The first look counts as a change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: object = "never looked"

    def has_changed(self) -> bool:
        found = mark(self.path)
        changed = found != self._seen
        self._seen = found
        return changed


@dataclass(frozen=True)
class Sources:
    """Where settings come from besides the profile: the command line (by field) and the environment (by variable)."""

    arguments: Mapping[str, str]
    environment: Mapping[str, str]

    def settings(self, profile: Profile | None) -> Settings:
        """Raises BadSettings."""
        return load(self.arguments, told_by(profile), self.environment)


def told_by(profile: Profile | None) -> dict[str, str]:
    """A profile's settings by variable name; it always tells the cap and where its engine is."""
    if profile is None:
        return {}
    told = {key: value.text for key, value in profile.values.items() if key.startswith("FRONTDOOR_")}
    told.setdefault("FRONTDOOR_MAX_ACTIVE_GENERATIONS", str(profile.max_active_generations))
    told.setdefault("FRONTDOOR_BACKEND_URL", profile.url)
    return told


def without_one(path: Path, exc: Exception) -> str:
    """What a client is told while there is no profile, and what an admin does about it."""
    if isinstance(exc, FileNotFoundError):
        return f"no profile is active: {path} does not exist; an admin activates one: slotctl switch NAME"
    first, _, more = str(exc).partition("\n")
    also = f" (and {len(more.splitlines())} more)" if more else ""
    do = "an admin mends it, or activates another: slotctl switch NAME"
    return f"the active profile cannot be used: {first}{also}; {do}"


class SlotWatch:
    """What the frontdoor knows of the slot at this moment. Everybody reads it, it alone writes."""

    def __init__(self, sources: Sources, settings: Settings, profile: Profile | None, events: EventLog) -> None:
        self.settings = settings
        self.profile = profile
        self.slot: SlotState | None = None
        self.backend = Backend(BackendState.UNREACHABLE, settings.backend_url)
        # why generations cannot start now; every request reads it, so it is decided here and not there
        self.closed: Refusal | None = availability.of_backend(self.backend)
        # an admin's word, with the reason
        self.paused: str | None = None
        self.on_settings: Callable[[Settings], None] = lambda settings: None
        # why there is no profile to serve by; None: there is one, or none is followed
        self._no_profile: str | None = None
        self._has_told = False
        self._has_warned = False
        self._looked = asyncio.Event()
        self._sources = sources
        self._events = events
        self._profile_file = FollowedFile(settings.active_profile) if settings.active_profile else None
        self._state_file = FollowedFile(settings.slot_state) if settings.slot_state else None
        if self._profile_file is not None and profile is not None:
            self._profile_file.has_changed()  # this one has just been read

    @property
    def follows_slot(self) -> bool:
        """Whether a supervisor's state is followed; otherwise the engine's own endpoints are asked."""
        return self._state_file is not None

    @property
    def backend_url(self) -> str:
        """Where requests go: the command line, else where the supervisor says its engine is, else the settings.

        The engine's own user writes that state: prompts go nowhere else for it than to another port of this machine.
        """
        if self.slot is not None and "backend_url" not in self._sources.arguments and on_loopback(self.slot.engine_url):
            return self.slot.engine_url
        return self.settings.backend_url

    @property
    def profile_name(self) -> str:
        """The label of metrics and events; `standalone` where there is no profile."""
        if self.profile is not None:
            return self.profile.name
        return self.slot.profile.name if self.slot is not None else "standalone"

    @property
    def served_name(self) -> str | None:
        """The model that every request means; None where nobody knows, or several are served."""
        if self.slot is not None:
            return self.slot.served_model_name
        return self.backend.model if self.backend.is_alone else None

    @property
    def max_model_len(self) -> int | None:
        """The longest sequence in tokens, prompt and output; None where nobody has said."""
        if self.slot is not None:
            return self.slot.engine.max_model_len
        return self.backend.max_model_len

    @property
    def kv_cache_tokens(self) -> int | None:
        """How many tokens the engine's KV cache holds: as it is set, else as the engine has said; None: unknown."""
        told = self.slot.engine.kv_cache_tokens if self.slot is not None else None
        return self.settings.kv_cache_tokens or told

    def pause(self, reason: str) -> None:
        """Refuses from now on, whatever the slot says."""
        self.paused = reason
        self._judge()

    def resume(self) -> None:
        self.paused = None
        self._judge()

    def reload(self) -> None:
        """Reads the active profile again, changed or not. Raises ProfileError, BadSettings, OSError: all stays."""
        path = self.settings.active_profile
        profile = load_active(path) if path is not None else None
        self._apply(profile, self._sources.settings(profile))
        self._judge()

    def tell_reloaded(self, what: str) -> None:
        """For what is no setting, and was read again: `api_keys`, `certificate`."""
        self._events.emit("settings_changed", changed=[what], profile=self.profile_name)

    def tell_unusable(self, exc: Exception) -> None:
        """For what was read again and cannot be used: all stays as it was."""
        self._events.emit("settings_changed", error=str(exc), profile=self.profile_name)

    def look(self) -> None:
        """One look at every followed file. Costs three stat calls while nothing changes."""
        if self._profile_file is not None and self._profile_file.has_changed():
            self._read_profile(self._profile_file.path)
        if self._state_file is not None and self._state_file.has_changed():
            self._read_state(self._state_file.path)
        self._judge()

    async def first_look(self) -> None:
        """Returns when it is known how the engine is, or after FIRST_LOOK_S: who has just started does not know."""
        if not self.follows_slot:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._looked.wait(), FIRST_LOOK_S)
        self._tell_first()

    async def ask_backend(self) -> None:
        """Asks the engine how it is until cancelled, where nobody else says it."""
        probe = BackendProbe()
        try:
            while True:
                self.backend = await probe.look(self.settings.backend_url, self.backend)
                self._judge()
                self._looked.set()
                await asyncio.sleep(probe.pause_s(self.backend))
        finally:
            probe.close()

    def _read_profile(self, path: Path) -> None:
        try:
            profile = load_active(path)
            settings = self._sources.settings(profile)
        except (ProfileError, BadSettings, OSError) as exc:
            if self.profile is None:
                self._no_profile = without_one(path, exc)
                logger.error("nothing is admitted: %s", self._no_profile)
            else:
                logger.error("%s cannot be used, the settings before it stay: %s", path, exc)
            self.tell_unusable(exc)
            return
        self._apply(profile, settings)

    def _apply(self, profile: Profile | None, settings: Settings) -> None:
        before, another, self.settings, self.profile = self.settings, profile != self.profile, settings, profile
        self._no_profile = None
        changed = sorted(name for name in Settings.model_fields if getattr(before, name) != getattr(settings, name))
        if changed or another:
            self._events.emit("settings_changed", changed=changed, profile=self.profile_name)
        late = [variable(name) for name in changed if name in _AT_START]
        if late:
            logger.warning("%s: what changed here counts from the next start, not now", ", ".join(late))
        self.on_settings(settings)

    def _read_state(self, path: Path) -> None:
        before = self.slot
        try:
            self.slot = slot.state.read(path)
        except (UnreadableState, OSError) as exc:
            logger.error("%s: %s", path, exc)
            self.slot = None
        if (before and before.engine) != (self.slot and self.slot.engine):
            self.on_settings(self.settings)  # limits may follow from what the engine says of itself

    def _judge(self) -> None:
        before = self.closed
        self.closed = self._why_closed()
        self._warn_of_unknown_cache()
        if (before and before.reason) != (self.closed and self.closed.reason):
            self._tell()

    def _tell_first(self) -> None:
        """An engine that was never there changes nothing, and who reads the log has to know of it all the same."""
        if not self._has_told:
            self._tell()

    def _tell(self) -> None:
        self._has_told = True
        self._events.emit(
            "slot_changed",
            profile=self.profile_name,
            reason=self.closed.reason if self.closed else None,
            message=self.closed.message if self.closed else "serving",
        )

    def _warn_of_unknown_cache(self) -> None:
        """Once, when the slot serves: before that the engine has not said how large its cache is."""
        if self._has_warned or self.closed is not None or not self.settings.token_admission:
            return
        if self.kv_cache_tokens is None:
            self._has_warned = True
            logger.warning(
                "FRONTDOOR_TOKEN_ADMISSION is on, and nobody has said how large the KV cache is: only the cap counts; "
                "set FRONTDOOR_KV_CACHE_TOKENS"
            )

    def _why_closed(self) -> Refusal | None:
        if self.paused is not None:
            return availability.paused(self.paused)
        pause_file = self.settings.pause_file
        if pause_file is not None and os.path.exists(pause_file):
            return availability.paused("by its pause file")
        if self._no_profile is not None:
            return availability.without_profile(self._no_profile)
        if self.follows_slot:
            return availability.of_slot(self.slot, time.time())
        return availability.of_backend(self.backend)
