"""What is said where there is no systemd."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot.cli.refusal import Refused
from slot.cli.systemd import refuse_without_systemd
from slot.exit_codes import ExitCode


def test_it_says_what_to_do_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slot.units.BOOTED", tmp_path)
    refuse_without_systemd()
    monkeypatch.setattr("slot.units.BOOTED", tmp_path / "none")
    with pytest.raises(Refused, match="slotctl up NAME") as refused:
        refuse_without_systemd()
    assert refused.value.code is ExitCode.UNAVAILABLE
    with pytest.raises(Refused, match="look there"):
        refuse_without_systemd("look there")
