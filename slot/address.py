"""How a host and a port are written as a URL, and which of them are this machine's alone."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from functools import lru_cache
from urllib.parse import urlsplit


def http_url(host: str, port: int, scheme: str = "http") -> str:
    """Without a slash at the end. An IPv6 address stands in brackets (RFC 3986, 3.2.2)."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@lru_cache(maxsize=64)  # asked for every request
def on_loopback(url: str) -> tuple[str, int] | None:
    """Host and port of an `http://` address of this machine alone, in the spelling of `http_url`; None: any other."""
    with suppress(ValueError):
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
        if is_loopback and port is not None and url == http_url(host, port):
            return host, port
    return None
