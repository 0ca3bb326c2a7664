"""What an engine may lay in the place of a file that root reads: nothing of it may keep the reader."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from slot import lock, plain_file, state
from slot.cards import swept


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_to_a_file(path: Path) -> None:
    path.with_name("other").write_text("{}")
    path.symlink_to(path.with_name("other"))


def a_directory(path: Path) -> None:
    path.mkdir()


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(path))


def a_huge_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


ODD = [a_pipe, a_link_to_a_device, a_link_to_a_file, a_directory, a_socket, a_huge_file]


@pytest.mark.parametrize("odd", ODD)
def test_it_is_no_snapshot_and_no_record(odd: Callable[[Path], None], tmp_path: Path) -> None:
    odd(path := tmp_path / "it")
    with pytest.raises(plain_file.NoPlainFile):
        plain_file.read(path, 10)
    with pytest.raises(state.UnreadableState, match=str(path)):
        state.read(path)
    assert state.read_if_sound(path) is None
    assert swept.read(path) is None


def test_nobody_waits_at_a_pipe_for_a_lock(tmp_path: Path) -> None:
    a_pipe(tmp_path / "lock")
    assert lock.holder(tmp_path / "lock") is None


def test_a_file_is_read_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(b"12345")
    assert plain_file.read(path, 5) == b"12345"
    with pytest.raises(plain_file.NoPlainFile, match="larger than 4 bytes"):
        plain_file.read(path, 4)
    with pytest.raises(FileNotFoundError):
        plain_file.read(tmp_path / "none", 4)
