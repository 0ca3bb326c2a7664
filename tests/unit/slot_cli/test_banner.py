import json
import shlex
from pathlib import Path

import pytest

from slot.cli.banner import Address, banner, curl
from slot.profiles.profile import Profile, Value


def profile(**values: str) -> Profile:
    settings = {"SERVE_MAX_NUM_SEQS": "8", "SERVE_SERVED_MODEL_NAME": "big", "MODEL_SLOT_TITLE": "Big one"} | values
    made = {key: Value(text, "big.env", 1, "big") for key, text in settings.items()}
    return Profile("big", Path("big.env"), ("big",), made)


def test_a_reader_learns_where_to_point_a_client() -> None:
    text = "\n".join(banner(profile(), Address("127.0.0.1", 8000), context=32768, simulated=False))
    for fact in ("Big one", "http://127.0.0.1:8000/v1", "big", "32768 tokens", "8 at once", "curl -N"):
        assert fact in text
    assert "on LAN" not in text


@pytest.mark.parametrize(
    ("queue", "said"),
    [("0", "8 at once; the next one gets 503"), ("3600", "8 at once; the next one waits up to 3600 s")],
)
def test_the_cap_says_what_happens_beyond_it(queue: str, said: str) -> None:
    lines = banner(profile(FRONTDOOR_QUEUE_TIMEOUT_S=queue), Address("127.0.0.1", 8000), context=None, simulated=False)
    assert any(said in line for line in lines)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("0.0.0.0", 8000, "192.168.2.10"), "http://127.0.0.1:8000"),
        (Address("::", 8000, None), "http://[::1]:8000"),
        (Address("192.168.2.10", 80), "http://192.168.2.10:80"),
    ],
)
def test_the_url_is_one_that_works_from_here(address: Address, url: str) -> None:
    assert address.url == url


def test_the_lan_address_is_said_where_the_lan_can_reach_it() -> None:
    lines = banner(profile(), Address("0.0.0.0", 8000, "192.168.2.10"), context=None, simulated=True)
    assert "  on LAN    http://192.168.2.10:8000/v1" in lines
    assert not any("context" in line for line in lines)


def test_the_command_to_paste_fits_a_frontdoor_with_keys_and_a_certificate() -> None:
    address = Address("127.0.0.1", 8000, None, "/etc/keys", "/etc/cert.pem")
    lines = banner(profile(), address, context=None, simulated=False)
    assert [line for line in lines if line.startswith(("  key ", "  TLS "))] == [
        "  key       asked for: any of /etc/keys; the command below takes it from $KEY",
        "  TLS       clients call it by a name in /etc/cert.pem; the command below checks none",
    ]
    words = shlex.split("".join(line.removesuffix("\\") for line in curl(profile(), address)))
    assert words[:6] == [
        *("curl", "-N", "--insecure", "https://127.0.0.1:8000/v1/chat/completions"),
        *("-H", "Authorization: Bearer $KEY"),
    ]


@pytest.mark.parametrize(
    ("runner", "path", "field"), [("generate", "chat/completions", "stream"), ("pooling", "embeddings", "input")]
)
def test_the_command_to_paste_fits_the_model(runner: str, path: str, field: str) -> None:
    words = shlex.split("\n".join(curl(profile(SERVE_RUNNER=runner), Address("127.0.0.1", 8000))))
    assert words[:3] == ["curl", "-N", f"http://127.0.0.1:8000/v1/{path}"]
    body = json.loads(words[-1])
    assert body["model"] == "big"
    assert field in body
