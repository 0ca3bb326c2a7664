"""`slotctl check --here` against an engine that is a script: what it prints is the engine's answer, and it counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ENGINE = """\
#!/bin/sh
echo asked >> {calls}
echo 'INFO importing vllm'
echo '{answer}'
"""
PROFILE = """\
MODEL_SLOT_NAME=real
MODEL_SLOT_STATUS=test
MODEL_SLOT_ENGINE_LINE=0.20-local
MODEL_SLOT_PATCHES=vllm-xpu-force-graph-with-comm
MODEL_SLOT_VENV={directory}/venv
MODEL_SLOT_MODEL_DIR={directory}/model
MODEL_SLOT_EXTRA_ARGS='["--async-engine"]'
SERVE_MAX_NUM_SEQS=2
SERVE_MAX_MODEL_LEN=2048
SERVE_PORT={port}
FRONTDOOR_PORT={door}
VLLM_XPU_FORCE_GRAPH_WITH_COMM=1
VLLM_CACHE_ROOT={directory}/cache
"""
REFUSED = {
    "version": "0.32.0",
    "rejected": "unrecognized arguments: --async-engine",
    "unknown_environment": ["VLLM_XPU_FORCE_GRAPH_WITH_COMM"],
}


@pytest.fixture
def calls(place: Any) -> Path:
    """A host with a whole model and an installed engine of another line; the file has a line for each question."""
    directory = place.directory
    venv, model = directory / "venv", directory / "model"
    (venv / "bin").mkdir(parents=True)
    (venv / "lib/python3.12/site-packages/vllm-0.32.0.dist-info").mkdir(parents=True)
    calls = Path(directory / "calls")
    calls.write_text("")
    for program in ("vllm", "python"):
        (venv / "bin" / program).write_text(ENGINE.format(calls=calls, answer=json.dumps(REFUSED)))
        (venv / "bin" / program).chmod(0o755)
    model.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (model / name).write_text("{}")
    (model / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    place.write("real", PROFILE.format(directory=directory, port=place.engine_port, door=place.port))
    return calls


def look(place: Any, name: str = "real") -> tuple[int, dict[str, list[dict[str, str]]]]:
    done = place.run("check", "--here", name, "--json")
    (report,) = json.loads(done.stdout)
    findings: dict[str, list[dict[str, str]]] = {}
    for finding in report["findings"]:
        findings.setdefault(finding["check"], []).append(finding)
    return done.returncode, findings


def test_everything_is_looked_at(place: Any, calls: Path) -> None:
    code, findings = look(place)
    assert code == 1
    assert set(findings) == {"model_dir", "venv", "ports", "disk", "memory", "flags", "engine_environment"}
    assert [len(findings[check]) for check in ("ports", "disk")] == [2, 2]


def test_an_unknown_flag_is_found_in_the_engines_own_words(place: Any, calls: Path) -> None:
    _, findings = look(place)
    (flags,) = findings["flags"]
    assert (flags["level"], flags["found"]) == ("fail", f"refused: {REFUSED['rejected']}")
    assert findings["model_dir"][0]["level"] == "ok"


def test_an_engine_of_another_line_names_what_differs(place: Any, calls: Path) -> None:
    _, findings = look(place)
    assert findings["venv"][0]["level"] == "warn"
    assert findings["venv"][0]["found"] == "vLLM 0.32.0, which does not read VLLM_XPU_FORCE_GRAPH_WITH_COMM"
    (name,) = findings["engine_environment"]
    assert (name["level"], name["looked_at"]) == ("warn", "VLLM_XPU_FORCE_GRAPH_WITH_COMM")
    assert "vLLM 0.32 ignores it" in name["found"]


def test_the_engine_is_asked_once_for_as_long_as_nothing_changes(place: Any, calls: Path) -> None:
    first, second = look(place)[1], look(place)[1]
    assert first["flags"] == second["flags"]
    assert first["engine_environment"] == second["engine_environment"]
    assert calls.read_text() == "asked\n"
    path = place.catalog_dir / "real.env"
    path.write_text(path.read_text().replace("SERVE_MAX_NUM_SEQS=2", "SERVE_MAX_NUM_SEQS=3"))
    look(place)
    assert calls.read_text() == "asked\nasked\n"


def test_an_engine_that_says_nothing_is_a_warning(place: Any, calls: Path) -> None:
    (place.directory / "venv/bin/python").write_text("#!/bin/sh\necho no module named vllm >&2\nexit 1\n")
    _, findings = look(place)
    assert [finding["level"] for finding in findings["flags"]] == ["warn", "fail"]
    assert "no module named vllm" in findings["flags"][0]["found"]
    assert "--async-engine" in findings["flags"][1]["found"]


def test_the_simulator_parses_for_itself(place: Any) -> None:
    code, findings = look(place, "quick")
    assert code == 0 or findings["ports"][0]["level"] == "fail"
    assert findings["flags"][0]["looked_at"].endswith("the parser of the simulator")
    assert findings["flags"][0]["level"] == "ok"


def test_a_slot_that_serves_is_not_in_its_own_way(place: Any) -> None:
    text = (place.catalog_dir / "quick.env").read_text()
    place.write("quick", f"{text}SERVE_PORT={place.engine_port}\nFRONTDOOR_PORT={place.port}\n")
    up = place.serving("quick")
    code, findings = look(place, "quick")
    assert code == 0, findings
    assert all("held by this slot" in finding["found"] for finding in findings["ports"])
    up.interrupt()
    assert up.exit_code() == 0
