"""API keys: who holds one, what a route asks for, and whether a request brings it.

Keys are optional: without a file of keys, everybody who can connect may ask. The file has one key to a line,

    # role  name     key
    infer   alice    sk-4f1c...
    admin   monitor  sk-99ab...

and a line that is not so keeps the frontdoor from starting: a key that silently does not count looks like an outage, a
file that silently has none would open the door. Problems are told by their line, never by what stands in it, for the
word in the wrong place may be the key.

A request passes or not:

    1. no keys are configured, or the route is open (/health)   -> passes, without a name
    2. it brings a key of the file                              -> passes, as that key's holder
    3. it brings none                                           -> 401 missing_api_key
    4. it brings others                                         -> 401 invalid_api_key

`infer` may use every route. `admin` may besides see in /status who else is asking; there is no route that changes
anything, so there is none that only an admin may use.

Keys are kept as SHA-256 digests. A given one is compared with every digest, each time in constant time: how long it
takes tells neither how much of a key was right nor whose it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest

from frontdoor.bad_settings import BadSettings
from frontdoor.http.head import Head
from frontdoor.refusal import Reason, Refusal
from frontdoor.routes import Route

# Each costs 0.04 us with every request that brings a key (measured: 1.4 us for one, 11 us for 256).
MAX_KEYS = 256
MIN_KEY_LENGTH = 16

# Shorter than a key may well be: of a line with key and name exchanged, neither may become public.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)
_KEY = re.compile(r"[!-~]{1,512}")
_OPEN = frozenset({"/health"})


class Role(StrEnum):
    INFER = "infer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose key a request brought. The key itself is not in it."""

    name: str
    role: Role


class ApiKeys:
    """The keys that count. Its repr has names only."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[bytes, KeyHolder]) -> None:
        """`keys` by the SHA-256 digest of each."""
        self._keys = tuple(keys.items())

    def __repr__(self) -> str:
        return f"<ApiKeys {', '.join(f'{holder.role} {holder.name}' for _, holder in self._keys)}>"

    def __len__(self) -> int:
        return len(self._keys)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKeys) and self._keys == other._keys

    def __hash__(self) -> int:
        return hash(self._keys)

    @classmethod
    def parse(cls, text: str, where: str) -> ApiKeys:
        """The keys of a file's text. Raises BadSettings with every problem; `where` and the line begin each."""
        keys: dict[bytes, KeyHolder] = {}
        lines: dict[bytes | str, int] = {}  # where a key or a name was given first
        problems = []
        for number, line in enumerate(text.split("\n"), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            problem = _problem(words) or _repeated(words, lines, number)
            if problem is None:
                keys[_digest(words[2].encode())] = KeyHolder(words[1], Role(words[0]))
            else:
                problems.append(f"{where}, line {number}: {problem}")
        if not keys and not problems:
            problems = [f"{where}: found no key in it, expected lines of ROLE NAME KEY"]
        if len(keys) > MAX_KEYS:
            problems.append(f"{where}: found {len(keys)} keys, expected at most {MAX_KEYS}")
        if problems:
            raise BadSettings(problems)
        return cls(keys)

    def judge(self, head: Head) -> KeyHolder | None:
        """Whose key the request brings, as `Authorization: Bearer KEY` or as `x-api-key: KEY`; None: nobody's.

        Two are more than one client sends (Claude Code may): the one in Authorization counts first.
        """
        for key in given_keys(head):
            holder = self._holder(_digest(key))
            if holder is not None:
                return holder
        return None

    def _holder(self, digest: bytes) -> KeyHolder | None:
        found = None
        for known, holder in self._keys:  # all of them, whichever it is
            if compare_digest(known, digest):
                found = holder
        return found


def given_keys(head: Head) -> list[bytes]:
    """The keys that a request brings; the one in Authorization first."""
    bearers, others = [], []
    for name, value in head.fields:
        if name == b"authorization":
            scheme, _, key = value.strip(b" \t").partition(b" ")
            if scheme.lower() == b"bearer":
                bearers.append(key.strip(b" \t"))
        elif name == b"x-api-key":
            others.append(value.strip(b" \t"))
    return [key for key in bearers + others if key]


def needed_role(route: Route) -> Role | None:
    """What a key must be for, where there are keys; None: the route is open, so that a probe needs no secret.

    An admin's key is good for all that an infer key is.
    """
    return None if route.path in _OPEN else Role.INFER


def check(head: Head, route: Route, keys: ApiKeys | None) -> KeyHolder | Refusal | None:
    """The holder of the request's key; a refusal (401); or None: nobody has to say who he is."""
    if keys is None or needed_role(route) is None:  # 1
        return None
    holder = keys.judge(head)
    if holder is not None:  # 2
        return holder
    return _invalid() if given_keys(head) else _missing()  # 4, 3


def sees_clients(holder: KeyHolder | None) -> bool:
    """Whether /status shows who else is asking: to an admin, and to everybody where there are no keys."""
    return holder is None or holder.role is Role.ADMIN


def _digest(key: bytes) -> bytes:
    return sha256(key).digest()


def _problem(words: list[str]) -> str | None:
    if len(words) < 3 or (len(words) > 3 and not words[3].startswith("#")):
        return f"found {len(words)} word{'s' if len(words) > 1 else ''}, expected three: ROLE NAME KEY"
    if words[0] not in tuple(Role):
        return f"found another first word, expected a role: {' or '.join(Role)}"
    if not _NAME.fullmatch(words[1]):
        return "found a second word that is no name, expected 1 to 32 letters, digits, dots, dashes or underscores"
    if len(words[2]) < MIN_KEY_LENGTH:
        return f"found a key of {len(words[2])} characters, expected {MIN_KEY_LENGTH} or more; openssl rand -hex 24"
    if not _KEY.fullmatch(words[2]):
        return "found a key with other characters than printable ASCII, or more than 512 of them"
    return None


def _repeated(words: list[str], lines: dict[bytes | str, int], number: int) -> str | None:
    for what, word in (("name", words[1]), ("key", _digest(words[2].encode()))):
        first = lines.setdefault(word, number)
        if first != number:
            return f"found the {what} of line {first} again, expected one line for each {what}"
    return None


def _missing() -> Refusal:
    return _unauthorized(
        "missing_api_key",
        "this server asks for an API key: send it as `Authorization: Bearer KEY` or `x-api-key: KEY`",
    )


def _invalid() -> Refusal:
    return _unauthorized("invalid_api_key", "the API key is not one of this server's; ask whoever runs it")


def _unauthorized(code: str, message: str) -> Refusal:
    return Refusal(status=401, reason=Reason.UNAUTHORIZED, code=code, message=message)
