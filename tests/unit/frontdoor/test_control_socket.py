from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from frontdoor.admin import control_socket


def dead(path: Path) -> None:
    """A socket that nobody listens on any more."""
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))


def test_it_listens_with_its_mode_and_leaves_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    control = control_socket.create(path)
    assert stat.filemode(path.stat().st_mode) == "srw-rw----"
    assert os.listdir(tmp_path) == ["control.sock"]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    control.remove()
    control.close()
    assert os.listdir(tmp_path) == []


def test_one_left_over_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    dead(path)
    dead(tmp_path / f".control.sock.{os.getpid()}")
    control = control_socket.create(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    control.remove()
    control.close()


@pytest.mark.parametrize("waiting", [0, 3])
def test_a_living_owner_keeps_it(tmp_path: Path, waiting: int) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as owner:
        owner.bind(str(path))
        owner.listen(1)
        clients = [socket.socket(socket.AF_UNIX) for _ in range(waiting)]  # its line may be full
        for client in clients:
            client.setblocking(False)
            client.connect_ex(str(path))
        with pytest.raises(OSError, match="another frontdoor listens there") as found:
            control_socket.create(path)
        assert (found.value.errno, found.value.filename) == (errno.EADDRINUSE, str(path))
        for client in clients:
            client.close()
    assert os.listdir(tmp_path) == ["control.sock"]


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("elsewhere")])
def test_what_is_no_socket_stays(tmp_path: Path, make: object) -> None:
    path = tmp_path / "control.sock"
    make(path)  # type: ignore[operator]
    with pytest.raises(OSError, match="is no socket"):
        control_socket.create(path)
    assert os.listdir(tmp_path) == ["control.sock"]


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        control_socket.create(tmp_path / "none" / "control.sock")


def test_the_longest_path_that_fits(tmp_path: Path) -> None:
    most = control_socket.MAX_PATH_BYTES - len(f".c.{os.getpid()}") + len("c")
    directory = tmp_path / ("x" * (most - len(str(tmp_path)) - len("//c")))
    directory.mkdir()
    control = control_socket.create(directory / "c")
    control.remove()
    control.close()
    with pytest.raises(OSError, match=f"up to {most} bytes"):
        control_socket.create(tmp_path / (directory.name + "x") / "c")


def test_who_came_after_keeps_theirs(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    first = control_socket.create(path)
    path.unlink()
    second = control_socket.create(path)
    first.remove()
    assert path.exists()
    first.close()
    second.remove()
    assert not path.exists()
    second.close()


def test_one_that_was_handed_over_is_removed_by_its_last_owner(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    first = control_socket.create(path)
    second = control_socket.adopt(path, first.listener.dup())
    first.close()
    assert path.exists()
    second.remove()
    second.close()
    assert not path.exists()
