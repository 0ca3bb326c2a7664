"""Whether a browser was led here by a page that has no business here: the checks of `Host`, `Origin` and `Sec-Fetch-*`.

Two attacks come through the browser of somebody on the LAN. A page posts to our address (cross-site request), or its
name is made to resolve to our address, so that for the browser we are that page's own server (DNS rebinding). Neither
can forge what the browser says of it: the name that it asked for, and the page that asks. Programs that are no browsers
say neither, and have no reason to lie: they are let through under any name.

A request passes or not, the first that applies:

    1. Host is missing, malformed, twice, or another than the target names  -> 400, whoever sent it
    2. no Origin and no Sec-Fetch-Site: an SDK, curl, a monitor             -> passes
    3. CORS is open to everybody, or to this Origin                         -> passes, under any name
    4. Host is a name that is not ours: rebinding                           -> 403
    5. Origin of no web page (`vscode-webview:`, `app:`, an extension)      -> passes: no page can claim it
    6. Origin of this server, or of the machine in front of the user        -> passes
    7. any other Origin, `null` included: a page from elsewhere             -> 403
    8. no Origin, Sec-Fetch-Site says same-origin or none                   -> passes
    9. no Origin, but somebody follows a link to one of our GETs            -> passes: that page cannot read it
    10. no Origin, embedded by a page from elsewhere                        -> 403

`Sec-Fetch-Mode` alone is no browser: Node's fetch sends it with every request (measured, Node 20), and openai-node and
the AI SDK use that. Whether a key is asked for, and which CORS headers an answer carries, is decided elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname

from frontdoor.http.head import Head
from frontdoor.http.host import Host, parse_host
from frontdoor.refusal import Reason, Refusal, bad_request

_SAID_BY_BROWSERS = frozenset({b"origin", b"sec-fetch-site", b"sec-fetch-mode"})
_ORIGIN = re.compile(rb"([a-z][a-z0-9+.-]*)://(.*)")
_ABSOLUTE = re.compile(r"https?://([^/?]*)", re.IGNORECASE)
# the machine in front of the user: no name of these can be made to lead elsewhere (RFC 6761, 6.3)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """`names`: what this machine is called, in lower case. `allow_origin`: the one origin of CORS, `*`, or None."""

    names: frozenset[str]
    allow_origin: str | None = None

    @classmethod
    def of(cls, own: frozenset[str], allowed_hosts: str | None, allow_origin: str | None) -> OriginPolicy:
        """The machine's own names and the configured ones; these with commas, a port in them does not count."""
        configured = (parse_host(word.encode()) for word in (allowed_hosts or "").split(","))
        return cls(own | {host.name for host in configured if host is not None}, allow_origin)


def check(head: Head, policy: OriginPolicy) -> Refusal | None:
    """Why this request must not pass, or None. 400: its Host is none; 403: a page sent it that has no business here."""
    named = head.get(b"host")
    if named is not None and head.target[:1] == "/" and _SAID_BY_BROWSERS.isdisjoint(head.names()):
        if len(head.names()) == len(head.fields):  # nearly every request, and Host is there once: 1 and 2
            return None if parse_host(named) is not None else _bad_host()
    host = _asked_host(head)  # 1
    if isinstance(host, Refusal):
        return host
    origin, site = head.get(b"origin"), head.get(b"sec-fetch-site")
    if not origin and site is None:  # 2
        return None
    if policy.allow_origin == "*" or (origin and policy.allow_origin == origin.decode("latin-1")):  # 3
        return None
    if host is not None and not _is_ours(host, policy):  # 4
        return _host_refused(host)
    if origin:
        return None if _may_ask(origin, host, policy) else _origin_refused(origin)  # 5, 6, 7
    return None if _may_fetch(head) else _embedding_refused()  # 8, 9, 10


def _asked_host(head: Head) -> Host | Refusal | None:
    """Whom the request is for; None: nobody named, which HTTP/1.0 may do."""
    hosts = head.values(b"host")
    if len(hosts) > 1 or (not hosts and head.minor > 0):
        return bad_request(f"a request has one Host header, and this one has {len(hosts) or 'none'}")
    absolute = _ABSOLUTE.match(head.target)
    if absolute is None and head.target[:1] not in ("/", "*"):
        return bad_request("the request target is neither a path nor an http:// address")
    named = absolute[1].encode("latin-1") if absolute else None
    if named is not None and hosts and named.lower() != hosts[0].strip(b" \t").lower():
        return bad_request("the request target and the Host header name different hosts")
    if named is None and not hosts:
        return None
    return parse_host(hosts[0] if named is None else named) or _bad_host()


def _is_ours(host: Host, policy: OriginPolicy) -> bool:
    return host.is_literal or host.name in policy.names or _is_loopback(host.name)


def _is_loopback(name: str) -> bool:
    return name in _LOOPBACK or name.endswith(".localhost")


def _may_ask(origin: bytes, host: Host | None, policy: OriginPolicy) -> bool:
    found = _ORIGIN.fullmatch(origin.lower())
    if found is None:  # `null`: a sandboxed frame says so, and any page can make one
        return False
    if found[1] not in (b"http", b"https"):  # 5
        return True
    page = parse_host(found[2])  # 6: on whichever port; a user interface beside us has another than we
    return page is not None and (page == host or page.name in policy.names or _is_loopback(page.name))


def _may_fetch(head: Head) -> bool:
    if all(site in (b"same-origin", b"none") for site in head.values(b"sec-fetch-site")):  # 8
        return True
    return head.method in ("GET", "HEAD") and head.values(b"sec-fetch-mode") == [b"navigate"]  # 9


def names_of(hostname: str, hosts: str, resolv: str) -> frozenset[str]:
    """What a machine of this `hostname` is called on its network, by the texts of `/etc/hosts` and `/etc/resolv.conf`.

    Its name, short and full, `.local` (mDNS), each search domain, and what stands beside its name in `hosts`.
    """
    full = hostname.strip().rstrip(".").lower()
    short = full.partition(".")[0]
    if not short:
        return frozenset()
    lines = [line.partition("#")[0].lower().split() for line in hosts.splitlines()]
    beside = {name for line in lines if full in line[1:] or short in line[1:] for name in line[1:]}
    searched = (line.split()[1:] for line in resolv.lower().splitlines() if line.startswith(("search ", "domain ")))
    domains = {domain.strip(".") for line in searched for domain in line} - {""}
    return frozenset({full, short, f"{short}.local"} | beside | {f"{short}.{domain}" for domain in domains})


def own_names() -> frozenset[str]:
    """This machine's names, from its own files: nothing here asks the network, which may not be up yet."""
    return names_of(gethostname(), _text(Path("/etc/hosts")), _text(Path("/etc/resolv.conf")))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # a container without it, or one that must not be read
        return ""


def _bad_host() -> Refusal:
    return bad_request("the Host header is not a host name or address with an optional port")


def _forbidden(code: str, message: str) -> Refusal:
    return Refusal(status=403, reason=Reason.FORBIDDEN, code=code, message=message)


def _host_refused(host: Host) -> Refusal:
    return _forbidden(
        "host_not_allowed",
        f"a browser asked for {host.name}, which is not known as a name of this server; "
        f"if it is one, set FRONTDOOR_ALLOWED_HOSTS={host.name}",
    )


def _origin_refused(origin: bytes) -> Refusal:
    shown = ascii(origin[:100].decode("latin-1"))
    return _forbidden(
        "origin_not_allowed",
        f"a page of {shown} asked, which is not a page of this server; "
        "if it may, set FRONTDOOR_CORS_ALLOW_ORIGIN, or FRONTDOOR_ALLOWED_HOSTS if that host is this machine",
    )


def _embedding_refused() -> Refusal:
    return _forbidden(
        "origin_not_allowed",
        "a page from elsewhere embeds or posts to this server; if it may, set FRONTDOOR_CORS_ALLOW_ORIGIN=*",
    )
