"""What a Host header says, and which are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.http.host import MAX_HOST_BYTES, Host, parse_host

LABEL = b"a" * 63


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"gpubox", Host("gpubox", False)),
        (b"GPUbox:8000", Host("gpubox", False)),
        (b"gpubox.local.", Host("gpubox.local", False)),
        (b"gpu_box-2.lan:0", Host("gpu_box-2.lan", False)),
        (b"localhost:65535", Host("localhost", False)),
        (b"xn--gpu-kchen-w9a.lan", Host("xn--gpu-kchen-w9a.lan", False)),
        (LABEL + b".lan", Host(LABEL.decode() + ".lan", False)),
        (b"192.168.1.5", Host("192.168.1.5", True)),
        (b"192.168.1.5:8000", Host("192.168.1.5", True)),
        (b"0.0.0.0", Host("0.0.0.0", True)),
        (b"[::1]", Host("::1", True)),
        (b"[::1]:8000", Host("::1", True)),
        (b"[FE80::1]:8000", Host("fe80::1", True)),
        (b"[fe80::1%25eth0]:8000", Host("fe80::1", True)),
        (b"[fe80::1%eth0]", Host("fe80::1", True)),
        (b"[::ffff:192.168.1.5]", Host("::ffff:192.168.1.5", True)),
        # no addresses for us, so names; browsers write them out before they send them
        (b"127.1", Host("127.1", False)),
        (b"999.1.1.1", Host("999.1.1.1", False)),
        (b"0x7f.0.0.1", Host("0x7f.0.0.1", False)),
        # the parser leaves the blanks behind a value in place
        (b"gpubox \t", Host("gpubox", False)),
    ],
)
def test_a_name_or_an_address(value, expected) -> None:
    assert parse_host(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b":",
        b":80",
        b"door:",
        b"door:x",
        b"door:-1",
        b"door:+80",
        b"door:65536",
        b"door:800000",
        b"door:80:80",
        b"door:8 0",
        b"user@door",
        b"user:secret@door",
        b"door/path",
        b"door?query",
        b"door#part",
        b"door\\path",
        b"door,other",
        b"door other",
        b"http://door",
        b"do%6fr",
        b"do\xc3\xb6r",
        b"do\x00r",
        b"door\n",
        b"door..lan",
        b".door",
        b".",
        b"*",
        b"<script>",
        b"::1",
        b"[::1",
        b"::1]",
        b"[]",
        b"[door]",
        b"[::1]80",
        b"[::1]:",
        b"[::g]",
        b"[1::2::3]",
        b"[192.168.1.5]",
        b"[v1.x]",
        b"[::1%]",
        LABEL + b"a",
        b"a" * (MAX_HOST_BYTES + 1),
        b".".join([LABEL] * 5),
    ],
)
def test_what_is_no_host(value) -> None:
    assert parse_host(value) is None


@given(st.binary(max_size=300) | st.text("[]:.%@ab01-_", max_size=20).map(str.encode))
def test_any_bytes_have_an_answer(value) -> None:
    host = parse_host(value)
    assert host is None or (host.name.isascii() and host.name.isprintable() and host.name == host.name.lower())
