"""What `/status` says, from memory. Nothing here waits for anybody, the engine least of all.

Its lists are bounded, so that it costs little when much is going on: it is when somebody looks. There is no prompt and
no key in it; a client is called by its identity.
"""

from __future__ import annotations

import heapq
import os
from itertools import islice
from operator import attrgetter

import msgspec

from frontdoor.record.call import Call
from frontdoor.view.gauges import pauses
from frontdoor.view.occupancy import Occupancy
from frontdoor.view.version import version
from frontdoor.watch.slot_watch import SlotWatch
from slot.state import Lifecycle

MAX_QUEUE = 50
MAX_REQUESTS = 100
MAX_CLIENTS = 10
MAX_TEXT = 100


def status(watch: SlotWatch, occupancy: Occupancy) -> dict[str, object]:
    """The body of `/status`. `ok`: a generation could start now, a full house aside."""
    closed = watch.closed
    return {
        "ok": closed is None,
        "reason": closed.reason if closed else None,
        "message": closed.message if closed else None,
        "model_slot": _model_slot(watch),
        "slot": _slot(watch),
        "frontdoor": _frontdoor(watch, occupancy),
        "queue": _queue(occupancy),
        "clients": _clients(occupancy),
        "requests": _requests(occupancy),
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


def _frontdoor(watch: SlotWatch, occupancy: Occupancy) -> dict[str, object]:
    settings, generations = watch.settings, occupancy.generations
    return {
        "host": occupancy.address[0],
        "port": occupancy.address[1],
        "backend": watch.backend_url,
        "max_active_generations": generations.cap,
        "queue_timeout_s": settings.queue_timeout_s,
        "max_queued": generations.max_waiting,
        "active_generations": generations.active,
        "queued_generations": generations.waiting,
        "total_generation_requests": occupancy.generation_requests,
        "event_logging": settings.log_events,
        "auth": "keys" if occupancy.checks_keys else "none",
        "tls": settings.tls_certificate is not None,
        "version": version(),
        "pid": os.getpid(),
        "uptime_s": _rounded(occupancy.now - occupancy.started),
        "paused": _paused(watch, occupancy),
        "active_pooling": occupancy.pooling.active,
        "max_active_pooling": occupancy.pooling.cap,
        "active_kv_tokens": generations.active_tokens,
        "connections": occupancy.connections,
        "connections_refused": occupancy.connections_refused,
        "log_lines_dropped": occupancy.log_lines_dropped,
        "limits": _limits(watch, occupancy),
    }


def _paused(watch: SlotWatch, occupancy: Occupancy) -> dict[str, object] | None:
    for by, is_so in pauses(watch, occupancy).items():
        if is_so:
            return {"by": by, "why": occupancy.paused}
    return None


def _limits(watch: SlotWatch, occupancy: Occupancy) -> dict[str, object]:
    """What a client may run into, beside the cap and the queue; null: no limit."""
    settings, limits = watch.settings, occupancy.generations.limits
    return {
        "max_active_per_client": limits.per_client,
        "fair_share": limits.fair_share,
        "kv_tokens": limits.kv_tokens,
        "max_output_tokens": settings.max_output_tokens,
        "max_connections": settings.max_connections,
        "max_connections_per_address": settings.max_connections_per_address,
        "max_head_bytes": settings.max_head_bytes,
        "max_body_bytes": settings.max_body_bytes,
        "backend_timeout_s": settings.backend_timeout_s,
        "ping_interval_s": settings.ping_interval_s,
    }


def _queue(occupancy: Occupancy) -> list[dict[str, object]]:
    """The head of the line, in the order of arrival."""
    calls = {call.ticket: call for call in occupancy.calls if call.ticket is not None}
    waiting = islice(occupancy.generations.line, MAX_QUEUE)
    return [
        {"position": position, "waited_s": _rounded(occupancy.now - call.started), **_who(call)}
        for position, ticket in enumerate(waiting, 1)
        if (call := calls.get(ticket)) is not None
    ]


def _clients(occupancy: Occupancy) -> list[dict[str, object]]:
    """Who holds the most."""
    return [
        {
            "client": holding.client[:MAX_TEXT],
            "active": holding.active,
            "waiting": holding.waiting,
            "kv_tokens": holding.tokens,
        }
        for holding in occupancy.generations.clients(MAX_CLIENTS)
    ]


def _requests(occupancy: Occupancy) -> list[dict[str, object]]:
    """The oldest of the open ones. `tokens` is the engine's count, or else the number of events so far."""
    return [
        {
            "request_id": call.request_id,
            "age_s": _rounded(occupancy.now - call.started),
            "phase": call.phase,
            **_who(call),
            "stream": call.stream,
            "tokens": call.tokens.output or call.events,
            "pings": call.pings,
        }
        for call in heapq.nsmallest(MAX_REQUESTS, occupancy.calls, key=attrgetter("started"))
    ]


def _who(call: Call) -> dict[str, object]:
    return {
        "client": call.identity[:MAX_TEXT],
        "route": call.route.path if call.route is not None else None,
        "weight": call.weight,
    }


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
