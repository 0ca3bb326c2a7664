"""What a `Host` header says (RFC 9110, 7.2; RFC 3986, 3.2.2): a name or an address; its port does not matter here.

Stricter than the grammar where only attacks and mistakes use it: no empty name, no empty port, no `%` escapes, no
characters that DNS has not. What a name means, and whether it is ours, is decided in `origin`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

# The longest name (255), a colon and a port; what is longer is no Host, and fills no cache.
MAX_HOST_BYTES = 261

_HOST = re.compile(
    rb"(?:\[([0-9a-f:.]+)(?:%[0-9a-z._~%-]+)?\]|([0-9a-z_-]{1,63}(?:\.[0-9a-z_-]{1,63})*)\.?)(?::([0-9]{1,5}))?",
    re.IGNORECASE,
)


class Host(NamedTuple):
    """A Host, without its port: a name in lower case, without a dot at its end, or an address without its zone."""

    name: str
    is_literal: bool


def parse_host(value: bytes) -> Host | None:
    """What a Host field says, or None where it is malformed."""
    return _parsed(value) if len(value) <= MAX_HOST_BYTES else None


# clients come back with the same Host again and again, and an address takes 3 us to read
@lru_cache(maxsize=1024)
def _parsed(value: bytes) -> Host | None:
    found = _HOST.fullmatch(value.strip(b" \t"))  # llhttp leaves the blanks behind a value in place
    if found is None or int(found[3] or 0) > 65535:
        return None
    if found[1] is None:
        name = found[2].decode().lower()
        return Host(name, _is_address(IPv4Address, name))
    address = found[1].decode().lower()
    return Host(address, True) if _is_address(IPv6Address, address) else None


def _is_address(kind: type[IPv4Address | IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except AddressValueError:
        return False
    return True
