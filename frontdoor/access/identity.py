"""Whom a request is counted under, for fair shares and for the list of clients in `/status`.

    1. it brought a key                                -> `key:NAME`, the holder's
    2. it names a session in the configured header     -> `session:` and a digest of it
    3. otherwise                                       -> the address

The prefixes keep a client from naming its session like somebody's key. A session's own text is not shown: applications
put in it what they like, a user's name or a token, and `/status` may be read by all. A session is only a claim: where
shares must hold against somebody who makes up a new one each time, give out keys.
"""

from __future__ import annotations

from hashlib import sha256

from frontdoor.access.api_keys import KeyHolder
from frontdoor.http.head import Head

# A longer one is no session's name; it is not worth hashing, and its client is known by its address.
MAX_SESSION_BYTES = 256


def client_of(holder: KeyHolder | None, head: Head, session_header: bytes, address: str) -> str:
    """At most 60 characters of printable ASCII, for addresses that are IP addresses.

    `session_header` in lower case; `address` without a port, empty for a client on a Unix socket.
    """
    if holder is not None:  # 1
        return f"key:{holder.name}"
    session = head.get(session_header)
    if session and len(session) <= MAX_SESSION_BYTES:  # 2
        return f"session:{sha256(session).hexdigest()[:12]}"
    return address.removeprefix("::ffff:") or "local"  # 3: an IPv4 client of an IPv6 socket is still that client
