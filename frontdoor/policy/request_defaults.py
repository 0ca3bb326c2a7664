"""What the profile sets in a request, and how a body is changed: value by value.

A body in which nothing has to change passes as it came. Otherwise the top-level object is taken apart into its keys and
the bytes of their values, the values in question are set, and it is put together again: every other value keeps its
bytes, whatever they are. What was set is said in a response header, never in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from frontdoor.policy.request_json import JsonObject
from frontdoor.refusal import Refused, bad_request
from frontdoor.routes import Route
from slot.bad_json import BAD_JSON

TEMPLATE_KWARGS = "chat_template_kwargs"

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


@dataclass(frozen=True)
class RequestDefaults:
    """What the profile sets in a request. `template_kwargs` is merged under the client's own, key by key.

    `default_output_tokens` applies where the client names no limit, `max_output_tokens` to every limit and to none.
    """

    template_kwargs: dict[str, object] = field(default_factory=dict)
    default_output_tokens: int | None = None
    max_output_tokens: int | None = None

    def limits(self, named: Mapping[str, int], route: Route) -> dict[str, int]:
        """The output limits to set, by field, where the request names these.

        1. Named, and none above the maximum  -> nothing
        2. Named, some above the maximum      -> each of them, not only the first: an engine may read another than we
        3. Not named                          -> the default or the maximum, whichever is smaller
        """
        cap = self.max_output_tokens
        if named:
            return {} if cap is None else {name: cap for name, limit in named.items() if limit > cap}  # 1, 2
        limits = [limit for limit in (self.default_output_tokens, cap) if limit is not None]
        return {route.token_limits[0]: min(limits)} if limits and route.token_limits else {}  # 3

    def missing_kwargs(self, fields: JsonObject, route: Route) -> dict[str, object]:
        """The template arguments that the client did not give."""
        if not self.template_kwargs or not route.takes_template_kwargs:
            return {}
        given = fields.get(TEMPLATE_KWARGS)
        if given is None:
            return self.template_kwargs
        if type(given) is not dict:
            return {}  # the engine refuses it in its own words
        return {key: value for key, value in self.template_kwargs.items() if key not in given}


def rewritten(body: bytes, values: Mapping[str, object], template_kwargs: Mapping[str, object]) -> bytes:
    """The body with these values set, and these template arguments added. `body` was read before, as JSON."""
    try:
        members = _members(body)
        for name, value in values.items():
            members[name] = msgspec.Raw(_encode(value))
        if template_kwargs:
            given = members.get(TEMPLATE_KWARGS)
            own = _members(given) if given is not None and bytes(given) != b"null" else {}
            members[TEMPLATE_KWARGS] = msgspec.Raw(_encode({**template_kwargs, **own}))
        return _encode(members)
    except BAD_JSON:  # half of a surrogate pair in a key: Python's reader takes it, this one does not
        raise Refused(bad_request("the request body has a key that is no text")) from None


def applied(values: Mapping[str, object], template_kwargs: Mapping[str, object]) -> list[str]:
    """What was set, as the response header says it: `max_tokens=2048`, one word for each change."""
    told = [f"{name}={value}" for name, value in values.items()]
    return told + [f"{TEMPLATE_KWARGS}.{key}={_encode(value).decode()}" for key, value in template_kwargs.items()]
