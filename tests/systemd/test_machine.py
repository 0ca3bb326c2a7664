"""The machine itself: that it is a real one, that it is alone, and that it leaves nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import create_connection, create_server

import pytest
from processes import Family, until
from systemd.cgroups import Mounted, hierarchies
from systemd.command import CommandFailed
from systemd.guarded import MachineError
from systemd.guardian import NOT_ALLOWED
from systemd.machine import Machine
from systemd.plan import Hierarchy, Plan
from systemd.requirements import why_not

pytestmark = pytest.mark.systemd

Boot = Callable[..., Machine]

SHELL_SERVICE = "[Unit]\n{unit}\n[Service]\n{service}\n[Install]\nWantedBy=multi-user.target\n"


def install(machine: Machine, name: str, *service: str, unit: str = "") -> None:
    text = SHELL_SERVICE.format(unit=unit, service="\n".join(service))
    machine.write(f"/etc/systemd/system/{name}.service", text)
    machine.systemctl("daemon-reload")


def said_by(machine: Machine, unit: str) -> list[str]:
    return [entry["MESSAGE"] for entry in machine.journal(unit) if entry["_COMM"] != "systemd"]


def on_the_host(name: str) -> list[str]:
    """Whatever of a machine can be seen from outside, apart from its processes."""
    groups = [str(group) for group in Path("/sys/fs/cgroup").rglob("b70-test-*") if group.name == name]
    return groups + [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if name in line]


@contextlib.contextmanager
def nothing_left_of(machine: Machine) -> Iterator[None]:
    """Of a machine that is up now, and shall be gone in the end."""
    family = Family()
    family.remember(machine.pid)
    assert len(family) >= 2  # the journal, and at least one service
    # of its mounts not one is seen even now
    assert all(seen.startswith("/sys/fs/cgroup") for seen in on_the_host(machine.name))
    yield
    family.until_nothing_is_left()
    assert on_the_host(machine.name) == []


def test_its_first_process_is_systemd(machine: Machine) -> None:
    assert machine.run(["cat", "/proc/1/comm"]).stdout == "systemd\n"
    assert machine.systemctl("is-system-running").stdout.strip() in ("running", "degraded")
    assert machine.systemctl("is-active", "multi-user.target", "dbus.socket").stdout.split() == ["active", "active"]


@pytest.mark.parametrize("end", [Machine.stop, Machine.__exit__], ids=["stopped", "left"])
def test_it_leaves_nothing_behind(boot: Boot, end: Callable[[Machine], None]) -> None:
    machine = boot()
    install(machine, "stays", "ExecStart=sleep infinity")
    machine.systemctl("start", "stays")
    with nothing_left_of(machine):
        end(machine)
    with pytest.raises(MachineError, match="is off"):
        machine.run(["true"])


def test_a_unit_that_will_not_stop_does_not_keep_it(boot: Boot) -> None:
    machine = boot()
    install(machine, "stubborn", "ExecStart=sh -c 'trap : TERM; while :; do sleep 1; done'", "TimeoutStopSec=infinity")
    machine.systemctl("start", "stubborn")
    with nothing_left_of(machine):
        machine.stop(grace_s=0.5)


def test_two_at_once_share_nothing(boot: Boot) -> None:
    one, other = boot(), boot()
    (one.root / "etc/mark").touch()
    (one.root / "tmp/mark").touch()
    assert not list(other.root.glob("*/mark"))
    assert not Path("/etc/mark").exists()
    with (
        one.in_network(lambda: create_server(("127.0.0.1", 8000))),
        other.in_network(lambda: create_server(("127.0.0.1", 8000))),
    ):
        one.connect(8000).close()
        other.connect(8000).close()


def test_start_returns_when_the_unit_says_that_it_is_ready(machine: Machine) -> None:
    script = "systemd-notify STATUS=loading; while [ ! -e /run/go ]; do sleep .01; done; systemd-notify --ready"
    install(machine, "notifies", "Type=notify", "NotifyAccess=all", f"ExecStart=sh -c '{script}; sleep infinity'")
    start = subprocess.Popen(machine.command(["systemctl", "start", "notifies"]))
    machine.wait_for("notifies", ActiveState="activating", StatusText="loading")
    assert start.poll() is None
    (machine.root / "run/go").touch()
    assert start.wait(timeout=30) == 0
    assert machine.show("notifies", "ActiveState", "Type") == {"ActiveState": "active", "Type": "notify"}
    machine.systemctl("stop", "notifies")


def comes_back(machine: Machine, again: Callable[[Machine], None]) -> None:
    install(machine, "enabled", "ExecStart=sh -c 'echo began; exec sleep infinity'")
    install(machine, "not-enabled", "ExecStart=sleep infinity")
    machine.systemctl("enable", "enabled")
    machine.systemctl("start", "enabled", "not-enabled")
    for place in ("etc", "var/lib", "run", "tmp"):
        (machine.root / place / "mark").write_text("written before")
    before = machine.pid
    again(machine)
    assert machine.pid != before
    assert [machine.show(unit, "ActiveState")["ActiveState"] for unit in ("enabled", "not-enabled")] == [
        "active",
        "inactive",
    ]
    assert sorted(str(mark.relative_to(machine.root)) for mark in (machine.root).glob("*/mark")) == ["etc/mark"]
    assert (machine.root / "var/lib/mark").read_text() == "written before"
    assert said_by(machine, "enabled") == ["began"]  # the first boot's journal was in /run


def reboots_itself(machine: Machine) -> None:
    machine.systemctl("reboot", "--force")
    machine.until_booted()


@pytest.mark.parametrize("again", [Machine.reboot, Machine.cut_power, reboots_itself])
def test_a_boot_keeps_the_disk_and_loses_the_rest(boot: Boot, again: Callable[[Machine], None]) -> None:
    comes_back(boot(), again)


def test_a_units_journal_is_complete_and_readable(machine: Machine) -> None:
    install(machine, "talks", "Type=oneshot", r"ExecStart=printf 'plain\n\033[1mbold\033[0m\nlast\n'")
    machine.systemctl("start", "talks")
    assert said_by(machine, "talks") == ["plain", "\x1b[1mbold\x1b[0m", "last"]
    assert any("Finished talks.service" in entry["MESSAGE"] for entry in machine.journal("talks"))


def test_a_failed_command_tells_what_it_said(machine: Machine) -> None:
    with pytest.raises(CommandFailed, match=r"(?s)cat /nowhere: exit code 1\n.*No such file"):
        machine.run(["cat", "/nowhere"])
    assert machine.run(["false"], check=False).returncode == 1
    assert machine.run(["cat"], stdin="heard").stdout == "heard"


def test_a_command_has_a_clean_environment(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOT_RUN_DIR", "/elsewhere")
    names = {line.partition("=")[0] for line in machine.run(["env"]).stdout.splitlines()}
    assert names <= {"PATH", "LANG", "TERM", "HOME", "SYSTEMD_PAGER", "SYSTEMD_COLORS"}


def test_a_command_that_takes_too_long_is_killed_in_there(machine: Machine) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        machine.run(["sleep", "4321"], timeout=0.2)
    running = ["sh", "-c", "cat /proc/[0-9]*/cmdline"]
    until(
        lambda: "sleep\0004321" not in machine.run(running, check=False).stdout or None, lambda: "the end of the sleep"
    )


def test_what_is_shown_is_read_only_and_live(boot: Boot, tmp_path: Path) -> None:
    machine = boot(shown={"/tmp/shown": tmp_path, "/opt/shown": tmp_path})
    (tmp_path / "later").touch()
    for _ in range(2):
        assert machine.run(["ls", "/tmp/shown", "/opt/shown"]).stdout.split().count("later") == 2
        assert "Read-only" in machine.run(["touch", "/opt/shown/mine"], check=False).stderr
        machine.reboot()


def test_the_host_is_out_of_reach(machine: Machine) -> None:
    for path in ("/proc/sys/kernel/domainname", "/sys/kernel/mm/transparent_hugepage/enabled"):
        assert "Read-only" in machine.run(["sh", "-c", f"echo x >{path}"], check=False).stderr
    devices = {device.name for device in (machine.root / "dev").iterdir() if device.is_block_device()}
    assert devices == set()
    assert not (machine.root / "dev/kmsg").exists()


def test_its_network_is_its_own(machine: Machine) -> None:
    with machine.in_network(lambda: create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        machine.connect(port).close()
        machine.run(["bash", "-c", f": </dev/tcp/127.0.0.1/{port}"])
        with pytest.raises(ConnectionRefusedError):
            create_connection(("127.0.0.1", port), 5)


@pytest.mark.parametrize(
    ("rules", "result"), [([], "success"), (["IPAddressDeny=any"], "exit-code")], ids=["without", "with"]
)
def test_an_address_that_is_denied_cannot_be_reached(machine: Machine, rules: list[str], result: str) -> None:
    with machine.in_network(lambda: create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        connect = f"ExecStart=timeout 1 bash -c ': </dev/tcp/127.0.0.1/{port}'"
        install(machine, "connects", "Type=oneshot", "RemainAfterExit=yes", *rules, connect)
        machine.systemctl("start", "connects", check=False)
        assert machine.show("connects", "Result") == {"Result": result}
        machine.systemctl("stop", "connects")


def test_a_service_reads_its_credentials(machine: Machine) -> None:
    machine.write("/etc/secret", "a word\n", mode=0o600)
    install(
        machine, "reader", "Type=oneshot", "DynamicUser=yes", "LoadCredential=it:/etc/secret", "ExecStart=cat %d/it"
    )
    machine.systemctl("start", "reader")
    assert said_by(machine, "reader") == ["a word"]


def test_limits_act_where_it_says_so(boot: Boot) -> None:
    """Both ways: a machine that does not enforce a limit must not say that it does."""
    for machine in [boot(hierarchy=hierarchy) for hierarchy in Hierarchy if not why_not(hierarchy)] or [boot()]:
        hungry = "ExecStart=sh -c 'head -c 80M /dev/zero | tail >/dev/null'"
        install(machine, "greedy", "Type=oneshot", "MemoryMax=20M", "MemorySwapMax=0", hungry)
        machine.systemctl("start", "greedy", check=False)
        assert (machine.show("greedy", "Result")["Result"] != "success") == machine.enforces("memory")


OWNER = """
import sys
from systemd.machine import Machine
machine = Machine()
machine.start()
print(machine.name, flush=True)
sys.stdin.read()
"""


def test_it_goes_with_its_owner_however_that_dies(boot: Boot) -> None:
    boot().stop()  # for where none can boot
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout
        name = owner.stdout.readline().strip()
        family = Family()
        family.remember(owner.pid)
        assert len(family) >= 3
        assert on_the_host(name)
        owner.send_signal(signal.SIGKILL)
    family.until_nothing_is_left()
    until(lambda: True if not on_the_host(name) else None, lambda: f"the end of {on_the_host(name)}")


def test_a_machine_that_cannot_boot_says_why(boot: Boot) -> None:
    boot().stop()
    machine = Machine(shown={"/opt/x": Path("/no/such/directory")})
    with pytest.raises(MachineError, match="/no/such/directory shall be shown as /opt/x, and is no directory"):
        machine.start()
    assert on_the_host(machine.name) == []


def test_a_host_that_does_not_allow_it_is_told_from_a_fault(boot: Boot) -> None:
    boot().stop()
    plan = Plan(f"b70-test-{os.getpid()}-not-allowed")
    less = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all", "--"]
    guardian = [sys.executable, "-m", "systemd.guardian", plan.dumps()]
    tests = Path(__file__).parents[1]
    done = subprocess.run([*less, *guardian], cwd=tests, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (NOT_ALLOWED, "")
    assert "Operation not permitted" in done.stderr
    assert on_the_host(plan.name) == []


def test_a_boot_that_takes_too_long_is_given_up(boot: Boot) -> None:
    boot().stop()
    machine = Machine()
    began = time.monotonic()
    with pytest.raises(MachineError, match="has not booted within 0 s"):
        machine.start(patience_s=0.0)
    assert on_the_host(machine.name) == []
    assert time.monotonic() - began < 20


MOUNTS_OF_BOTH = """\
tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,nosuid,nodev,noexec,relatime,memory 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,xattr,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
"""
UNIFIED = Mounted(Path("/sys/fs/cgroup/unified"))


@pytest.mark.parametrize(
    ("mounts", "wanted", "found"),
    [
        ("", Hierarchy.UNIFIED, []),
        ("", Hierarchy.LEGACY, []),
        ("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0", Hierarchy.UNIFIED, [Mounted(Path("/sys/fs/cgroup"))]),
        ("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0", Hierarchy.LEGACY, []),
        (MOUNTS_OF_BOTH, Hierarchy.UNIFIED, [UNIFIED]),
        (
            MOUNTS_OF_BOTH,
            Hierarchy.LEGACY,
            [
                Mounted(Path("/sys/fs/cgroup/cpu,cpuacct"), "cpu,cpuacct"),
                Mounted(Path("/sys/fs/cgroup/memory"), "memory"),
                Mounted(Path("/sys/fs/cgroup/systemd"), "name=systemd"),
                UNIFIED,
            ],
        ),
    ],
)
def test_the_hosts_cgroups_are_read_from_its_mounts(mounts: str, wanted: Hierarchy, found: list[Mounted]) -> None:
    assert hierarchies(mounts, wanted) == found
