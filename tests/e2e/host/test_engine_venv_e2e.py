"""The whole installation with real venvs and real pip, of an engine of two tiny wheels that are made here."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import msgspec
import pytest
from processes import until

from slot.host.engine_venv import CannotInstall, ensure
from slot.host.engines import Engine

SMALL = Engine(
    name="small",
    directory="engines/small-1.2.3",
    version="1.2.3",
    torch="torch==2.13.0+cpu",
    lock="engine-small.txt",
    libraries={},
    trial="import vllm_small",
    disk_gib=0.01,
    about="seconds",
)
SAYS_ITS_VERSION = "def main():\n    print('1.2.3')\n"
SAYS_ANOTHER_VERSION = "def main():\n    print('1.2.4')\n"
NEVER_ENDS = "import time\n\ndef main():\n    time.sleep(600)\n"


def wheel(directory: Path, name: str, version: str, source: str, script: str = "") -> Path:
    """A wheel with one module. Source: the binary distribution format of packaging.python.org."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{script}\n" if script else "",
    }
    record = [f"{path},sha256={digest(text)},{len(text)}" for path, text in files.items()]
    path = directory / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]) + "\n")
    return path


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a torch in it, and pip told to look nowhere else."""
    directory = tmp_path / "wheels"
    directory.mkdir()
    wheel(directory, "torch", "2.13.0+cpu", "")
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nno-index = true\nfind-links = {directory}\n")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    return directory


def lock_of(wheels: Path, vllm: str) -> Path:
    """The lock of an engine whose `vllm` is this module."""
    made = wheel(wheels, "vllm_small", "1.2.3", vllm, "vllm = vllm_small:main")
    lock = wheels / SMALL.lock
    lock.write_text(f"vllm-small==1.2.3 \\\n    --hash=sha256:{hashlib.sha256(made.read_bytes()).hexdigest()}\n")
    return lock


def left_in(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / "engines").iterdir())


WHOLE = [".small-1.2.3.lock", "small-1.2.3", "small-1.2.3.log"]
NOTHING_BUT_THE_LOG = [".small-1.2.3.lock", "small-1.2.3.log"]


def test_an_engine_is_installed_once(wheels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = lock_of(wheels, SAYS_ITS_VERSION)
    venv = ensure(SMALL, lock, tmp_path)
    assert "vLLM 1.2.3 is ready" in capsys.readouterr().err
    assert left_in(tmp_path) == WHOLE
    assert json.loads((venv / "complete.json").read_bytes())["version"] == "1.2.3"
    # `vllm serve` asks for the version of a distribution of this name
    assert list(venv.glob("lib/*/site-packages/vllm-1.2.3+cpu.dist-info/METADATA"))

    begun = time.monotonic()
    assert ensure(SMALL, lock, tmp_path) == venv
    assert time.monotonic() - begun < 0.1
    assert capsys.readouterr().err == ""


def test_what_a_killed_installation_left_is_made_anew(wheels: Path, tmp_path: Path) -> None:
    half_made = tmp_path / SMALL.directory
    for leftover in (half_made / "bin/vllm", tmp_path / "engines/.small-1.2.3.tmp/unpacked"):
        leftover.parent.mkdir(parents=True)
        leftover.write_text("half")
    assert ensure(SMALL, lock_of(wheels, SAYS_ITS_VERSION), tmp_path) == half_made
    assert left_in(tmp_path) == WHOLE


def test_a_package_with_another_hash_is_refused(wheels: Path, tmp_path: Path) -> None:
    lock = lock_of(wheels, SAYS_ITS_VERSION)
    lock.write_text(f"vllm-small==1.2.3 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(CannotInstall, match=r"Installing the locked packages: .*HASHES.*All it said: .*\.log"):
        ensure(SMALL, lock, tmp_path)
    assert left_in(tmp_path) == NOTHING_BUT_THE_LOG


def test_what_the_host_lacks_is_one_reason_to_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    lock = tmp_path / "engine-small.txt"
    lock.write_text("")
    with pytest.raises(CannotInstall) as refused:
        ensure(msgspec.structs.replace(SMALL, disk_gib=1e9), lock, tmp_path)
    first, machine, disk = str(refused.value).splitlines()
    assert first == f"cannot install the engine small into {tmp_path / SMALL.directory}:"
    assert machine == "  Linux on riscv64 found; there are wheels for Linux on x86_64 and aarch64 only"
    assert disk.endswith("1000000000 GiB are needed")
    assert list((tmp_path / SMALL.directory).parent.iterdir()) == [tmp_path / "engines/.small-1.2.3.lock"]


def test_an_engine_of_another_version_is_refused(wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotInstall, match=r"said '1\.2\.4', expected 1\.2\.3"):
        ensure(SMALL, lock_of(wheels, SAYS_ANOTHER_VERSION), tmp_path)
    assert left_in(tmp_path) == NOTHING_BUT_THE_LOG


def test_ctrl_c_leaves_nothing_half_made_and_nobody_at_work(wheels: Path, tmp_path: Path) -> None:
    program = (
        "import sys, msgspec; from pathlib import Path; from slot.host import engine_venv, engines;"
        "engine = msgspec.json.decode(sys.argv[1], type=engines.Engine);"
        "engine_venv.ensure(engine, Path(sys.argv[2]), Path(sys.argv[3]))"
    )
    arguments = [msgspec.json.encode(SMALL).decode(), str(lock_of(wheels, NEVER_ENDS)), str(tmp_path)]
    installing = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with installing:
        assert installing.stderr is not None
        while "Trying the engine" not in installing.stderr.readline():
            assert installing.poll() is None
        os.killpg(installing.pid, signal.SIGINT)  # as a terminal does: to all of them
        assert "KeyboardInterrupt" in installing.stderr.read()
    assert left_in(tmp_path) == NOTHING_BUT_THE_LOG
    # the command under trial got the same signal, and may end a moment after its installer
    until(lambda: nobody_in_the_group_of(installing.pid), lambda: "the end of the command under trial")


def nobody_in_the_group_of(leader: int) -> bool | None:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return True
    return None
