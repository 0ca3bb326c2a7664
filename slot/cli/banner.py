"""What `slotctl up` says when a model is served: where to point a client, and a line to paste."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from slot.address import http_url
from slot.profiles.profile import Profile

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # and how this host reaches it


@dataclass(frozen=True)
class Address:
    """Where the frontdoor listens, and what it asks for. `lan` is this host's address on the LAN, None where nobody
    there can reach it; `key_file` and `certificate` are the files of its keys and its certificate, None: none.
    """

    host: str
    port: int
    lan: str | None = None
    key_file: str | None = None
    certificate: str | None = None

    @property
    def scheme(self) -> str:
        return "http" if self.certificate is None else "https"

    @property
    def near(self) -> str:
        """The name by which this host reaches it."""
        return ANY_ADDRESS.get(self.host, self.host)

    @property
    def url(self) -> str:
        return http_url(self.near, self.port, self.scheme)


def banner(profile: Profile, address: Address, *, context: int | None, simulated: bool) -> list[str]:
    """`context` is what the engine itself says, in tokens; None where it did not."""
    facts = [("base URL", f"{address.url}/v1"), *on_the_lan(address), ("model", profile.served_model_name)]
    if context is not None:
        facts.append(("context", f"{context} tokens"))
    facts.append(("cap", f"{profile.max_active_generations} at once; {what_the_next_gets(profile)}"))
    facts += [("status", f"{address.url}/status"), *what_is_asked_for(address)]
    title = f"Serving {profile.name}: {profile.title}" + (", on a simulated engine" if simulated else "")
    lines = [title, *(f"  {label:<8}  {text}" for label, text in facts)]
    return [*lines, "", *curl(profile, address)]


def what_the_next_gets(profile: Profile) -> str:
    wait_s = float(profile.get("FRONTDOOR_QUEUE_TIMEOUT_S") or 0)
    return f"the next one waits up to {wait_s:g} s" if wait_s else "the next one gets 503 and when to retry"


def on_the_lan(address: Address) -> Iterator[tuple[str, str]]:
    if address.lan is not None:
        yield "on LAN", f"{http_url(address.lan, address.port, address.scheme)}/v1"


def what_is_asked_for(address: Address) -> Iterator[tuple[str, str]]:
    if address.key_file is not None:
        yield "key", f"asked for: any of {address.key_file}; the command below takes it from $KEY"
    if address.certificate is not None:
        yield "TLS", f"clients call it by a name in {address.certificate}; the command below checks none"


def curl(profile: Profile, address: Address) -> list[str]:
    """A command to paste: it streams, or for a pooling model makes one embedding."""
    model = profile.served_model_name
    if profile.runner == "pooling":
        path, body = "embeddings", json.dumps({"model": model, "input": "Hello"})
    else:
        path = "chat/completions"
        messages = [{"role": "user", "content": "Hello, who are you?"}]
        body = json.dumps({"model": model, "stream": True, "messages": messages})
    unchecked = "" if address.certificate is None else " --insecure"
    return [
        f"curl -N{unchecked} {address.url}/v1/{path} \\",
        *(['  -H "Authorization: Bearer $KEY" \\'] if address.key_file is not None else []),
        "  -H 'Content-Type: application/json' \\",
        f"  -d {shlex.quote(body)}",
    ]
