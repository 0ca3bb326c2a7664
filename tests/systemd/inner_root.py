"""The file system of a machine: the host's own root below, a disk in memory above, and nothing else of the host.

    prepare   once per machine, by its guardian: a mount namespace that the host does not see, the disk, the overlay
    furnish   once per machine, inside of the overlay: away with the host's services, in with the tests' settings
    enter     once per boot, by the process that becomes PID 1: /proc, /sys, /dev, /run and /tmp, then the new root

The overlay is mounted once and kept over reboots, so /etc and /var survive them as on a disk; the rest is mounted by
each boot, so /run does not. Of the host's services none starts: its enabled units, its generators and its journal are
gone in the overlay. It guards against accidents (sysctl and /sys are read-only, there are no disks and no kernel log in
/dev), not against malice: inside it is real root.
"""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from pathlib import Path

from systemd import kernel
from systemd.cgroups import Mounted
from systemd.kernel import Mount, Namespace
from systemd.plan import Hierarchy, Plan

# Where the disk is mounted in the guardian's own namespace: a directory that every distribution has, and that no
# checkout, interpreter or temporary directory lies in. Using one that exists leaves none behind, however it all ends.
_DISK = "/boot"

# What the host may have there is none of the machine's business; it finds these empty.
_CLEARED = (
    *("/etc/systemd/system", "/etc/systemd/system-generators", "/var/log/journal"),
    *("/etc/b70-vllm-slot", "/var/lib/b70-vllm-slot", "/opt/b70-vllm-slot", "/opt/b70-model-slot"),
)

# Vendors' units that need devices, a console or a whole network, and would only fail or wait.
_MASKED = (
    *("getty.target", "systemd-logind.service", "systemd-networkd.service", "systemd-resolved.service"),
    *(
        "systemd-timesyncd.service",
        "systemd-modules-load.service",
        "systemd-binfmt.service",
        "systemd-random-seed.service",
    ),
    *("systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "systemd-firstboot.service"),
    *(
        "proc-sys-fs-binfmt_misc.automount",
        "sys-kernel-debug.mount",
        "sys-kernel-tracing.mount",
        "sys-kernel-config.mount",
    ),
    *("sys-fs-fuse-connections.mount", "dev-hugepages.mount", "dev-mqueue.mount"),
)

_FILES = {
    "/etc/systemd/journald.conf.d/tests.conf": "[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n",
    # a test that forgets TimeoutStopSec= shall not wait for systemd's 90 s
    "/etc/systemd/system.conf.d/tests.conf": "[Manager]\nDefaultTimeoutStopSec=10s\n",
    # where an image for containers has none, systemd takes this for the first boot, and enables all that is installed
    "/etc/machine-id": "{identity}\n",
    "/etc/hostname": "{name}\n",
    "/etc/hosts": "127.0.0.1 localhost {name}\n::1 localhost\n",
}

_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
_QUIET = Mount.NO_SUID | Mount.NO_DEVICES | Mount.NO_EXEC


def prepare(plan: Plan) -> Path:
    """Returns the mounted overlay. Raises OSError where the kernel does not allow it."""
    kernel.unshare(Namespace.MOUNT)
    kernel.mount("", "/", Mount.RECURSIVE | Mount.PRIVATE, source="none")
    kernel.mount("tmpfs", _DISK, data=f"size={plan.disk_mib}m,mode=755", source=plan.name)
    disk = Path(_DISK)
    for name in ("upper", "work", "root"):
        (disk / name).mkdir()
    kernel.mount("overlay", f"{_DISK}/root", data=f"lowerdir=/,upperdir={_DISK}/upper,workdir={_DISK}/work")
    for inside, outside in plan.shown.items():
        if not os.path.isdir(outside):
            raise NotADirectoryError(f"{outside} shall be shown as {inside}, and is no directory")
    return disk / "root"


def furnish(root: Path, plan: Plan) -> None:
    """Called in a process of its own, for it does not come back out of the overlay.

    From outside, an absolute link in the overlay (/opt -> /data/opt, say) would lead to the host's own files, and these
    would be cleared.
    """
    os.chroot(root)
    os.chdir("/")
    for name in _CLEARED:
        shutil.rmtree(name, ignore_errors=True)
    for unit in _MASKED:
        _mask(Path("/etc/systemd/system", unit))
    for generator in Path("/lib/systemd/system-generators").glob("*"):
        _mask(Path("/etc/systemd/system-generators", generator.name))
    for path, text in _FILES.items():
        _write(Path(path), text.format(name=plan.name, identity=uuid.uuid4().hex))
    for inside in plan.shown:
        Path(inside).mkdir(parents=True, exist_ok=True)


def _mask(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/null")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be a link of the host's to somewhere else
    path.write_text(text)


def enter(root: Path, plan: Plan, within: list[Mounted]) -> None:
    """Called as PID 1 in all of its new namespaces."""
    os.umask(0)
    _kernel_interfaces(str(root))
    _cgroups(f"{root}/sys/fs/cgroup", plan.hierarchy, within)
    kernel.make_read_only(f"{root}/sys")
    _devices(root / "dev")
    kernel.mount("tmpfs", f"{root}/run", Mount.NO_SUID | Mount.NO_DEVICES, "mode=755")
    kernel.mount("tmpfs", f"{root}/tmp", Mount.NO_SUID | Mount.NO_DEVICES, "mode=1777")
    for inside, outside in plan.shown.items():
        target = root / inside.lstrip("/")
        if not target.resolve().is_relative_to(root):
            raise NotADirectoryError(f"{inside} leads through an absolute link, and cannot be shown there")
        target.mkdir(parents=True, exist_ok=True)  # below /run and /tmp each boot begins with nothing
        kernel.bind(outside, str(target))
        kernel.make_read_only(str(target))
    os.umask(0o022)
    kernel.change_root(str(root))
    # as systemd does it on a host of its own, and leaves to the container's manager otherwise: it mounts a service's
    # credentials in a namespace beside its own, from where they must reach it
    kernel.mount("", "/", Mount.RECURSIVE | Mount.SHARED, source="none")


def _kernel_interfaces(root: str) -> None:
    kernel.mount("proc", f"{root}/proc", _QUIET)
    kernel.bind(f"{root}/proc/sys", f"{root}/proc/sys")
    kernel.make_read_only(f"{root}/proc/sys")
    if os.path.exists(f"{root}/proc/sysrq-trigger"):
        kernel.bind("/dev/null", f"{root}/proc/sysrq-trigger")
    kernel.mount("sysfs", f"{root}/sys", _QUIET)


def _cgroups(target: str, hierarchy: Hierarchy, within: list[Mounted]) -> None:
    if hierarchy is Hierarchy.UNIFIED:
        kernel.mount("cgroup2", target, _QUIET)
        return
    kernel.mount("tmpfs", target, _QUIET, "mode=755")
    for each in within:
        place = f"{target}/{each.path.name}"
        os.mkdir(place)
        kernel.mount("cgroup" if each.controllers else "cgroup2", place, _QUIET, each.controllers)


def _devices(dev: Path) -> None:
    kernel.mount("tmpfs", str(dev), Mount.NO_SUID, "mode=755")
    for name, (major, minor) in _DEVICES.items():
        os.mknod(dev / name, 0o666 | stat.S_IFCHR, os.makedev(major, minor))
    for name in ("pts", "shm", "mqueue"):
        (dev / name).mkdir(mode=0o755)
    kernel.mount("devpts", f"{dev}/pts", Mount.NO_SUID | Mount.NO_EXEC, "newinstance,ptmxmode=0666,mode=620,gid=5")
    kernel.mount("tmpfs", f"{dev}/shm", Mount.NO_SUID | Mount.NO_DEVICES, "mode=1777")
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        (dev / name).symlink_to(target)
