"""What a request costs the engine, as far as it can be told beforehand: how many generations, of how many tokens.

generations    prompts x max(n, best_of): each of them is a sequence of its own in the engine's batch. A beam search
               runs `n` beams, so it is covered. At pooling routes: the texts of the batch.
output tokens  the largest limit that the request names, see `request_defaults` for what the profile makes of it
"""

from __future__ import annotations

from collections.abc import Mapping

from frontdoor.policy.request_json import JsonObject, whole_number
from frontdoor.refusal import Refused, bad_request
from frontdoor.routes import Route

# Where vLLM reads `n` and `best_of`; elsewhere it ignores them.
_CHOICES_AT = frozenset({"/v1/chat/completions", "/v1/completions"})
_CHOICES = ("n", "best_of")
_CHOICE_NAMES = frozenset(_CHOICES)
_COMPLETION_TOKENS = 16  # of a completion that names no limit; `null` names none either, and means all there are

_TEXTS = ("input", "messages")
_PAIRS = ("text_1", "text_2", "queries", "documents", "items", "data_1", "data_2")
_BATCHES: Mapping[str, tuple[str, ...]] = {
    "/v1/completions": ("prompt", "prompt_embeds"),
    "/v1/embeddings": _TEXTS,
    "/v2/embed": ("texts", "images", "inputs"),
    "/pooling": _TEXTS,
    "/classify": _TEXTS,
    "/score": _PAIRS,
    "/v1/score": _PAIRS,
    "/rerank": ("documents",),
    "/v1/rerank": ("documents",),
    "/v2/rerank": ("documents",),
}


def generations(fields: JsonObject, route: Route) -> int:
    """How many sequences the engine will run, 1 or more. Raises Refused (400) for an `n` that is no number above 0."""
    batches = _BATCHES.get(route.path)
    prompts = sum([_prompts(name, fields.get(name)) for name in batches]) if batches else 1
    if route.path not in _CHOICES_AT or _CHOICE_NAMES.isdisjoint(fields):
        return max(prompts, 1)
    return max(prompts, 1) * max([_choices(fields, name) for name in _CHOICES])


def _choices(fields: JsonObject, name: str) -> int:
    number = whole_number(fields, name)
    if number is None:
        return 1
    if number < 1:
        raise Refused(bad_request(f"{name} must be 1 or more", param=name))
    return number


def _prompts(name: str, given: object) -> int:
    """How many prompts a list is; what is no list is counted as the one that every request has."""
    if type(given) is not list:
        return 0
    if given and (name == "prompt" or name in _TEXTS) and type(given[0]) in (int, dict):
        return 1  # the tokens of one prompt, or the messages of one conversation
    return len(given)


def named_limits(fields: JsonObject, route: Route) -> dict[str, int]:
    """The output limits that a request names, by field. Raises Refused (400) for one that is no number."""
    limits = {}
    for name in route.token_limits:
        limit = whole_number(fields, name)
        if limit is not None:
            limits[name] = limit
    return limits


def output_tokens(limits: Mapping[str, int], fields: JsonObject, route: Route) -> int | None:
    """How many tokens each generation may give under these limits; None: as many as fit."""
    if limits:
        return max(0, *limits.values())
    return _COMPLETION_TOKENS if route.path == "/v1/completions" and "max_tokens" not in fields else None


def check_endless(fields: JsonObject, route: Route, limit: int | None) -> None:
    """Raises Refused (400) for a generation that is told not to end, and nothing to end it by.

    `limit`: the output tokens of the request, as the engine will get it.
    """
    if limit is None and fields.get("ignore_eos") and route.token_limits:
        raise Refused(bad_request(f"ignore_eos needs a limit: set {route.token_limits[0]}", param="ignore_eos"))
    least = whole_number(fields, "min_tokens")
    if least is not None and limit is not None and least > limit:
        raise Refused(bad_request(f"min_tokens is above the limit of {limit} tokens", param="min_tokens"))
