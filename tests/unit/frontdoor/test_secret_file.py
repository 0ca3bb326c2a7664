"""Files with a secret: who else may read them."""

from __future__ import annotations

import os

import pytest

from frontdoor.access.secret_file import MAX_BYTES, read
from frontdoor.bad_settings import BadSettings


@pytest.mark.parametrize(("size", "fits"), [(0, True), (1, True), (MAX_BYTES, True), (MAX_BYTES + 1, False)])
def test_a_file_has_a_limit(tmp_path, size, fits) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    path.chmod(0o600)
    if fits:
        assert len(read(path, "IT")) == size
    else:
        with pytest.raises(BadSettings, match="larger than"):
            read(path, "IT")


@pytest.mark.parametrize("others", [1, 2, 4, 7])
def test_what_others_may_use_is_no_secret(tmp_path, others) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"secret")
    path.chmod(0o640 | others)
    with pytest.raises(BadSettings, match=r"^IT: .*file cannot be used: everybody"):
        read(path, "IT")
    assert read(path, "IT", is_secret=False) == b"secret"


def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(BadSettings, match="is not a plain file"):
        read(tmp_path / "pipe", "IT")
