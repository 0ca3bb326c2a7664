"""How a command of the host becomes one inside a machine, and what a failed one tells."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

_ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    *("LANG=C.UTF-8", "TERM=dumb", "SYSTEMD_PAGER=cat", "SYSTEMD_COLORS=0"),
)
_NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd")
# setpriv wants a group beside a user, and only inside it is known which
_AS_USER = 'exec setpriv --reuid "$0" --regid "$(id -g "$0")" --init-groups --pdeathsig KILL -- "$@"'


class CommandFailed(subprocess.CalledProcessError):
    """With what it said, for a test's report shows nothing else of it."""

    def __str__(self) -> str:
        return f"{' '.join(self.cmd)}: exit code {self.returncode}\n{self.stdout}{self.stderr}"


def inside(pid: int, argv: Sequence[str], user: str) -> list[str]:
    """The words that run `argv` in all namespaces of the machine whose PID 1 is `pid`, with a clean environment.

    If what runs these words ends, the command inside is killed. `user` is one of the machine's own.
    """
    enter = ["nsenter", "--target", str(pid), *_NAMESPACES, "--", "env", "-i", *_ENVIRONMENT]
    if user == "root":
        return [*enter, "HOME=/root", "setpriv", "--pdeathsig", "KILL", "--", *argv]
    return [*enter, "HOME=/", "sh", "-c", _AS_USER, user, *argv]
