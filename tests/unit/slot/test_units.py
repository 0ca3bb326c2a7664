"""What systemctl says, and that it always has a limit; the real one is asked by the booted tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot import units
from slot.units import Refusal, UnitSight

SHOWN = """\
LoadState=loaded
ActiveState=failed
SubState=failed
Result=exit-code
ExecMainStatus=71
MainPID=0
UnitFileState=enabled
StatusText=card 2: no answer = wedged
"""


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        (SHOWN, UnitSight("loaded", "failed", "failed", "exit-code", 71, 0, "enabled", "card 2: no answer = wedged")),
        (
            "LoadState=not-found\nActiveState=inactive\nSubState=dead\n",
            UnitSight("not-found", "inactive", "dead", "", 0, 0, "", ""),
        ),
        ("", UnitSight("", "", "", "", 0, 0, "", "")),
    ],
)
def test_what_show_says(shown: str, seen: UnitSight) -> None:
    assert units.sight(shown) == seen


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in its place."""
    program = tmp_path / "systemctl"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return program


@pytest.mark.parametrize(
    ("script", "words", "refusal"),
    [
        ("echo done", ("stop", "a"), None),
        ("echo 'Access denied' >&2; exit 1", ("stop", "a"), "Access denied"),
        ("echo 'on stdout'; exit 3", ("is-active", "a"), "on stdout"),
        ("exit 4", ("stop", "a"), "systemctl ended with 4"),
        ("exec sleep 60", ("stop", "a"), "has not answered `systemctl stop a` within 0.2 s"),
        # one that systemd has forgotten has not failed
        ("echo 'Unit a.service not loaded.' >&2; exit 1", ("reset-failed", "a"), None),
        ("echo 'Unit a.service not loaded.' >&2; exit 1", ("stop", "a"), "not loaded"),
    ],
)
def test_a_refusal_has_systemds_own_words(
    systemctl: Path, script: str, words: tuple[str, ...], refusal: str | None
) -> None:
    systemctl.write_text(f"#!/bin/sh\n{script}\n")
    if refusal is None:
        units.run(*words, timeout_s=30.0)
        return
    with pytest.raises(Refusal, match=refusal):
        units.run(*words, timeout_s=0.2 if "sleep" in script else 30.0)


def test_nobody_is_ever_asked_for_a_password(systemctl: Path) -> None:
    systemctl.write_text('#!/bin/sh\necho "$@"\n')
    assert units.run("stop", "a", timeout_s=30.0).split() == ["--no-ask-password", "--no-pager", "stop", "a"]
    with units.start("a.service") as child:
        assert child.args[1:] == ["--no-ask-password", "--no-pager", "start", "--", "a.service"]


def test_without_systemctl_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for call in (lambda: units.look("a"), lambda: units.start("a")):
        with pytest.raises(Refusal, match="no systemctl"):
            call()


def test_the_unit_of_a_switch() -> None:
    assert units.switch_unit("a:force") == "b70-slot-switch@a:force.service"
