"""What people see: colours at a terminal and nowhere else, help with examples, completion."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from slot.cli.app import OF_THE_UNITS, VERBS

ESCAPE = "\x1b["
LIMIT_S = 0.3


def at_a_terminal(place: Any, *argv: str, until: str | None = None) -> str:
    """What a command writes to a terminal; with `until`, it gets Ctrl-C as soon as that is seen."""
    pid, terminal = pty.fork()
    if pid == 0:
        words = place.words(argv)
        os.execve(words[0], words, {**place.environment, "TERM": "xterm-256color"})
    written = b""
    deadline = time.monotonic() + 30
    try:
        while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                written += os.read(terminal, 65536)
            except OSError:
                break  # the terminal's other side is closed
            if until is not None and until in written.decode(errors="replace"):
                os.write(terminal, b"\x03")
                until = None
    finally:
        os.close(terminal)
        if time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return written.decode(errors="replace")


def test_statuses_are_coloured_at_a_terminal(place: Any) -> None:
    place.write("bad", "MODEL_SLOT_NAME=bad\n")
    assert ESCAPE in at_a_terminal(place, "list")
    assert ESCAPE in at_a_terminal(place, "check", "quick")


@pytest.mark.parametrize("argv", [("list",), ("show", "quick"), ("check", "quick"), ("status",)])
def test_no_color_and_pipes_are_plain(place: Any, argv: tuple[str, ...]) -> None:
    assert ESCAPE not in place.run(*argv).stdout
    place.environment["NO_COLOR"] = "1"
    assert ESCAPE not in at_a_terminal(place, *argv)


def test_a_load_is_a_bar_and_ctrl_c_is_a_stop(place: Any) -> None:
    text = at_a_terminal(place, "up", "quick", *place.ports, until="Ctrl-C stops it")
    assert "━" in text
    assert "curl -N" in text
    assert text.rstrip().endswith("stopped")


def test_a_status_is_watched_until_ctrl_c(place: Any) -> None:
    text = at_a_terminal(place, "status", "--watch", until="Ctrl-C leaves")
    assert "slot       none" in text
    assert "Traceback" not in text


def test_a_watched_status_is_an_object_a_line_for_programs(place: Any) -> None:
    running = place.start("status", "--watch", "--json")
    running.until_said(r"(?s)\n.*\n")
    running.interrupt()
    assert running.exit_code() == 0
    first, second = running.output.splitlines()[:2]
    assert json.loads(first)["serving"] is json.loads(second)["serving"] is False


def test_a_log_of_a_watched_status_has_no_escapes_and_no_repetition(place: Any) -> None:
    running = place.start("status", "--watch")
    running.until_said(r"slot       none")
    place.serving("quick")
    running.until_said(r"slot       serving  quick")
    running.interrupt()
    assert running.exit_code() == 0
    assert ESCAPE not in running.output
    assert len(re.findall(r"slot       serving  quick", running.output)) == 1
    place.running[-1].interrupt()
    assert place.running[-1].exit_code() == 0


@pytest.mark.parametrize("verb", [*VERBS, *OF_THE_UNITS])
def test_each_verb_has_help_with_an_example(place: Any, verb: str) -> None:
    done = place.run(verb, "--help")
    assert done.returncode == 0
    assert re.search(rf"(?m)^  Example:\n    slotctl {verb}", done.stdout)


def complete(place: Any, line: str) -> list[str]:
    words = {"_SLOTCTL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    done = subprocess.run(
        place.words(()), env={**place.environment, **words}, capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout.split()


def test_names_of_profiles_complete(place: Any) -> None:
    assert complete(place, "slotctl show qu") == ["quick"]
    assert complete(place, "slotctl up ") == ["quick"]
    assert complete(place, "slotctl check no") == []
    assert set(VERBS) <= set(complete(place, "slotctl "))


def test_completion_can_be_shown_for_the_shells(place: Any) -> None:
    for shell in ("bash", "zsh", "fish"):
        done = place.run("--show-completion", shell)
        assert (done.returncode, "slotctl" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize(
    ("argv", "heavy"),
    [
        (("--help",), "slot.profiles slot.doctor slot.supervisor slot.simulator rich asyncio aiohttp"),
        (("list",), "slot.doctor slot.supervisor slot.simulator asyncio aiohttp"),
        (("show", "quick"), "slot.doctor slot.supervisor slot.simulator rich asyncio aiohttp"),
        (("check", "quick"), "slot.doctor slot.supervisor slot.simulator rich asyncio aiohttp"),
        (("check", "quick", "--here"), "slot.supervisor rich asyncio aiohttp"),
        (("status",), "slot.supervisor slot.simulator rich asyncio aiohttp"),
        (("history",), "slot.supervisor slot.simulator slot.doctor rich asyncio aiohttp"),
        (("switch", "quick"), "slot.supervisor slot.simulator slot.doctor asyncio aiohttp"),
        (("pause",), "slot.supervisor slot.simulator rich asyncio aiohttp"),
        (("logs",), "slot.supervisor slot.simulator slot.doctor slot.profiles rich asyncio aiohttp"),
    ],
)
def test_a_verb_imports_only_what_it_needs(place: Any, argv: tuple[str, ...], heavy: str) -> None:
    words = [sys.executable, "-X", "importtime", *place.words(argv)[1:]]
    done = subprocess.run(words, env=place.environment, capture_output=True, text=True, timeout=30, check=False)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "slot.cli.app" in imported
    assert not imported & set(heavy.split())


@pytest.mark.parametrize(
    "argv",
    [
        ("list",),
        ("show", "sim"),
        ("check", "sim"),
        ("check", "sim", "--here"),
        ("status",),
        ("history",),
        ("switch", "sim", "--plan"),
        ("recover",),
    ],
)
def test_each_verb_answers_at_once(place: Any, argv: tuple[str, ...]) -> None:
    """The best of five by CPU time: the machine that runs the tests has other work too."""
    place.use_shipped_catalog()

    def cpu_s() -> float:
        before = os.times()
        place.run(*argv)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(cpu_s() for _ in range(5)) < LIMIT_S
