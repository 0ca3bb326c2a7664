"""TLS: which files are refused in which words, what is spoken, and a new certificate without a restart."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from frontdoor.access import tls
from frontdoor.bad_settings import BadSettings


class Pair(NamedTuple):
    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, require) -> list[Pair]:
    """Two self-signed certificates with their keys."""
    require(shutil.which("openssl"), "the openssl program makes the certificates of these tests")
    directory = tmp_path_factory.mktemp("tls")
    return [make(directory, name) for name in ("one", "two")]


def make(directory: Path, name: str) -> Pair:
    pair = Pair(directory / f"{name}.pem", directory / f"{name}.key")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2",
            "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
            "-keyout", pair.key, "-out", pair.certificate)  # fmt: skip
    pair.key.chmod(0o600)
    return pair


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def handshake(server: ssl.SSLContext, trusted: Pair, **limits: ssl.TLSVersion) -> ssl.SSLObject:
    """A client that trusts one certificate greets the server, in memory; the client's side of it."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(trusted.certificate)
    client.set_alpn_protocols(["h2", "http/1.1"])
    for name, version in limits.items():
        setattr(client, name, version)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=trusted.certificate.stem)
    waiting = [theirs, ours]
    for _ in range(8):
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
        if not waiting:
            return theirs
    raise AssertionError("the two do not come to an end")


def context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    made = tls.context(certificate, key)
    assert made is not None
    return made


def test_without_a_certificate_there_is_no_tls() -> None:
    assert tls.context(None, None) is None
    with pytest.raises(BadSettings, match="FRONTDOOR_TLS_PRIVATE_KEY is set without FRONTDOOR_TLS_CERTIFICATE"):
        tls.context(None, Path("/nowhere"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_is_spoken(pairs, version) -> None:
    theirs = handshake(context(*pairs[0]), pairs[0], minimum_version=version, maximum_version=version)
    assert theirs.version() == version.name.replace("_", ".")
    assert theirs.selected_alpn_protocol() == "http/1.1"
    assert theirs.compression() is None


def test_nothing_older_is_spoken(pairs) -> None:
    assert context(*pairs[0]).minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_key_may_stand_in_the_certificates_file(pairs, tmp_path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(pairs[0].certificate.read_bytes() + pairs[0].key.read_bytes())
    both.chmod(0o644)
    with pytest.raises(BadSettings, match="FRONTDOOR_TLS_CERTIFICATE: .*everybody on this machine"):
        tls.context(both, None)
    both.chmod(0o600)
    handshake(context(both, None), pairs[0])


def test_files_that_cannot_be_used_say_why(pairs, tmp_path) -> None:
    (certificate, key), (_, other_key) = pairs
    encrypted = tmp_path / "encrypted.key"
    openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", encrypted)
    encrypted.chmod(0o600)
    readable, empty, garbled = tmp_path / "readable.key", tmp_path / "empty", tmp_path / "garbled.pem"
    readable.write_bytes(key.read_bytes())
    readable.chmod(0o644)
    empty.touch(0o600)
    garbled.write_text("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n")
    cases: list[tuple[Path, Path | None, str]] = [
        (tmp_path / "missing", key, "FRONTDOOR_TLS_CERTIFICATE: .*missing cannot be used: No such file"),
        (certificate, tmp_path / "missing", "FRONTDOOR_TLS_PRIVATE_KEY: .*missing cannot be used: No such file"),
        (empty, key, "FRONTDOOR_TLS_CERTIFICATE: .*empty holds no certificate"),
        (key, key, "FRONTDOOR_TLS_CERTIFICATE: .*one.key holds no certificate"),
        (garbled, key, "FRONTDOOR_TLS_CERTIFICATE: .*garbled.pem and its key cannot be used"),
        (certificate, empty, "FRONTDOOR_TLS_PRIVATE_KEY: .*empty holds no private key"),
        (certificate, other_key, "FRONTDOOR_TLS_PRIVATE_KEY: .*two.key is not .*one.pem's key"),
        (certificate, encrypted, "FRONTDOOR_TLS_PRIVATE_KEY: .*encrypted.key is encrypted"),
        (certificate, readable, "FRONTDOOR_TLS_PRIVATE_KEY: .*everybody on this machine"),
    ]
    for chain, private, words in cases:
        with pytest.raises(BadSettings, match=words):
            tls.context(chain, private)


def test_a_new_certificate_without_a_restart(pairs, tmp_path) -> None:
    used = Pair(tmp_path / "used.pem", tmp_path / "used.key")
    install(pairs[0], used)
    live = context(*used)
    handshake(live, pairs[0])
    install(pairs[1], used)
    tls.reload(live, *used)
    handshake(live, pairs[1])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(live, pairs[0])


def test_a_bad_new_certificate_leaves_the_old_one(pairs, tmp_path) -> None:
    used = Pair(tmp_path / "used.pem", tmp_path / "used.key")
    install(pairs[0], used)
    live = context(*used)
    install(Pair(pairs[1].certificate, pairs[0].key), used)
    with pytest.raises(BadSettings, match="is not .*used.pem's key"):
        tls.reload(live, *used)
    handshake(live, pairs[0])


def install(pair: Pair, used: Pair) -> None:
    used.certificate.write_bytes(pair.certificate.read_bytes())
    used.key.write_bytes(pair.key.read_bytes())
    used.key.chmod(0o600)
