"""The kernel's calls that Python 3.11 has no words for. Each raises OSError, with what was tried and on what.

Decides nothing. Sources: mount(2), unshare(2), setns(2), pivot_root(2), prctl(2), capabilities(7); the numbers are
those of linux/mount.h, linux/sched.h, linux/prctl.h and linux/capability.h, the same on every architecture.
"""

from __future__ import annotations

import ctypes
import enum
import os

_libc = ctypes.CDLL(None, use_errno=True)


class Mount(enum.IntFlag):
    PLAIN = 0x0
    READ_ONLY = 0x1
    NO_SUID = 0x2
    NO_DEVICES = 0x4
    NO_EXEC = 0x8
    REMOUNT = 0x20
    BIND = 0x1000
    RECURSIVE = 0x4000
    PRIVATE = 0x40000
    SHARED = 0x100000


class Namespace(enum.IntFlag):
    MOUNT = 0x20000
    CGROUP = 0x2000000
    UTS = 0x4000000
    IPC = 0x8000000
    PID = 0x20000000
    NETWORK = 0x40000000


class Capability(enum.IntEnum):
    SYS_MODULE = 16
    SYS_RAWIO = 17
    SYS_TIME = 25
    MAC_OVERRIDE = 32
    MAC_ADMIN = 33
    SYSLOG = 34


_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_MNT_DETACH = 2


def mount(kind: str, target: str, flags: Mount = Mount.PLAIN, data: str = "", source: str = "") -> None:
    done = _libc.mount((source or kind).encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _raise_unless(done, f"mount {kind or source} on {target}")


def bind(source: str, target: str) -> None:
    mount("", target, Mount.BIND, source=source)


def make_read_only(target: str) -> None:
    """Only this mount: the file system behind it stays writable for others."""
    mount("", target, Mount.REMOUNT | Mount.BIND | Mount.READ_ONLY, source="none")


def unshare(namespaces: Namespace) -> None:
    _raise_unless(_libc.unshare(ctypes.c_int(namespaces)), f"unshare {namespaces!r}")


def enter(path: str, namespace: Namespace) -> None:
    """Moves the calling thread, and no other, into a namespace of /proc/PID/ns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        _raise_unless(_libc.setns(handle, ctypes.c_int(namespace)), f"setns {path}")
    finally:
        os.close(handle)


def change_root(root: str) -> None:
    """Makes `root`, a mount point, the root of this mount namespace; what was there before is gone from it."""
    os.chdir(root)
    # the old root comes to lie over the new one, and is the topmost that "." means; so no directory is needed for it
    _raise_unless(_libc.pivot_root(b".", b"."), f"pivot_root {root}")
    _raise_unless(_libc.umount2(b".", _MNT_DETACH), "umount the old root")
    os.chdir("/")


def die_with_parent(signal_number: int) -> None:
    _raise_unless(_libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl PR_SET_PDEATHSIG")


def adopt_orphans() -> None:
    """Children of ended children become this process's own, not init's."""
    _raise_unless(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl PR_SET_CHILD_SUBREAPER")


def renounce(capability: Capability) -> None:
    """From the next exec on, neither this process nor what comes of it can have the capability."""
    _raise_unless(_libc.prctl(_PR_CAPBSET_DROP, int(capability), 0, 0, 0), f"prctl PR_CAPBSET_DROP {capability.name}")


def _raise_unless(result: int, attempt: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{attempt}: {os.strerror(number)}")
