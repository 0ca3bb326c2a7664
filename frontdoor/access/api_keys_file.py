"""Where the API keys come from: the configured file, else systemd's credential `api-keys`, else there are none.

Read at the start and again with every reload; what the text means is decided in `api_keys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from frontdoor.access import secret_file
from frontdoor.access.api_keys import ApiKeys
from frontdoor.bad_settings import BadSettings

SETTING = "FRONTDOOR_API_KEYS_FILE"
CREDENTIAL = "api-keys"


def path_of(configured: Path | None, environment: Mapping[str, str]) -> Path | None:
    """Where keys would be, or None: nowhere. systemd says in `environment` where its credentials are."""
    if configured is not None:
        return configured
    directory = environment.get("CREDENTIALS_DIRECTORY")
    return Path(directory, CREDENTIAL) if directory else None


def load(configured: Path | None, environment: Mapping[str, str]) -> ApiKeys | None:
    """The keys of that file, or None where there is none to read. Raises BadSettings.

    A configured file must be there. A directory of credentials may well hold another secret, and no keys.
    """
    path = path_of(configured, environment)
    if path is None or (configured is None and not _is_there(path)):
        return None
    try:
        text = secret_file.read(path, SETTING).decode()
    except UnicodeDecodeError:
        raise BadSettings([f"{SETTING}: {path} cannot be used: it is not text in UTF-8"]) from None
    return ApiKeys.parse(text, f"{SETTING}: {path}")


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:  # it may be there: reading it tells what is wrong
        return True
    return True
