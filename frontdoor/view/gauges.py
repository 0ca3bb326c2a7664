"""What `/metrics` reads when asked, beside the counts: what is open, what is free, and how the slot is. From memory."""

from __future__ import annotations

from frontdoor.record.call import Phase
from frontdoor.record.metrics import Reading, by, info, plain
from frontdoor.refusal import Reason
from frontdoor.view.occupancy import Occupancy
from frontdoor.view.version import version
from frontdoor.watch.slot_watch import SlotWatch
from slot.state import Lifecycle, LoadPhase, SlotState


def gauges(watch: SlotWatch, occupancy: Occupancy) -> list[Reading]:
    """All of them. Those of the slot are there only where a supervisor's state is followed."""
    return [
        info("frontdoor_build_info", "The frontdoor's version.", version=version()),
        plain("frontdoor_accepting", "1 when a generation could start now, a full house aside.", watch.closed is None),
        by("way", "frontdoor_paused", "1 when its admin has paused it.", pauses(watch, occupancy)),
        *_places(occupancy),
        *_open_requests(occupancy),
        *_connections(watch, occupancy),
        plain(
            "frontdoor_log_lines_dropped_total",
            "Lines of the event log that nobody took from stdout.",
            occupancy.log_lines_dropped,
        ),
        *(_slot(watch.slot) if watch.slot is not None else ()),
    ]


def pauses(watch: SlotWatch, occupancy: Occupancy) -> dict[str, bool]:
    """Who has paused the frontdoor."""
    by_socket = occupancy.paused is not None
    is_paused = watch.closed is not None and watch.closed.reason is Reason.PAUSED
    return {"control_socket": by_socket, "pause_file": is_paused and not by_socket}


def _places(occupancy: Occupancy) -> list[Reading]:
    generations, pooling = occupancy.generations, occupancy.pooling
    told = [
        plain("frontdoor_active_generations", "Generations that run now.", generations.active),
        plain("frontdoor_generation_cap", "How many generations may run at once.", generations.cap),
        plain("frontdoor_queued_requests", "Requests waiting for their turn.", generations.waiting),
        plain("frontdoor_queue_cap", "How many requests may wait.", generations.max_waiting),
        plain(
            "frontdoor_active_pooling",
            "Pooling requests (embeddings, scores and the like) that run now.",
            pooling.active,
        ),
        plain("frontdoor_pooling_cap", "How many pooling requests may run at once.", pooling.cap),
    ]
    if generations.limits.kv_tokens is not None:
        told += [
            plain(
                "frontdoor_active_kv_tokens",
                "Tokens that the active generations may need, as estimated.",
                generations.active_tokens,
            ),
            plain("frontdoor_kv_token_cap", "Tokens that the engine's KV cache holds.", generations.limits.kv_tokens),
        ]
    return told


def _open_requests(occupancy: Occupancy) -> list[Reading]:
    """One look at every open request."""
    now, oldest_s = occupancy.now, 0.0
    open_in = dict.fromkeys(Phase, 0)
    silent_s = {Phase.PREFILL: 0.0, Phase.DECODE: 0.0}
    for call in occupancy.calls:
        open_in[call.phase] += 1
        oldest_s = max(oldest_s, now - call.started)
        if call.exchange is not None and call.phase in silent_s:
            silent_s[call.phase] = max(silent_s[call.phase], call.exchange.silent_for(now))
    return [
        by("phase", "frontdoor_inflight_requests", "Requests that are open, by how far they have come.", open_in),
        plain("frontdoor_oldest_inflight_seconds", "Age of the oldest open request.", oldest_s),
        by(
            "phase",
            "frontdoor_upstream_silent_seconds",
            "For how long the engine has sent nothing to one request, at most; decode: a stream that has begun.",
            silent_s,
        ),
    ]


def _connections(watch: SlotWatch, occupancy: Occupancy) -> list[Reading]:
    return [
        plain("frontdoor_connections", "Connections of clients that are open.", occupancy.connections),
        plain(
            "frontdoor_connection_cap",
            "How many connections of clients may be open at once.",
            watch.settings.max_connections,
        ),
        plain(
            "frontdoor_connections_refused_total",
            "Connections refused because there were too many, in all or from one address.",
            occupancy.connections_refused,
        ),
    ]


def _slot(slot: SlotState) -> list[Reading]:
    profile = slot.profile
    told = [
        info(
            "slot_info",
            "The profile in the slot.",
            profile=profile.name,
            model=slot.served_model_name,
            status=profile.status,
        ),
        by("state", "slot_state", "1 for the slot's state.", {state: state is slot.state for state in Lifecycle}),
        by("phase", "slot_load_phase", "1 for the load's phase.", {phase: phase is slot.phase for phase in LoadPhase}),
    ]
    if slot.progress is not None:
        told.append(plain("slot_load_progress_ratio", "How much of the load is done, 0 to 1.", slot.progress))
    return told
