"""Where keys are looked for, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdoor.access.api_keys_file import load, path_of
from frontdoor.bad_settings import BadSettings

LINE = "infer alice sk-alice-0123456789\n"


@pytest.mark.parametrize(
    ("configured", "environment", "expected"),
    [
        (None, {}, None),
        (None, {"CREDENTIALS_DIRECTORY": ""}, None),
        (None, {"CREDENTIALS_DIRECTORY": "/run/credentials/x"}, Path("/run/credentials/x/api-keys")),
        (Path("/etc/keys"), {}, Path("/etc/keys")),
        (Path("/etc/keys"), {"CREDENTIALS_DIRECTORY": "/run/credentials/x"}, Path("/etc/keys")),
    ],
)
def test_where_keys_would_be(configured, environment, expected) -> None:
    assert path_of(configured, environment) == expected


def write(path: Path, text: str, mode: int) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640])
def test_keys_are_read_from_the_configured_file(tmp_path, mode) -> None:
    keys = load(write(tmp_path / "keys", LINE, mode), {})
    assert keys is not None
    assert len(keys) == 1


def test_keys_are_read_from_the_credential(tmp_path) -> None:
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert load(None, environment) is None
    write(tmp_path / "api-keys", LINE, 0o400)
    assert load(None, environment) is not None


def test_a_file_that_cannot_be_used_says_why(tmp_path) -> None:
    cases = {
        "No such file": tmp_path / "missing",
        "(mode 0644); chmod o-rwx": write(tmp_path / "open", LINE, 0o644),
        "(mode 0602); chmod o-rwx": write(tmp_path / "writable", LINE, 0o602),
        "Is a directory": tmp_path,
        "is not text in UTF-8": tmp_path / "binary",
        "line 1: found 1 word,": write(tmp_path / "wrong", "infer", 0o600),
    }
    cases["is not text in UTF-8"].write_bytes(b"infer alice \xff\xff\xff")
    cases["is not text in UTF-8"].chmod(0o600)
    for words, path in cases.items():
        with pytest.raises(BadSettings) as raised:
            load(path, {})
        assert words in str(raised.value)
        assert str(raised.value).startswith(f"FRONTDOOR_API_KEYS_FILE: {path}")
        assert "sk-alice" not in str(raised.value)


def test_a_credential_that_cannot_be_looked_at_is_no_missing_one(tmp_path) -> None:
    write(tmp_path / "file", "", 0o600)
    with pytest.raises(BadSettings, match="Not a directory"):
        load(None, {"CREDENTIALS_DIRECTORY": str(tmp_path / "file")})
