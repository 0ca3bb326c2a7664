"""Whether the unit is shown what a profile names."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot.doctor.finding import Level
from slot.doctor.sandbox import check, shown_by

DROP_IN = """[Service]
ProtectHome=tmpfs
BindReadOnlyPaths=-/home/ann/.venvs/vllm-xpu
BindPaths=-/home/ann/.cache
ReadWritePaths=-/srv/cache
"""


def test_what_is_shown() -> None:
    assert shown_by(DROP_IN) == (Path("/home/ann/.venvs/vllm-xpu"), Path("/home/ann/.cache"))


@pytest.mark.parametrize(
    ("places", "level"),
    [
        (["/opt/vllm", "/models/one"], None),
        (["/home/ann/.venvs/vllm-xpu", "/models/one"], Level.OK),
        (["/home/ann/.venvs/vllm-xpu", "/home/ann/models/one"], Level.WARN),
        (["/home/ann/.venvs/vllm-xpu-2"], Level.WARN),
        (["/tmp/venv"], Level.WARN),
    ],
)
def test_what_is_hidden_is_told(tmp_path: Path, places: list[str], level: Level | None) -> None:
    drop_in = tmp_path / "10-host.conf"
    drop_in.write_text(DROP_IN)
    finding = check(list(map(Path, places)), drop_in)
    assert (finding.level if finding else None) == level


def test_without_the_file_everything_in_a_home_is_hidden(tmp_path: Path) -> None:
    finding = check([Path("/home/ann/vllm")], tmp_path / "none")
    assert finding is not None and "/home/ann/vllm" in finding.found
