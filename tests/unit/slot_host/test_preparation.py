from pathlib import Path

import pytest

from slot.host.engines import CPU
from slot.host.preparation import Preparation, preparation_for
from slot.profiles.profile import Profile, Value


def profile(**values: str) -> Profile:
    path = Path("here.env")
    keyed = {f"MODEL_SLOT_{key}": Value(text, "here.env", 1, "here") for key, text in values.items()}
    return Profile("here", path, ("here",), keyed)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (profile(ENGINE="simulator"), None),
        (profile(ENGINE="simulator", VENV=CPU.directory), None),
        (profile(ENGINE="vllm", VENV="/opt/vllm"), None),
        (profile(ENGINE="vllm", VENV="/opt/vllm", MODEL_DIR="models/tiny-qwen3"), None),
        (profile(VENV=CPU.directory, MODEL_DIR="models/tiny-qwen3"), Preparation(CPU, tiny_model=True)),
        (profile(VENV=CPU.directory, MODEL_DIR="/mnt/models/other"), Preparation(CPU)),
        (profile(VENV=CPU.directory, HF_ID="Qwen/Qwen3-0.6B"), Preparation(CPU, hub_model=True)),
        (profile(VENV=CPU.directory), Preparation(CPU)),
        (profile(VENV=CPU.directory, HF_ID="a/b", MODEL_DIR="models/tiny-qwen3"), Preparation(CPU, tiny_model=True)),
    ],
)
def test_what_a_profile_needs_of_us(given: Profile, expected: Preparation | None) -> None:
    assert preparation_for(given) == expected


@pytest.mark.parametrize("name", ["tiny-cpu", "qwen3-0.6b-cpu"])
def test_the_profiles_that_we_ship_name_an_engine_that_we_ship(name: str) -> None:
    from slot.profiles.catalog import Catalog

    catalog = Catalog(Path(__file__).parents[3] / "configs/model-slots")
    preparation = preparation_for(catalog.load(name))
    assert preparation is not None
    assert preparation.tiny_model is (name == "tiny-cpu")
    assert preparation.hub_model is (name != "tiny-cpu")
