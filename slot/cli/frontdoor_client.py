"""One question to a frontdoor on this host, with the patience of a person at a terminal."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 1.0
NOTE = "frontdoor.url"


def get(url: str, path: str) -> tuple[int, bytes] | None:
    """Status code and body; None where nobody answers in time, or it is no HTTP. `url`: http or https, HOST:PORT."""
    connection = _connection(url)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
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
    """Whether a generation that is sent now would be admitted, a full house aside."""
    answer = get(url, "/health")
    return answer is not None and answer[0] == 200


def status(url: str) -> dict[str, Any] | None:
    """The body of `/status`; None where no frontdoor answers, or it asks for a key."""
    answer = get(url, "/status")
    if answer is None or answer[0] != 200:
        return None
    try:
        body = json.loads(answer[1])
    except ValueError:
        return None
    return body if isinstance(body, dict) and "frontdoor" in body else None


def note_url(run_dir: Path, url: str) -> None:
    """Leaves word for `slotctl status` of where this run's frontdoor listens: options may differ from the profile."""
    (run_dir / NOTE).write_text(f"{url}\n")


def noted_url(run_dir: Path) -> str | None:
    try:
        return (run_dir / NOTE).read_text().strip()
    except OSError:
        return None


def forget_url(run_dir: Path) -> None:
    (run_dir / NOTE).unlink(missing_ok=True)
