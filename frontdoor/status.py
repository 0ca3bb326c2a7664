"""What `/status` says, and the gauges of `/metrics`: the same facts, from memory. Nothing here waits for anybody."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from frontdoor.admission import Admission
from frontdoor.call import Call
from frontdoor.metrics import Gauge
from frontdoor.slot_watch import SlotWatch
from slot.state import Lifecycle, LoadPhase, SlotState


def status(
    watch: SlotWatch, admission: Admission, address: tuple[str, int], generation_requests: int
) -> dict[str, object]:
    """The body of `/status`. `ok`: a generation could start now, a full house aside.

    `address` is where it listens; `generation_requests` were counted since the start.
    """
    closed = watch.closed
    return {
        "ok": closed is None,
        "reason": closed.reason if closed else None,
        "message": closed.message if closed else None,
        "model_slot": _model_slot(watch),
        "slot": _slot(watch),
        "frontdoor": _frontdoor(watch, admission, address, generation_requests),
    }


def _model_slot(watch: SlotWatch) -> dict[str, object]:
    if watch.profile is not None:
        profile = watch.profile
        return {
            "name": profile.name,
            "title": profile.title,
            "hf_id": profile.hf_id,
            "modalities": ",".join(profile.modalities),
            "status": profile.status,
        }
    if watch.slot is not None:
        return {
            field: getattr(watch.slot.profile, field) for field in ("name", "title", "hf_id", "modalities", "status")
        }
    return {"name": "standalone", "title": watch.backend.model or "", "hf_id": "", "modalities": "", "status": ""}


def _slot(watch: SlotWatch) -> dict[str, object]:
    if not watch.follows_slot:
        backend = watch.backend
        return {"state": backend.state, "since": backend.since or None, "served_model_name": backend.model}
    slot = watch.slot
    if slot is None:
        return {"state": Lifecycle.STOPPED, "since": None}
    return {
        "state": slot.state,
        "since": slot.since,
        "updated_at": slot.updated_at,
        "phase": slot.phase,
        "progress": slot.progress,
        "eta_s": slot.eta_s,
        "readiness": slot.readiness,
        "profile": slot.profile.name,
        "served_model_name": slot.served_model_name,
        "simulated": slot.simulated,
        "engine": msgspec.to_builtins(slot.engine),
        "failure": msgspec.to_builtins(slot.failure),
    }


def _frontdoor(
    watch: SlotWatch, admission: Admission, address: tuple[str, int], generation_requests: int
) -> dict[str, object]:
    settings = watch.settings
    return {
        "host": address[0],
        "port": address[1],
        "backend": watch.backend_url,
        "max_active_generations": admission.cap,
        "queue_timeout_s": settings.queue_timeout_s,
        "max_queued": admission.max_waiting,
        "active_generations": admission.active,
        "queued_generations": admission.waiting,
        "total_generation_requests": generation_requests,
        "event_logging": settings.log_events,
        "auth": "none",
    }


def gauges(watch: SlotWatch, admission: Admission, calls: Iterable[Call], now: float) -> list[Gauge]:
    """What `/metrics` reads when asked. `now` is of `time.monotonic()`."""
    oldest_s = max((now - call.started for call in calls), default=0.0)
    told: list[Gauge] = [
        _plain("frontdoor_active_generations", "Generations that run now.", admission.active),
        _plain("frontdoor_generation_cap", "How many generations may run at once.", admission.cap),
        _plain("frontdoor_queued_requests", "Requests waiting for their turn.", admission.waiting),
        _plain("frontdoor_oldest_inflight_seconds", "Age of the oldest open request.", oldest_s),
        _plain("frontdoor_accepting", "1 when a generation could start now, a full house aside.", watch.closed is None),
    ]
    return told + (_slot_gauges(watch.slot) if watch.slot is not None else [])


def _slot_gauges(slot: SlotState) -> list[Gauge]:
    told: list[Gauge] = [
        (
            "slot_info",
            "The profile in the slot.",
            ("profile", "model", "status"),
            [((slot.profile.name, slot.served_model_name, slot.profile.status), 1.0)],
        ),
        ("slot_state", "1 for the slot's state.", ("state",), [((s,), float(s is slot.state)) for s in Lifecycle]),
        ("slot_load_phase", "1 for the load's phase.", ("phase",), [((p,), float(p is slot.phase)) for p in LoadPhase]),
    ]
    if slot.progress is not None:
        told.append(_plain("slot_load_progress_ratio", "How much of the load is done, 0 to 1.", slot.progress))
    return told


def _plain(name: str, documentation: str, value: float) -> Gauge:
    return name, documentation, (), [((), float(value))]
