"""Which fields no client may set, and how much of the others is too much.

A field is denied by its name, on every route, whether today's engine knows it or not: a profile may pin an older one.
`null` asks for nothing and passes, and so do the `harmless` values. A profile allows a field again by writing its name
in FRONTDOOR_ALLOWED_FIELDS; a name with a dot is a member of an object.

Images, audio and their URLs are `request_media`. docs/request-policy.md tells both tables to people.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from frontdoor.policy.request_json import JsonObject, whole_number
from frontdoor.refusal import Reason, Refusal, Refused, bad_request

ALLOW_HINT = " (a profile can allow it: FRONTDOOR_ALLOWED_FIELDS)"

_CONVERSATIONS = ("messages", "input")
_STOPS = ("stop", "stop_sequences")
_LOGPROBS = ("top_logprobs", "prompt_logprobs", "logprobs")
_COUNTED = frozenset([*_STOPS, *_LOGPROBS, "cache_salt"])

MAX_STOPS = 16
MAX_SALT = 128
_BAD_IN_SALT = frozenset("@/\\\x00")


@dataclass(frozen=True, slots=True)
class Denial:
    """One denied field: `why` is told to the client, `advisories` to readers of the documentation."""

    name: str
    why: str
    advisories: tuple[str, ...] = ()
    harmless: tuple[object, ...] = ()


_TEMPLATE = "a client's template can stop every chat of this engine"
_GRAMMAR = "a client's expression or grammar can stall or end this engine; response_format takes a JSON schema"

DENIALS: tuple[Denial, ...] = (
    Denial("chat_template", _TEMPLATE, ("CVE-2025-61620", "CVE-2026-115911", "CVE-2026-115918")),
    Denial("chat_template_kwargs.chat_template", _TEMPLATE, ("CVE-2025-61620", "CVE-2025-62426")),
    Denial("chat_template_kwargs.tokenize", "it changes how the engine calls the template", ("CVE-2025-62426",)),
    Denial("mm_processor_kwargs", "it decides how much memory an image takes"),
    Denial("media_io_kwargs", "it decides how much of a file is decoded", ("CVE-2026-105760",)),
    Denial(
        "prompt_embeds",
        "it carries tensors that the engine would load",
        ("CVE-2025-62164", "CVE-2026-56340", "PYSEC-2026-2303"),
    ),
    Denial("kv_transfer_params", "it names a place to fetch cached tokens from", ("PYSEC-2026-4353",)),
    Denial("ec_transfer_params", "it names a place to fetch cached images from"),
    Denial("vllm_xargs", "it reaches extensions of the engine unread"),
    Denial("logits_processors", "it names code to be run"),
    Denial("data", "it reaches a plugin of the engine unread"),
    Denial("priority", "nobody is served before the others here", harmless=(0,)),
    Denial("request_id", "the engine's id for this request is the header X-Request-Id"),
    Denial("background", "the generation would go on outside the cap", harmless=(False,)),
    Denial(
        "response_format.type",
        _GRAMMAR,
        ("CVE-2026-105757",),
        harmless=("text", "json_object", "json_schema"),
    ),
    Denial("structured_outputs.regex", _GRAMMAR, ("CVE-2026-55574", "PYSEC-2026-3933", "CVE-2026-105757")),
    Denial("structured_outputs.grammar", _GRAMMAR, ("CVE-2025-29770", "CVE-2026-105757")),
    Denial("structured_outputs.structural_tag", _GRAMMAR, ("CVE-2026-105757",)),
    Denial("structured_outputs.whitespace_pattern", _GRAMMAR, ("CVE-2026-55574",)),
    Denial("guided_json", "newer engines ignore it; response_format takes a JSON schema"),
    Denial("guided_choice", "newer engines ignore it; the new name is structured_outputs.choice"),
    Denial("guided_regex", _GRAMMAR, ("CVE-2026-55574", "PYSEC-2026-3933")),
    Denial("guided_grammar", _GRAMMAR, ("CVE-2025-29770", "CVE-2026-105757")),
    Denial("guided_whitespace_pattern", _GRAMMAR, ("CVE-2026-55574",)),
    Denial("guided_decoding_backend", _GRAMMAR, ("CVE-2025-29770",)),
)


class DeniedFields:
    """The denials that a profile has left: a look-up for each request, built once for each policy."""

    def __init__(self, allowed: frozenset[str]) -> None:
        left = [denial for denial in DENIALS if denial.name not in allowed]
        self._whole = {denial.name: denial for denial in left if "." not in denial.name}
        self._members: dict[str, list[tuple[str, Denial]]] = {}
        for denial in left:
            name, dot, member = denial.name.partition(".")
            if dot:
                self._members.setdefault(name, []).append((member, denial))
        self._names = frozenset([*self._whole, *self._members])

    def check(self, fields: JsonObject) -> None:
        """Raises Refused (400) for a denied field."""
        if self._names.isdisjoint(fields):
            return
        for name, value in fields.items():
            if name in self._whole:
                _require_harmless(self._whole[name], value)
            # what is no object here is refused by the engine
            elif name in self._members and type(value) is dict:
                for member, denial in self._members[name]:
                    _require_harmless(denial, value.get(member))


def _require_harmless(denial: Denial, value: object) -> None:
    if value is None or value in denial.harmless:
        return
    raise Refused(denied(denial.name, denial.why + ALLOW_HINT))


def denied(name: str, why: str, where: str = "") -> Refusal:
    """`where`: the place in the request, for a field that is not at its top."""
    place = f" in {where}" if where else ""
    return Refusal(
        status=400,
        reason=Reason.FIELD_DENIED,
        code="field_denied",
        message=f"{name}{place} is not accepted here: {why}",
        param=name,
    )


def over_limit(name: str, limit: str) -> Refusal:
    return Refusal(
        status=400,
        reason=Reason.FIELD_DENIED,
        code="field_over_limit",
        message=f"{name} is limited here: {limit}",
        param=name,
    )


def check_counts(fields: JsonObject, *, max_messages: int, max_logprobs: int) -> None:
    """Raises Refused (400) for more messages, stop strings or logprobs than a request may have, and an odd salt."""
    for name in _CONVERSATIONS:
        given = fields.get(name)
        # `input` may also be a batch of texts, which has a limit of its own: its weight
        if type(given) is list and len(given) > max_messages and type(given[0]) is dict:
            raise Refused(over_limit(name, f"at most {max_messages} messages"))
    if _COUNTED.isdisjoint(fields):  # nearly every request; what is checked below has to be in it
        return
    for name in _STOPS:
        given = fields.get(name)
        if type(given) is list and len(given) > MAX_STOPS:
            raise Refused(over_limit(name, f"at most {MAX_STOPS} texts"))
    for name in _logprobs(fields):
        number = whole_number(fields, name)
        if number is not None and not 0 <= number <= max_logprobs:
            raise Refused(over_limit(name, f"0 to {max_logprobs}"))
    _check_salt(fields.get("cache_salt"))


def _logprobs(fields: JsonObject) -> Iterable[str]:
    """`logprobs` is a number in a completion and a switch in a chat."""
    return _LOGPROBS[:2] if type(fields.get("logprobs")) is bool else _LOGPROBS


def _check_salt(salt: object) -> None:
    """A client may keep its prefixes in the cache apart from those of others; what it may call them, as vLLM 0.32."""
    if salt is None:
        return
    if type(salt) is not str or not 0 < len(salt) <= MAX_SALT or not _BAD_IN_SALT.isdisjoint(salt):
        text = f"cache_salt must be a text of 1 to {MAX_SALT} characters without '@', '/', '\\' and NUL"
        raise Refused(bad_request(text, param="cache_salt"))
