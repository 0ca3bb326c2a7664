"""Where a request's media may come from: images inside the request, and nothing that the engine would have to fetch.

Media are parts of a message's content. Engines look for them in more places than the API says: by key as well as by
`type`, in tool results, in the inputs of embeddings; so every object below the fields that hold content is looked at.
Fields that hold somebody's own JSON (the schema of a tool, the arguments of a call) are not: a tool may well have a
parameter called `image_url`.

A URL is accepted

1. as `data:image/...;base64,`: the image is in the request
2. as http or https to a host that the profile names, compared as a whole and with its port, and with nothing in the
   URL that two parsers may read differently: no user, no backslash, no blank (CVE-2026-24779, CVE-2026-25960)
3. otherwise not: no other host, no `file:`, no `data:video/jpeg` (CVE-2026-5497)

Where a profile allows sound or video by name, the same holds for its URLs, with `audio` and `video` in 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from frontdoor.policy.field_policy import ALLOW_HINT, Denial, denied, over_limit
from frontdoor.policy.request_json import CONTAINERS, JsonObject
from frontdoor.refusal import Refused

_TENSORS = "it carries tensors that the engine would load"
_SOUND = "a small file may become gigabytes of sound"

# The first one that a part has is told.
DENIALS: tuple[Denial, ...] = (
    Denial("prompt_embeds", _TENSORS, ("CVE-2025-62164", "CVE-2026-56340", "PYSEC-2026-2303")),
    Denial("image_embeds", _TENSORS, ("CVE-2025-62164", "CVE-2026-56340")),
    Denial("audio_embeds", _TENSORS, ("CVE-2025-62164", "CVE-2026-56340")),
    Denial("video_embeds", _TENSORS, ("CVE-2025-62164", "CVE-2026-56340")),
    Denial("image_pil", "it stands for an object inside of the engine"),
    Denial("video_url", "a small file may become thousands of images", ("CVE-2026-5497", "CVE-2026-105760")),
    Denial("audio_url", _SOUND),
    Denial("input_audio", _SOUND),
    Denial("file_url", "the engine would have to fetch it", ("CVE-2025-6242",)),
    Denial("uuid", "it names an image in a cache that all clients share"),
)

_URLS = {"image_url": "image", "audio_url": "audio", "video_url": "video"}
_DATA = {
    kind: re.compile(rf"data:{subtype}{{1,64}}(;[a-z0-9=.+-]{{1,64}}){{0,4}};base64,", re.IGNORECASE)
    for kind, subtype in (
        ("image", "image/[a-z0-9.+-]"),
        ("audio", "audio/[a-z0-9.+-]"),
        ("video", "video/(?!jpe?g)[a-z0-9.+-]"),
    )
}
_HTTP = re.compile(r"https?://([a-z0-9.-]{1,253}(?::[0-9]{1,5})?)/[!-\[\]-~]*", re.IGNORECASE)

_TYPES = frozenset(denial.name for denial in DENIALS)
_KEYS = (_TYPES - {"uuid"}) | {"image_url", "source"}

# Somebody's own JSON: schemas, arguments, notes. Nothing below them is media to any engine.
_OPAQUE = frozenset(
    {
        *("tools", "tool", "functions", "tool_calls", "tool_choice", "arguments", "parameters", "input_schema"),
        *("response_format", "structured_outputs", "output_config", "text", "metadata", "chat_template_kwargs"),
    }
)
_OPAQUE_INSIDE = _OPAQUE | {"input"}  # the arguments of a `tool_use`; at the top it is the input of a request


class MediaPolicy:
    """What a profile has left of these rules, built once for each policy. `hosts`: in lower case, with odd ports."""

    def __init__(self, allowed: frozenset[str], hosts: frozenset[str], max_images: int) -> None:
        self._denials = [denial for denial in DENIALS if denial.name not in allowed]
        self._hosts = hosts
        self._max_images = max_images

    def check(self, fields: JsonObject) -> None:
        """Raises Refused (400) for media that are denied, come from elsewhere, or are too many."""
        images = 0
        for part in media_parts(fields):
            trouble = self._trouble(part)
            if trouble is not None:
                name, why = trouble
                raise Refused(denied(name, why, _place(part, fields)))
            images += "image_url" in part or part.get("type") == "image"
            if images > self._max_images:
                raise Refused(over_limit("image_url", f"at most {self._max_images} images in a request"))

    def _trouble(self, part: JsonObject) -> tuple[str, str] | None:
        """The field of a part that is not welcome, and why."""
        for denial in self._denials:
            if part.get(denial.name) is not None or part.get("type") == denial.name:
                return denial.name, denial.why + ALLOW_HINT
        for name, kind, url in _urls(part):
            if url is not None and not self._may_load(kind, url):
                hosts = f" or come from {', '.join(sorted(self._hosts))}" if self._hosts else ""
                return name, f"it must be data:{kind}/...;base64,...{hosts}; this engine fetches nothing else"
        return None

    def _may_load(self, kind: str, url: object) -> bool:
        if type(url) is not str:
            return False
        if _DATA[kind].match(url):  # 1
            return True
        found = _HTTP.fullmatch(url)
        return found is not None and found[1].lower() in self._hosts  # 2 or 3


def media_parts(fields: JsonObject) -> list[JsonObject]:
    """Every object of a request that an engine may take for media."""
    parts = []
    left: list[Any] = []
    for name, value in fields.items():
        if type(value) in CONTAINERS and name not in _OPAQUE:
            left.append(value)
    while left:
        node = left.pop()
        if type(node) is list:
            for child in node:
                if type(child) in CONTAINERS:
                    left.append(child)
            continue
        kind = node.get("type")
        if not _KEYS.isdisjoint(node) or (type(kind) is str and kind in _TYPES):
            parts.append(node)
        for name, value in node.items():
            if type(value) in CONTAINERS and name not in _OPAQUE_INSIDE:
                left.append(value)
    images = fields.get("images")  # Cohere's: URLs without a part around them
    if type(images) is list:
        parts += [{"image_url": url} for url in images]
    return parts


def _urls(part: JsonObject) -> Iterator[tuple[str, str, object]]:
    """The URLs of a part, as (field, kind of media, URL)."""
    for name, kind in _URLS.items():
        given = part.get(name)
        yield name, kind, given.get("url") if type(given) is dict else given
    source = part.get("source")
    if type(source) is dict and part.get("type") == "image":
        # Anthropic's image; the engine makes the same data URL of it
        data = f"data:{source.get('media_type', 'image/jpeg')};base64,"
        yield "source", "image", source.get("url") if source.get("type") == "url" else data


def _place(part: JsonObject, fields: JsonObject) -> str:
    """Where a part is in a request (`messages[3].content[1]`): looked for when a refusal has to say it."""
    left: list[tuple[str, Any]] = [("", fields)]
    while left:
        path, node = left.pop()
        if node is part:
            return path.removeprefix(".")
        if type(node) is dict:
            left.extend([(path + _step(name), value) for name, value in node.items() if type(value) in CONTAINERS])
        else:
            left.extend([(f"{path}[{index}]", value) for index, value in enumerate(node) if type(value) in CONTAINERS])
    return "images"


def _step(name: str) -> str:
    return f".{name[:40]}" if name.isidentifier() else f"[{name[:40]!r}]"
