"""What a machine of the tests shall be: the plain data that its owner hands to its guardian."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Hierarchy(StrEnum):
    """Which cgroups the machine sees.

    unified: version 2, as on every current distribution. Which limits act depends on the controllers that the host has
        left to version 2; systemd ignores the others without a word. `Machine.enforces` tells.
    legacy: the version 1 hierarchies, where the host has them. For tests of limits and for nothing else: systemd calls
        itself tainted there, and newer ones than 252 dropped it.
    """

    UNIFIED = "unified"
    LEGACY = "legacy"


@dataclass(frozen=True)
class Plan:
    name: str
    """Its cgroup, host name and the source of its mounts: whoever finds one of them on the host knows what it was."""

    hierarchy: Hierarchy = Hierarchy.UNIFIED

    shown: dict[str, str] = field(default_factory=dict)
    """Directories of the host that are bound read-only: the path inside, and the path outside."""

    disk_mib: int = 512
    """How much may be written to its disk, which is the host's memory."""

    def dumps(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Plan:
        facts = json.loads(text)
        return cls(**facts | {"hierarchy": Hierarchy(facts["hierarchy"])})
