"""Questions to a frontdoor on this host, with the patience of a person at a terminal.

What it tells of itself is asked for over HTTP; where that wants a key, its control socket (`slot.switch.door`) wants
none: whoever may write to it may know.
"""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 1.0
NOTE = "frontdoor.url"


@dataclass(frozen=True)
class Answer:
    """What was heard at `url`. `body`: that of `/status`, None where it was not told; `wants_key`: that is why."""

    url: str
    body: dict[str, Any] | None = None
    wants_key: bool = False


def get(url: str, path: str) -> tuple[int, bytes]:
    """Status code and body. `url`: http or https, HOST:PORT. Raises OSError, http.client.HTTPException."""
    connection = _connection(url)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme != "https":
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    # A certificate is for the names that clients use, hardly for 127.0.0.1; and nothing secret is sent here.
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S, context=unchecked)


def is_serving(url: str) -> bool:
    """Whether a generation that is sent now would be admitted, a full house aside. No key is asked for this."""
    try:
        return get(url, "/health")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def status(url: str) -> Answer:
    """What the frontdoor tells of itself.

    1. Nobody listens, or nobody answers in time    -> nothing
    2. Something else than HTTP at an http URL      -> once more with TLS: only the unit may know of the certificate
    3. 401                                          -> it wants a key
    4. 200, and a body that is a frontdoor's        -> the body
    """
    try:
        code, text = get(url, "/status")
    except (ConnectionRefusedError, TimeoutError):  # 1
        return Answer(url)
    except (OSError, http.client.HTTPException):  # 2
        return _with_tls(url)
    if code == 401:  # 3
        return Answer(url, wants_key=True)
    return Answer(url, _body(text) if code == 200 else None)  # 4


def _with_tls(url: str) -> Answer:
    scheme, _, where = url.partition("://")
    if scheme == "https":
        return Answer(url)
    answer = status(f"https://{where}")
    return answer if answer.wants_key or answer.body is not None else Answer(url)


def _body(text: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return body if isinstance(body, dict) and "frontdoor" in body else None


def note(run_dir: Path, url: str, control_socket: str | None) -> None:
    """Leaves word for `slotctl status` of where this run's frontdoor is: options may differ from the profile."""
    (run_dir / NOTE).write_text(f"{url}\n{control_socket or ''}\n")


def noted(run_dir: Path) -> tuple[str | None, str | None]:
    """Its URL and its control socket, each None where none was noted."""
    try:
        url, *more = (run_dir / NOTE).read_text().splitlines()
    except (OSError, ValueError):
        return None, None
    return url.strip() or None, (more[0].strip() if more else "") or None


def forget(run_dir: Path) -> None:
    (run_dir / NOTE).unlink(missing_ok=True)
