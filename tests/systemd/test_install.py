"""`slotctl install`, `upgrade` and `uninstall` on a real systemd: what they do, what they leave alone, who may what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import until
from systemd.bringing import CHECKOUT
from systemd.catalog import A, B, profile
from systemd.command import CommandFailed
from systemd.installed import ACTIVE_PROFILE, DOOR, SLOT, SOCKET, Installed, bring
from systemd.load import Load, Sort, chat
from systemd.machine import Machine

from slot.exit_codes import ExitCode
from slot.units import PREDECESSORS

pytestmark = pytest.mark.systemd

# what an installation may touch; the rest of a running system writes for itself
KEPT = ("/etc", "/usr/local/bin", "/var/lib", "/var/cache", "/run")
NOT_OURS = (
    "/run/systemd",
    "/run/log",
    "/run/dbus",
    "/run/user",
    "/var/lib/systemd",
    "/var/lib/polkit-1",
    "/etc/.pwd.lock",
)
# groups of the cards that no driver's package had made: they belong to the system from then on
ACCOUNT_FILES = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")


@pytest.fixture(scope="module")
def product(machine: Machine, wheel: Path) -> Installed:
    machine.run(["rm", "-rf", "/etc/b70-vllm-slot", "/var/lib/b70-vllm-slot", "/var/lib/b70-slot-switch"])
    return bring(machine, wheel)


@pytest.fixture
def bare(product: Installed) -> Iterator[Installed]:
    """Brought in and not installed, before and after each test."""
    yield product
    product.slotctl("uninstall", "--purge")


def lines_of(installed: Installed, *words: str) -> list[str]:
    return installed.slotctl(*words).stdout.splitlines()


def told(installed: Installed, *words: str) -> list[str]:
    """The deeds that a verb tells of, without what it says while it waits."""
    return [line.removeprefix("would ") for line in lines_of(installed, *words) if not line.startswith((" ", "note:"))]


def everything(machine: Machine) -> dict[str, str]:
    """Path -> what it is, of all that an installation could leave behind."""
    found = machine.run(["find", *KEPT, "-xdev", "-printf", "%y %m %l %s %p\\n"]).stdout.splitlines()
    paths = {line.split(" ")[-1]: line for line in found}
    return {
        path: line if line.startswith("f") else line[0]
        for path, line in paths.items()
        if not path.startswith(NOT_OURS) and Path(path.rstrip("-")).name not in ACCOUNT_FILES
    }


def active(machine: Machine, *units: str) -> list[str]:
    return machine.systemctl("is-active", *units, check=False).stdout.split()


def main_pids(machine: Machine, *units: str) -> list[str]:
    return [machine.show(unit, "MainPID")["MainPID"] for unit in units]


def test_from_nothing_to_serving_and_back_to_nothing(bare: Installed) -> None:
    machine = bare.machine
    before = everything(machine)
    words = ("install", "--profile", A, "--enable", "--start")

    planned = told(bare, *words, "--dry-run")
    assert everything(machine) == before
    assert told(bare, *words) == planned
    bare.until_served(A)  # the frontdoor looks at the slot now and then
    assert bare.slotctl("status", check=False).returncode == 0
    assert machine.systemctl("is-enabled", SLOT, DOOR, SOCKET).stdout.split() == ["enabled"] * 3
    pids = main_pids(machine, SLOT, DOOR)
    installed = everything(machine)

    assert lines_of(bare, *words) == ["nothing to do: it is as it should be"]
    assert json.loads(bare.slotctl(*words, "--json").stdout)["operations"] == []
    assert main_pids(machine, SLOT, DOOR) == pids
    assert {path for path in installed if "b70" in path} == {path for path in everything(machine) if "b70" in path}

    planned = told(bare, "uninstall", "--purge", "--dry-run")
    assert told(bare, "uninstall", "--purge") == planned
    assert everything(machine) == before
    assert active(machine, SLOT, DOOR, SOCKET) == ["inactive"] * 3
    assert machine.run(["getent", "passwd", "b70-slot"], check=False).stdout == ""
    assert machine.run(["getent", "group", "b70-operators"], check=False).stdout == ""
    assert lines_of(bare, "uninstall", "--purge") == ["nothing to do: it is as it should be"]


def test_an_upgrade_costs_no_request_and_leaves_the_slot_alone(bare: Installed) -> None:
    machine = bare.machine
    bare.slotctl("install", "--profile", A, "--start")
    bare.until_served(A)
    slot, door = main_pids(machine, SLOT, DOOR)
    # as an older version may have left it
    machine.run(["sh", "-c", f"echo '# older' >>/etc/systemd/system/{SLOT}"])
    machine.run(["sh", "-c", f"touch {bare.venv}/lib/python3.*/site-packages/frontdoor/app.py"])
    with Load(machine) as load:
        load.until(Sort.OK, 2)
        assert told(bare, "upgrade") == [
            f"write /etc/systemd/system/{SLOT}",
            "systemctl daemon-reload",
            f"{bare.venv}/bin/frontdoor replace",
        ]
        load.until(Sort.OK, 4)
    load.answers.assert_nobody_was_hurt()
    assert load.answers.count(Sort.REFUSED) == 0
    assert main_pids(machine, SLOT, DOOR)[0] == slot
    assert main_pids(machine, SLOT, DOOR)[1] != door
    # the new process runs the program that is there: a second time nothing is touched
    pids = main_pids(machine, SLOT, DOOR)
    assert lines_of(bare, "upgrade") == ["nothing to do: it is as it should be"]
    assert main_pids(machine, SLOT, DOOR) == pids


def test_without_purge_the_data_stays_and_serves_the_next_installation(bare: Installed) -> None:
    machine = bare.machine
    bare.slotctl("install", "--profile", A, "--start")
    # a profile is never changed under a model that serves
    done = bare.slotctl("install", "--profile", B, check=False)
    assert (done.returncode, "slotctl switch" in done.stderr) == (ExitCode.FAILED, True)
    assert bare.active_name() == A
    bare.slotctl("uninstall")
    assert machine.read("/var/lib/b70-vllm-slot/loads.jsonl").count("\n") == 1
    bare.slotctl("install", "--profile", A, "--start")
    assert machine.read("/var/lib/b70-vllm-slot/loads.jsonl").count("\n") == 2


def test_from_a_checkout_in_a_home_that_is_closed_to_all_others(boot: Callable[..., Machine], wheel: Path) -> None:
    """Below /root, mode 0700, with a venv beside it: the sandbox shows these two and nothing else of that home."""
    machine = boot(shown={"/root/checkout": CHECKOUT})
    machine.run(["rm", "-rf", "/etc/b70-vllm-slot"])
    machine.run(["chmod", "700", "/root"])
    machine.write("/root/secret", "not for engines\n")
    venv = machine.bring_in(wheel, "/root/slot")
    slotctl = venv / "bin/slotctl"
    # an editable installation is the checkout's path in place of the packages
    packages = f"{venv}/lib/python3.*/site-packages"
    machine.run(["sh", "-c", f"cd {packages} && rm -r slot frontdoor && echo /root/checkout >checkout.pth"])
    for name in (A, B):
        machine.write(f"/root/profiles/{name}.env", profile(name))
    machine.run(["env", "SLOT_CATALOG_DIR=/root/profiles", slotctl, "install", "--profile", A, "--start"])
    # the unit of the switch, and the command for everybody, know that catalog from then on
    machine.run(["/usr/local/bin/slotctl", "switch", B])
    until(lambda: chat(machine).model == B or None, lambda: "an answer through port 8000")
    for pid in main_pids(machine, SLOT, DOOR):
        assert set(machine.run(["ls", f"/proc/{pid}/root/root"]).stdout.split()) <= {"checkout", "slot", "profiles"}
    assert machine.run([slotctl, "upgrade"]).stdout == "nothing to do: it is as it should be\n"
    machine.run([slotctl, "uninstall", "--purge"])


def test_as_a_login_user_at_another_port(bare: Installed) -> None:
    machine = bare.machine
    machine.run(["useradd", "--create-home", "steve"])
    bare.slotctl("install", "--profile", A, "--start", "--user", "steve", "--port", "8123")
    machine.connect(8123).close()
    with pytest.raises(ConnectionRefusedError):
        machine.connect(8000).close()
    [slot] = main_pids(machine, SLOT)
    assert machine.run(["stat", "-c", "%U", f"/proc/{slot}"]).stdout == "steve\n"
    # user and port are remembered
    assert lines_of(bare, "upgrade") == ["nothing to do: it is as it should be"]
    assert lines_of(bare, "install", "--profile", A)[-1] == "nothing to do: it is as it should be"
    bare.slotctl("uninstall", "--purge")
    assert machine.run(["id", "-un", "steve"]).stdout == "steve\n"
    machine.run(["userdel", "--remove", "steve"])


def test_the_predecessors_services_give_way_and_stay_away(bare: Installed) -> None:
    machine = bare.machine
    for unit in PREDECESSORS:
        service = "[Service]\nExecStart=sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
        machine.write(f"/etc/systemd/system/{unit}", service)
    machine.systemctl("daemon-reload")
    machine.systemctl("enable", "--now", *PREDECESSORS)
    bare.slotctl("install", "--profile", A, "--start")
    assert machine.systemctl("is-enabled", *PREDECESSORS, check=False).stdout.split() == ["disabled"] * 2
    assert active(machine, *PREDECESSORS, SLOT, DOOR) == ["inactive"] * 2 + ["active"] * 2
    # nobody ever runs both: the one that is started takes the cards from the other
    machine.systemctl("start", PREDECESSORS[0])
    assert active(machine, PREDECESSORS[0], SLOT) == ["active", "inactive"]
    for unit in PREDECESSORS:
        machine.systemctl("stop", unit)
        machine.run(["rm", f"/etc/systemd/system/{unit}"])
    machine.systemctl("daemon-reload")


def test_operators_may_switch_and_nothing_else(bare: Installed, require: Callable[[object, str], None]) -> None:
    machine = bare.machine
    polkit = machine.run(["systemctl", "cat", "polkit.service"], check=False).returncode == 0
    require(polkit, "no polkit.service (Debian package polkitd)")
    bare.slotctl("install", "--profile", A, "--start")
    machine.run(["useradd", "--groups", "b70-operators", "olga"])
    machine.run(["useradd", "otto"])

    def may(user: str, *words: str) -> bool:
        return machine.run(["systemctl", "--no-ask-password", *words], user=user, check=False).returncode == 0

    try:
        assert may("olga", "restart", DOOR)
        assert may("olga", "stop", SLOT)
        assert may("olga", "start", SLOT)
        assert machine.run(["ls", "/var/lib/b70-vllm-slot/incidents"], user="olga", check=False).returncode == 0
        assert machine.run(["ls", "/var/lib/b70-vllm-slot/incidents"], user="otto", check=False).returncode != 0
        assert not may("olga", "stop", "dbus.service")
        assert not may("olga", "enable", SLOT)
        assert not may("olga", "start", "b70-slot-switch@..service")
        assert not may("otto", "restart", DOOR)
        assert not may("otto", "start", f"b70-slot-switch@{B}.service")
        assert machine.run(["/usr/local/bin/slotctl", "switch", B], user="olga", check=False).returncode == 0
        assert bare.active_name() == B
        # the control socket is theirs as well; and who is nobody in particular may look
        machine.run([bare.venv / "bin/frontdoor", "pause", "olga looks"], user="olga")
        machine.run([bare.venv / "bin/frontdoor", "resume"], user="olga")
        with pytest.raises(CommandFailed):
            machine.run([bare.venv / "bin/frontdoor", "pause"], user="otto")
        assert json.loads(machine.run(["/usr/local/bin/slotctl", "status", "--json"], user="otto").stdout)
    finally:
        machine.run(["userdel", "olga"])
        machine.run(["userdel", "otto"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--profile", "nobody"], ExitCode.NO_INPUT, "slotctl list"),
        (["--start"], ExitCode.NO_INPUT, "--profile NAME"),
        (["--profile", A, "--user", "nobody-here"], ExitCode.USAGE, "no user nobody-here"),
        (["--profile", A, "--user", "root"], ExitCode.USAGE, "never as root"),
        (["--profile", "b70-common"], ExitCode.CONFIG, "only there to be extended"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_done(
    product: Installed, words: list[str], code: ExitCode, said: str
) -> None:
    before = everything(product.machine)
    done = product.slotctl("install", *words, check=False)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert everything(product.machine) == before


def test_the_predecessors_active_profile_is_not_taken_for_one_of_ours(product: Installed) -> None:
    product.machine.write(ACTIVE_PROFILE, 'MODEL_DIR="${MODEL_DIR:-/mnt/models/minimax}"\n')
    done = product.slotctl("install", "--start", check=False)
    product.machine.run(["rm", "-r", str(Path(ACTIVE_PROFILE).parent)])
    assert (done.returncode, "--profile NAME" in done.stderr) == (ExitCode.CONFIG, True), done.stderr


def test_nobody_is_asked_for_a_password(product: Installed) -> None:
    done = product.slotctl("install", "--profile", A, check=False, user="nobody")
    assert done.returncode == ExitCode.FAILED
    assert f"sudo {product.venv}/bin/slotctl install --profile {A}" in done.stderr


def test_a_slot_that_does_not_start_tells_why_by_its_own_code(bare: Installed) -> None:
    done = bare.slotctl("install", "--profile", "sim-bad", "--start", check=False)
    assert done.returncode == ExitCode.CONFIG, done.stderr
    assert "slotctl status" in done.stderr
    assert bare.machine.read(ACTIVE_PROFILE)
