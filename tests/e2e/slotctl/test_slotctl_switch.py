"""`slotctl switch` and its kin where they refuse, or only tell. Where units are started is tests/systemd."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from switch_records import record

from slot.switch import history
from slot.switch.journal import Desk
from slot.switch.steps import Outcome

REJECTED = """\
MODEL_SLOT_NAME=rejected
MODEL_SLOT_HF_ID=simulated/x
MODEL_SLOT_ENGINE=simulator
MODEL_SLOT_STATUS=rejected-device-lost
MODEL_SLOT_STATUS_REASON="it lost a card"
SERVE_MAX_NUM_SEQS=1
"""


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("switch", "nothing"), 66, "no profile named 'nothing'"),
        (("switch", "Not:A:Name"), 2, "not a profile's name"),
        (("switch",), 2, "Missing argument 'NAME'"),
        (("switch", "quick", "--drain-timeout", "-1"), 2, "--drain-timeout"),
        (("switch", "rejected"), 78, "it lost a card"),
        (("switch", "rejected", "--plan"), 78, "it lost a card"),
        (("switch", "bad"), 78, "the profile is bad"),
        (("switch", "quick"), 69, "do  "),
        (("switch", "rejected", "--allow-unproven"), 69, "do  "),
        (("restart",), 66, "no profile is active"),
        (("rollback",), 66, "there is nothing to go back to"),
        (("logs", "engine"), 2, "no part of the slot: 'engine'"),
        (("switch-now", "quick:sudo"), 2, "not a request: found 'sudo'"),
    ],
)
def test_what_cannot_be_is_refused_with_a_code(place: Any, argv: tuple[str, ...], code: int, said: str) -> None:
    place.write("rejected", REJECTED)
    place.write("bad", "MODEL_SLOT_NAME=bad\nSERVE_MAX_MODEL_LEN=many\n")
    done = place.run(*argv)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in done.stderr + done.stdout


def test_a_plan_tells_and_does_nothing(place: Any) -> None:
    done = place.run("switch", "quick", "--plan", "--json", "--force", "--drain-timeout", "60")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["from"], plan["to"], plan["may_begin"], plan["drain_timeout_s"]) == (None, "quick", True, 60)
    assert plan["steps"][0] == "check"
    assert plan["weights_bytes"] is None and plan["available_bytes"] > 2**20
    in_words = place.run("switch", "quick", "--plan")
    assert "(nothing) -> quick" in in_words.stdout
    assert not place.active_profile.exists()
    assert not place.run_dir.exists()


def test_the_history_is_told_and_gone_back_in(place: Any) -> None:
    assert place.run("history").stdout == "no switch so far\n"
    assert json.loads(place.run("history", "--json").stdout) == []
    file = Desk(place.data_dir / "switch").history_file
    history.append(file, record(id="00000001", came_from="quick", to="other"))
    history.append(file, record(Outcome.ROLLED_BACK, id="00000002", came_from="other", to="third", why="it died"))
    told = json.loads(place.run("history", "-n", "1", "--json").stdout)
    assert [(each["from"], each["to"], each["outcome"]) for each in told] == [("other", "third", "rolled_back")]
    assert "    it died" in place.run("history").stdout
    assert "rolled back  to third" in place.run("status").stdout
    assert "-> quick" in place.run("rollback", "--plan").stdout


def predecessor(place: Any, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from slot.cli.predecessor import main; main()", *words]
    return subprocess.run(command, env=place.environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "usage: switch-vllm-model-slot"),
        (("--help",), 0, "usage: switch-vllm-model-slot"),
        (("list",), 0, "quick"),
        (("status",), 69, "slot       none"),
        (("switch", "old/quick.env", "--plan"), 0, "-> quick"),
        (("switch",), 2, "switch to which profile?"),
        (("start",), 2, "no verb of this command"),
        (("restore-minimax", "--plan"), 66, "no profile named 'minimax-m27-c1'"),
    ],
)
def test_the_predecessors_verbs_work(place: Any, words: tuple[str, ...], code: int, said: str) -> None:
    done = predecessor(place, *words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in done.stdout + done.stderr
