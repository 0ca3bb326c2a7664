"""What users get wrong: each one clear message and exit code, never a traceback, and nothing half started."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

VLLM = """\
MODEL_SLOT_NAME=real
MODEL_SLOT_STATUS=test
MODEL_SLOT_VENV={venv}
MODEL_SLOT_MODEL_DIR={model_dir}
SERVE_MAX_NUM_SEQS=2
SERVE_MAX_MODEL_LEN=2048
"""


def profile(name: str, *lines: str) -> str:
    head = (f"MODEL_SLOT_NAME={name}", "MODEL_SLOT_STATUS=test", "MODEL_SLOT_HF_ID=o/m", "MODEL_SLOT_ENGINE=simulator")
    return "".join(f"{line}\n" for line in (*head, *lines))


def assert_nothing_was_started(place: Any) -> None:
    assert not place.active_profile.exists()
    assert place.state() is None
    assert not list(place.run_dir.glob("*.log"))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("SERVE_MAX_NUM_SEQSS=2",), "bad.env:5: SERVE_MAX_NUM_SEQSS: found an unknown key"),
        (("SERVE_MAX_NUM_SEQSS=2",), "did you mean SERVE_MAX_NUM_SEQS?"),
        (("SERVE_MAX_NUM_SEQS=2", "SERVE_MAX_NUM_SEQS=3"), "bad.env:6: SERVE_MAX_NUM_SEQS: found"),
        (("SERVE_GPU_MEMORY_UTILIZATION=1.5",), "bad.env:5: SERVE_GPU_MEMORY_UTILIZATION: found '1.5'"),
        (("SERVE_MAX_NUM_SEQS=2", "FRONTDOOR_MAX_ACTIVE_GENERATIONS=3"), "FRONTDOOR_MAX_ACTIVE_GENERATIONS: found"),
        (("VLLM_MAX_MODEL_LEN=4096",), "SERVE_MAX_MODEL_LEN"),
        (("LD_PRELOAD=/x.so",), "LD_PRELOAD: found"),
    ],
)
def test_a_bad_profile(place: Any, lines: tuple[str, ...], said: str) -> None:
    place.write("bad", profile("bad", *lines))
    done = place.run("check", "bad")
    assert done.returncode == 78
    assert said in done.stdout


@pytest.mark.parametrize("verb", ["show", "up"])
def test_a_bad_profile_is_of_no_use(place: Any, verb: str) -> None:
    place.write("bad", profile("bad", "SERVE_X=1"))
    done = place.run(verb, "bad")
    assert done.returncode == 78
    assert "bad.env:5: SERVE_X: found" in done.stderr
    assert "Traceback" not in done.stderr
    assert_nothing_was_started(place)


def test_all_problems_come_at_once(place: Any) -> None:
    place.write("bad", profile("bad", "SERVE_X=1", "FRONTDOOR_X=1", "SERVE_PORT=0"))
    done = place.run("check", "bad", "--json")
    (report,) = json.loads(done.stdout)
    assert [problem["line"] for problem in report["problems"] if problem["line"]] == [5, 6, 7]
    assert all(problem["found"] and problem["expected"] for problem in report["problems"])


@pytest.mark.parametrize("verb", ["check", "show", "up"])
@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("../quick", 2, "not a profile's name: '../quick'"),
        ("/etc/passwd", 2, "not a profile's name"),
        ("QUICK", 2, "not a profile's name"),
        ("", 2, "not a profile's name"),
        ("quik", 66, "no profile named 'quik'; did you mean quick?"),
    ],
)
def test_a_name_that_is_none(place: Any, verb: str, name: str, code: int, said: str) -> None:
    if verb == "check" and "/" in name:
        name, code, said = f"{name}.env", 66, f"there is no file {name}.env"  # it takes files too
    done = place.run(verb, name)
    assert done.returncode == code
    assert said in done.stderr
    assert_nothing_was_started(place)


def test_a_broken_profile_is_a_row_of_the_list(place: Any) -> None:
    place.write("bad", profile("bad", "SERVE_X=1"))
    (place.catalog_dir / "binary.env").write_bytes(b"\xff\xfe\x00")
    (place.catalog_dir / "unreadable.env").symlink_to("/proc/self/mem")  # by root neither
    done = place.run("list")
    assert done.returncode == 0
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert sorted(rows) == ["NAME", "bad", "binary", "quick", "unreadable"]
    assert rows["bad"].split()[1] == "broken"
    assert rows["bad"].endswith("slotctl check bad")
    assert rows["unreadable"].endswith("cannot be read: Input/output error")


def venv_of(place: Any) -> Path:
    """A venv whose engine cannot be asked: only its program and its version are there."""
    venv = Path(place.directory / "venv")
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/vllm").write_text("#!/bin/sh\nexit 1\n")
    (venv / "bin/vllm").chmod(0o755)
    (venv / "lib/python3.12/site-packages/vllm-0.32.0.dist-info").mkdir(parents=True)
    return venv


def test_a_missing_model(place: Any) -> None:
    model_dir = place.directory / "models/missing"
    place.write("real", VLLM.format(venv=venv_of(place), model_dir=model_dir))
    done = place.run("up", "real", *place.ports)
    assert done.returncode == 78
    assert f"the directory is missing; {place.directory} is there" in done.stderr
    assert_nothing_was_started(place)
    done = place.run("check", "real", "--here")
    assert done.returncode == 1
    assert "the directory is missing" in done.stdout


def test_an_unmounted_disk(place: Any) -> None:
    disk = place.directory / "disk"
    fstab = place.directory / "fstab"
    fstab.write_text(f"UUID=1 {disk} ext4 defaults 0 2\n")
    place.write("real", VLLM.format(venv=venv_of(place), model_dir=disk / "models/m"))
    done = place.run("check", "real", "--here", "--fstab", str(fstab), "--json")
    (report,) = json.loads(done.stdout)
    (finding,) = (each for each in report["findings"] if each["check"] == "model_dir")
    assert done.returncode == 1
    assert (finding["level"], finding["do"]) == ("fail", f"mount {disk}")


def test_a_missing_engine(place: Any) -> None:
    place.write("real", VLLM.format(venv=place.directory / "no-venv", model_dir=place.directory))
    done = place.run("up", "real", *place.ports)
    assert done.returncode == 78
    assert f"there is no {place.directory}/no-venv" in done.stderr
    assert_nothing_was_started(place)


@pytest.mark.parametrize("which", ["port", "engine_port"])
def test_a_busy_port_names_its_holder(place: Any, which: str) -> None:
    with socket.create_server(("127.0.0.1", getattr(place, which))):
        done = place.run("up", "quick", *place.ports)
    assert done.returncode == 73
    assert f"(pid {os.getpid()})" in done.stderr
    assert f"--{which.replace('_', '-')}" in done.stderr
    assert_nothing_was_started(place)


def test_a_base_does_not_serve(place: Any) -> None:
    place.write("base", profile("base").replace("=test", "=base"))
    done = place.run("up", "base", *place.ports)
    assert (done.returncode, "only there to be extended" in done.stderr) == (78, True)


@pytest.mark.parametrize(
    ("name", "option", "said"),
    [
        ("quick", "no_such_fault", "no_such_fault"),
        ("real", "garbage", "--fault is for the simulator"),
    ],
)
def test_a_fault_that_cannot_be_had(place: Any, name: str, option: str, said: str) -> None:
    place.write("real", VLLM.format(venv=venv_of(place), model_dir=place.directory))
    done = place.run("up", name, "--fault", option, *place.ports)
    assert done.returncode == 2
    assert said in done.stderr
    assert_nothing_was_started(place)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("run",), 66),
        (("check",), 66),
        (("status",), 69),
        (("status", "--url", "nonsense"), 2),
        (("status", "--url", "http://127.0.0.1:x"), 2),
        (("import", "no-such.env"), 66),
        (("no-such-verb",), 2),
        (("up",), 2),
        (("up", "quick", "--port", "0"), 2),
        (("up", "quick", "--port", "x"), 2),
    ],
)
def test_exit_codes_of_calls_that_find_nothing(place: Any, argv: tuple[str, ...], code: int) -> None:
    done = place.run(*argv)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_no_catalog(place: Any) -> None:
    place.environment["SLOT_CATALOG_DIR"] = str(place.directory / "nowhere")
    done = place.run("list")
    assert (done.returncode, "SLOT_CATALOG_DIR" in done.stderr) == (66, True)


@pytest.mark.parametrize("verb", [("status",), ("up", "quick")], ids=" ".join)
def test_a_run_directory_that_is_none(place: Any, verb: tuple[str, ...]) -> None:
    place.run_dir.write_text("in the way\n")
    done = place.run(*verb)
    assert done.returncode == 74
    assert f"found     {place.run_dir}" in done.stderr
    assert "SLOT_RUN_DIR" in done.stderr
    assert "Traceback" not in done.stderr
