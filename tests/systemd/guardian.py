"""The process that keeps one machine: boots it, boots it again, and takes it all away when its owner is gone.

    python -m systemd.guardian PLAN       PLAN: a Plan as JSON; run in the directory above this package

               booted PID              halted
    (begin) ------------> UP ---------------------> DOWN
                          |  ^   by anything else
                          +--+
                     by a reboot, or by SIGKILL: the power was cut, and came back

    UP or DOWN --(standard input ends)--> everything is killed and removed, and the process ends

The words on the arrows are the lines on standard output; PID is the host's number of the machine's PID 1. It takes no
orders but the end of its input, which also comes when the owner is killed; an orderly stop is a signal of the owner to
PID 1 itself, and then the end. Should the guardian be killed, PID 1 dies with it, and with PID 1 all of the machine's
processes and mounts; then empty control groups are left on the host.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from systemd import inner_root, kernel
from systemd.cgroups import Cgroups, Mounted, hierarchies
from systemd.kernel import Capability, Namespace
from systemd.plan import Plan

SYSTEMD = "/lib/systemd/systemd"

NOT_ALLOWED = 77  # the exit code by which test programs say that they were skipped

# `container` keeps systemd from treating disks, swap and consoles as its own. Source: systemd's container interface.
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "container": "tests",
}
_SYSTEMD = (SYSTEMD, "--system", "--unit=multi-user.target", "--log-target=journal", "--show-status=no")
_NAMESPACES = (
    *(Namespace.MOUNT, Namespace.PID, Namespace.NETWORK),
    *(Namespace.UTS, Namespace.IPC, Namespace.CGROUP),
)

# how a PID 1 ends that has called reboot(2) in its own PID namespace. Source: pid_namespaces(7)
_REBOOTED = signal.SIGHUP


def main() -> None:
    plan = Plan.loads(sys.argv[1])
    kernel.adopt_orphans()
    cgroups = Cgroups(plan.name, hierarchies(Path("/proc/self/mounts").read_text(), plan.hierarchy))
    try:
        root = _prepare(plan, cgroups)
        _keep(lambda: _boot(plan, root, cgroups))
    finally:
        cgroups.remove()


def _prepare(plan: Plan, cgroups: Cgroups) -> Path:
    """Ends the process with NOT_ALLOWED where this host lets nobody do such things."""
    try:
        cgroups.make()
        root = inner_root.prepare(plan)
    except OSError as exc:
        if exc.errno not in (errno.EPERM, errno.EACCES, errno.EROFS):
            raise
        sys.stderr.write(f"{exc}\n")
        sys.exit(NOT_ALLOWED)
    _in_a_child(lambda: inner_root.furnish(root, plan))
    return root


def _keep(boot: Callable[[], int]) -> None:
    """Returns when the owner is gone, and the machine with it."""
    while True:
        pid = boot()
        _say(f"booted {pid}")
        if not _ended_before_the_owner(pid):
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if _owner_is_gone(0):
            return
        if by not in (_REBOOTED, signal.SIGKILL):
            _say("halted")
            _owner_is_gone(None)
            return


def _ended_before_the_owner(pid: int) -> bool:
    ended = os.pidfd_open(pid)
    try:
        readable, _, _ = select.select([ended, sys.stdin], [], [])
    finally:
        os.close(ended)
    return ended in readable


def _owner_is_gone(timeout_s: float | None) -> bool:
    return bool(select.select([sys.stdin], [], [], timeout_s)[0])


def _say(event: str) -> None:
    try:
        sys.stdout.write(f"{event}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the owner has just gone: the end of our input says the same, and is heard next
        sys.stdout = open(os.devnull, "w")  # else Python would fail over what it still holds, at the very end


def _boot(plan: Plan, root: Path, cgroups: Cgroups) -> int:
    """Two forks: the first one enters the control groups and new namespaces, the second becomes PID 1 in them.

    The first one has ended before PID 1 goes on, for systemd trips over a process of another PID namespace in its root
    group ("Failed to dump process list"); so PID 1 becomes a child of ours, and its end is ours to wait for.
    """
    hears, says = os.pipe()
    waits, lets_go = os.pipe()
    _in_a_child(
        lambda: _open_namespaces(says, lambda: _become_pid_1(plan, root, cgroups.within, waits, lets_go), cgroups)
    )
    os.write(lets_go, b"go")
    pid = int(os.read(hears, 32))
    for end in (hears, says, waits, lets_go):
        os.close(end)
    return pid


def _open_namespaces(says: int, become_pid_1: Callable[[], NoReturn], cgroups: Cgroups) -> None:
    cgroups.enter()
    for namespace in _NAMESPACES:
        kernel.unshare(namespace)
    pid = os.fork()
    if pid == 0:
        _or_exit(become_pid_1)
    os.write(says, str(pid).encode())


def _become_pid_1(plan: Plan, root: Path, within: list[Mounted], waits: int, lets_go: int) -> NoReturn:
    os.close(lets_go)
    if not os.read(waits, 2):
        raise ChildProcessError("the guardian was gone before the machine had begun")
    kernel.die_with_parent(signal.SIGKILL)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # standard output is the guardian's own, and its end tells the owner something
    inner_root.enter(root, plan, within)
    for capability in Capability:
        kernel.renounce(capability)
    os.execve(SYSTEMD, _SYSTEMD, _ENVIRONMENT)


def _in_a_child(work: Callable[[], object]) -> None:
    """Returns when the child has ended; what it did to its namespaces or root has not happened to this process."""
    child = os.fork()
    if child == 0:
        _or_exit(work)
    if os.waitpid(child, 0)[1] != 0:
        raise ChildProcessError("a step towards the machine has failed: see above")


def _or_exit(work: Callable[[], object]) -> NoReturn:
    """What a forked child does instead of returning into its parent's code."""
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
