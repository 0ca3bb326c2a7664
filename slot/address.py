"""How a host and a port are written as a URL."""

from __future__ import annotations


def http_url(host: str, port: int, scheme: str = "http") -> str:
    """Without a slash at the end. An IPv6 address stands in brackets (RFC 3986, 3.2.2)."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
