"""What the exit codes of `slotctl` and `frontdoor` mean: sysexits(3) where it has a word for it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """A unit's `RestartPreventExitStatus=66 71 78` relies on these values, and so may scripts: they never change."""

    OK = 0
    """Done; also a stop that was asked for, by SIGTERM or by Ctrl-C."""

    FAILED = 1
    """It was tried and did not work."""

    USAGE = 2
    """The command line makes no sense (the code that click and argparse use, not sysexits' 64)."""

    NO_INPUT = 66
    """There is no such profile, or no active profile."""

    UNREACHED = 68
    """The model serves, and nobody reaches it: the frontdoor has failed, or stays shut (sysexits' "no host")."""

    UNAVAILABLE = 69
    """What was asked about is not running or cannot be reached."""

    DEVICE = 71
    """A card or its driver failed (sysexits' "operating system error"): nothing may start before it was probed."""

    CANNOT_CREATE = 73
    """Somebody else holds the lock or the port."""

    IO_ERROR = 74
    """Reading or writing a file failed."""

    OVERRULED = 75
    """Somebody else has undone it meanwhile: ask again if it is still wanted (sysexits' "temporary failure")."""

    CONFIG = 78
    """A profile or a setting is bad: starting again cannot help before somebody changes it."""
