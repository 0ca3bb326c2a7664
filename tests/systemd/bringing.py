"""Our package in a machine, where any service user can run it, whatever the sandbox of its unit.

The tests' own interpreter and packages may lie in a home (mode 0700, and gone under ProtectHome=) or in /tmp (gone
under PrivateTmp=). So every machine shows them, read-only, below /usr/local/lib; and `bring_in` makes what an admin
would: a venv, by the interpreter's own `venv`, and our wheel in it, by pip. The one difference is that the packages
which ours needs are not copied but found where they are shown, by a .pth file.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from systemd.machine import Machine

CHECKOUT = Path(__file__).parents[2]

_INTERPRETER = "/usr/local/lib/python-of-the-tests"
_PACKAGES = "/usr/local/lib/packages-of-the-tests"
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


def shown() -> dict[str, Path]:
    """What every machine shows: the path inside, and the directory outside."""
    packages = {_PACKAGES: Path(sysconfig.get_path("purelib"))}
    return packages if _is_the_distributions_own() else {_INTERPRETER: Path(sys.base_prefix), **packages}


def _is_the_distributions_own() -> bool:
    return sys.base_prefix == "/usr"


def build_wheel(into: Path) -> Path:
    """Our wheel, made of the checkout as it is, by the pinned build backend. 0.2 s. Raises CalledProcessError."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into)],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    [wheel] = into.glob("*.whl")
    return wheel


def bring_in(machine: Machine, wheel: Path, place: str) -> Path:
    prefix = "/usr" if _is_the_distributions_own() else _INTERPRETER
    if prefix == _INTERPRETER:
        _let_its_library_be_found(machine)
    venv = Path(place)
    # without pip: Debian's python3 has none to give, and the tests' own is among the packages shown
    machine.run([f"{prefix}/bin/{_VERSION}", "-m", "venv", "--without-pip", venv])
    machine.write(f"{place}/lib/{_VERSION}/site-packages/packages-of-the-tests.pth", f"{_PACKAGES}\n")
    carried = machine.root / "tmp" / wheel.name
    carried.write_bytes(wheel.read_bytes())
    # the packages shown may hold an editable installation of ours, which is none of this venv's
    pip = [f"{venv}/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    machine.run(
        [*pip, "--no-index", "--no-deps", "--ignore-installed", "--root-user-action=ignore", f"/tmp/{wheel.name}"]
    )
    carried.unlink()
    return venv


def _let_its_library_be_found(machine: Machine) -> None:
    """A shared libpython is looked for where the interpreter was built; inside, the interpreter lies somewhere else."""
    if any((Path(sys.base_prefix) / "lib").glob("libpython*.so*")):
        machine.write("/etc/ld.so.conf.d/00-python-of-the-tests.conf", f"{_INTERPRETER}/lib\n")
        machine.run(["ldconfig"])
