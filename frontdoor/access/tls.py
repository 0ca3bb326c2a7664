"""TLS for clients, where a certificate is configured: what is spoken, and what is wrong with the files.

TLS 1.2 and 1.3 with OpenSSL's own choice of ciphers, HTTP/1.1 and nothing else, no client certificates. The files are
looked at before OpenSSL gets them, so that an error names the file and what to do; an encrypted key is refused, for
nobody is there to type its passphrase.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from frontdoor.access import secret_file
from frontdoor.bad_settings import BadSettings

CERTIFICATE = "FRONTDOOR_TLS_CERTIFICATE"
PRIVATE_KEY = "FRONTDOOR_TLS_PRIVATE_KEY"


def context(certificate: Path | None, private_key: Path | None) -> ssl.SSLContext | None:
    """What the listening socket needs, or None where no certificate is configured: plain HTTP.

    `private_key` None: it stands in the certificate's file. Reads both; raises BadSettings.
    """
    if certificate is None:
        if private_key is not None:
            raise BadSettings([f"{PRIVATE_KEY} is set without {CERTIFICATE}"])
        return None
    _look(certificate, private_key)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION
    made.set_alpn_protocols(["http/1.1"])
    _load(made, certificate, private_key)
    return made


def reload(live: ssl.SSLContext, certificate: Path, private_key: Path | None) -> None:
    """Gives a context in use the certificate that the files hold now; connections that are open keep theirs.

    Raises BadSettings, and then the old certificate stays: OpenSSL would keep the new one beside the old key, so a
    context of its own tries the files first.
    """
    context(certificate, private_key)
    _load(live, certificate, private_key)


def _look(certificate: Path, private_key: Path | None) -> None:
    chain = secret_file.read(certificate, CERTIFICATE, is_secret=private_key is None)
    if b"-----BEGIN CERTIFICATE-----" not in chain:
        raise BadSettings([f"{CERTIFICATE}: {certificate} holds no certificate in PEM form"])
    setting, path = (CERTIFICATE, certificate) if private_key is None else (PRIVATE_KEY, private_key)
    key = chain if private_key is None else secret_file.read(private_key, PRIVATE_KEY)
    if b"PRIVATE KEY-----" not in key:
        raise BadSettings([f"{setting}: {path} holds no private key in PEM form"])
    if b"ENCRYPTED" in key:  # PKCS#8 says it in its first line, the older forms in a header
        raise BadSettings(
            [f"{setting}: {path} is encrypted, and nobody can type its passphrase; openssl pkey -in {path} decrypts it"]
        )


def _load(target: ssl.SSLContext, certificate: Path, private_key: Path | None) -> None:
    try:
        # without a password of ours, OpenSSL would ask the terminal for one
        target.load_cert_chain(certificate, private_key, password="")
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            raise BadSettings([f"{PRIVATE_KEY}: {private_key or certificate} is not {certificate}'s key"]) from None
        raise BadSettings([f"{CERTIFICATE}: {certificate} and its key cannot be used: {exc.reason or exc}"]) from None
    except OSError as exc:
        raise BadSettings([f"{CERTIFICATE}: {certificate} and its key cannot be read: {exc.strerror}"]) from None
