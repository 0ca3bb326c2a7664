"""Run by a unit before its own program, as its own user and in its own sandbox: says in one JSON line what that may do.

Run as `python within.py PORT DIRECTORY...`. PORT is listened to on 127.0.0.1 and 192.0.2.1, both of this host.
"""

import json
import os
import socket
import sys
import tempfile


def reaches(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def may_write(directory: str) -> bool:
    try:
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return False
    return True


def main() -> None:
    port, *directories = sys.argv[1:]
    status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
    found = {
        "is_root": os.geteuid() == 0,
        "reached": [address for address in ("127.0.0.1", "192.0.2.1") if reaches(address, int(port))],
        "written": [directory for directory in directories if may_write(directory)],
        "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
        "no_new_privileges": status["NoNewPrivs"] == "1",
        "is_filtered": status["Seccomp"] == "2",
        "sees_others": os.path.exists("/proc/1"),
        "devices": sorted(set(os.listdir("/dev")) - {"null", "zero", "full", "random", "urandom", "tty"}),
    }
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
