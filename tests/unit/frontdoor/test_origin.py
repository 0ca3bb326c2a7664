"""Who is let in: SDKs and editors under any name, browsers under ours, pages from elsewhere not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.access.origin import OriginPolicy, check, names_of, own_names
from frontdoor.http.head import Head
from frontdoor.refusal import Reason

POLICY = OriginPolicy.of(frozenset({"gpubox", "gpubox.local"}), "llm.lan,gpu.example:8000", None)


def head(*fields: tuple[bytes, bytes], method: str = "POST", target: str = "/v1/completions", minor: int = 1) -> Head:
    return Head(method, target, target, "", minor, fields=[(b"user-agent", b"x"), *fields, (b"accept", b"*/*")])


def host(value: bytes) -> tuple[bytes, bytes]:
    return b"host", value


def origin(value: bytes) -> tuple[bytes, bytes]:
    return b"origin", value


def site(value: bytes) -> tuple[bytes, bytes]:
    return b"sec-fetch-site", value


NAVIGATES = (b"sec-fetch-mode", b"navigate")
CORS = (b"sec-fetch-mode", b"cors")
DOOR = host(b"192.168.1.5:8000")


def code(asked: Head, policy: OriginPolicy = POLICY) -> str | None:
    refused = check(asked, policy)
    return None if refused is None else f"{refused.status} {refused.code}"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        # 1. a Host that is none, whoever sent it
        (head(), "400 invalid_request"),
        (head(host(b"")), "400 invalid_request"),
        (head(host(b"user@gpubox")), "400 invalid_request"),
        (head(host(b"gpubox"), host(b"gpubox")), "400 invalid_request"),
        (head(host(b"gpubox,other")), "400 invalid_request"),
        (head(host(b"gpubox/x"), site(b"none")), "400 invalid_request"),
        (head(minor=0), None),
        (head(host(b""), minor=0), "400 invalid_request"),
        (head(host(b"gpubox"), target="http://gpubox/v1/completions"), None),
        (head(host(b"GPUbox:80"), target="HTTP://gpubox:80/v1/completions"), None),
        (head(host(b"gpubox"), target="https://gpubox?x"), None),
        (head(minor=0, target="http://gpubox/v1/completions"), None),
        (head(minor=0, target="http:///v1/completions"), "400 invalid_request"),
        (head(target="http://gpubox/v1/completions"), "400 invalid_request"),
        (head(host(b"gpubox"), target="http://other/v1/completions"), "400 invalid_request"),
        (head(host(b"gpubox"), target="http://gpubox:80/v1/completions"), "400 invalid_request"),
        (head(host(b"gpubox"), target="http://user@gpubox/v1/completions"), "400 invalid_request"),
        (head(host(b"user@gpubox"), target="http://user@gpubox/v1/completions"), "400 invalid_request"),
        (head(host(b"gpubox"), target="file:///v1/completions"), "400 invalid_request"),
        (head(host(b"gpubox:80"), target="gpubox:80", method="CONNECT"), "400 invalid_request"),
        (head(host(b"gpubox"), target="*", method="OPTIONS"), None),
        # 2. no browser: any name will do
        (head(DOOR), None),
        (head(host(b"[fe80::1]:8000")), None),
        (head(host(b"gpubox")), None),
        (head(host(b"whatever.example:8000")), None),
        (head(host(b"whatever.example"), CORS), None),  # Node's fetch
        (head(host(b"whatever.example"), origin(b"")), None),
        # 4. a browser, and a name that is not ours
        (head(host(b"evil.example:8000"), origin(b"http://evil.example:8000")), "403 host_not_allowed"),
        (head(host(b"evil.example:8000"), site(b"same-origin"), method="GET"), "403 host_not_allowed"),
        (head(host(b"evil.example"), site(b"none"), NAVIGATES, method="GET"), "403 host_not_allowed"),
        (head(host(b"gpubox.evil.example"), site(b"none")), "403 host_not_allowed"),
        (head(host(b"localhost.evil.example"), site(b"none")), "403 host_not_allowed"),
        (head(host(b"127.0.0.1.evil.example"), site(b"none")), "403 host_not_allowed"),
        (head(host(b"evil.example"), origin(b"app://obsidian.md")), "403 host_not_allowed"),
        (head(origin(b"http://evil.example"), minor=0), "403 origin_not_allowed"),
        # 5. programs of the user's machine
        (head(DOOR, origin(b"vscode-webview://1a2b"), site(b"cross-site"), CORS), None),
        (head(DOOR, origin(b"vscode-file://vscode-app")), None),
        (head(DOOR, origin(b"app://obsidian.md")), None),
        (head(DOOR, origin(b"tauri://localhost")), None),
        (head(DOOR, origin(b"capacitor://localhost")), None),
        (head(DOOR, origin(b"chrome-extension://abcdef")), None),
        (head(DOOR, origin(b"moz-extension://abc-def")), None),
        (head(DOOR, origin(b"file://")), None),
        # 6. this server's pages, on whichever port, and pages of the user's own machine
        (head(DOOR, origin(b"http://192.168.1.5:3000")), None),
        (head(DOOR, origin(b"https://192.168.1.5")), None),
        (head(DOOR, origin(b"http://gpubox:3000")), None),
        (head(host(b"gpubox:8000"), origin(b"http://GPUBOX:3000")), None),
        (head(host(b"gpubox.local"), origin(b"https://llm.lan"), site(b"cross-site")), None),
        (head(host(b"gpu.example"), origin(b"http://gpu.example")), None),
        (head(host(b"[fe80::1]:8000"), origin(b"http://[FE80::1]:3000")), None),
        (head(DOOR, origin(b"http://localhost:3000")), None),
        (head(DOOR, origin(b"http://127.0.0.1:3000")), None),
        (head(DOOR, origin(b"http://[::1]:3000")), None),
        (head(DOOR, origin(b"http://tauri.localhost")), None),
        (head(host(b"chat.localhost:8000"), origin(b"http://chat.localhost:8000"), site(b"same-origin")), None),
        # 7. pages from elsewhere
        (head(DOOR, origin(b"https://evil.example")), "403 origin_not_allowed"),
        (head(DOOR, origin(b"https://evil.example"), site(b"same-origin")), "403 origin_not_allowed"),
        (head(DOOR, origin(b"http://192.168.1.6:3000")), "403 origin_not_allowed"),
        (head(DOOR, origin(b"http://gpubox.evil.example")), "403 origin_not_allowed"),
        (head(DOOR, origin(b"http://notlocalhost")), "403 origin_not_allowed"),
        (head(DOOR, origin(b"http://192.168.1.5@evil.example")), "403 origin_not_allowed"),
        (head(DOOR, origin(b"http://192.168.1.5/x")), "403 origin_not_allowed"),
        (head(DOOR, origin(b"http://gpubox, http://evil.example")), "403 origin_not_allowed"),
        (head(DOOR, origin(b"null")), "403 origin_not_allowed"),
        (head(DOOR, origin(b"null"), method="GET"), "403 origin_not_allowed"),
        (head(DOOR, origin(b"evil.example")), "403 origin_not_allowed"),
        (head(DOOR, origin(b"://")), "403 origin_not_allowed"),
        (head(DOOR, origin(b"https://evil.example"), method="OPTIONS"), "403 origin_not_allowed"),
        # 8. the browser says that nobody else asked
        (head(DOOR, site(b"same-origin")), None),
        (head(DOOR, site(b"none"), NAVIGATES, method="GET"), None),
        # 9. a link to us, followed
        (head(DOOR, site(b"cross-site"), NAVIGATES, method="GET", target="/status"), None),
        (head(DOOR, site(b"cross-site"), NAVIGATES, method="HEAD", target="/status"), None),
        # 10. an image, a script, a form of another page
        (head(DOOR, site(b"cross-site"), method="GET", target="/status"), "403 origin_not_allowed"),
        (head(DOOR, site(b"cross-site"), (b"sec-fetch-mode", b"no-cors"), method="GET"), "403 origin_not_allowed"),
        (head(DOOR, site(b"cross-site"), NAVIGATES), "403 origin_not_allowed"),
        (head(DOOR, site(b"cross-site")), "403 origin_not_allowed"),
        (head(DOOR, site(b"same-site")), "403 origin_not_allowed"),
        (head(DOOR, site(b"sometimes")), "403 origin_not_allowed"),
        (head(DOOR, site(b"none"), site(b"cross-site")), "403 origin_not_allowed"),
        (head(DOOR, site(b"")), "403 origin_not_allowed"),
    ],
)
def test_who_is_let_in(asked, expected) -> None:
    assert code(asked) == expected


@pytest.mark.parametrize(
    ("allow_origin", "asked", "expected"),
    [
        ("https://chat.example", head(DOOR, origin(b"https://chat.example")), None),
        ("https://chat.example", head(DOOR, origin(b"https://chat.example"), method="OPTIONS"), None),
        # the browser vouches for the page, so the name that it used does not matter
        ("https://chat.example", head(host(b"other.example"), origin(b"https://chat.example")), None),
        ("https://chat.example", head(DOOR, origin(b"https://chat.example:8443")), "403 origin_not_allowed"),
        ("https://chat.example", head(DOOR, origin(b"http://chat.example")), "403 origin_not_allowed"),
        ("https://chat.example", head(DOOR, origin(b"https://evil.example")), "403 origin_not_allowed"),
        ("https://chat.example", head(DOOR, site(b"cross-site")), "403 origin_not_allowed"),
        ("null", head(DOOR, origin(b"null")), None),
        ("*", head(DOOR, origin(b"https://evil.example")), None),
        ("*", head(DOOR, origin(b"null")), None),
        ("*", head(host(b"other.example"), origin(b"https://evil.example")), None),
        ("*", head(host(b"other.example"), site(b"cross-site")), None),
        ("*", head(host(b"other/example"), origin(b"https://evil.example")), "400 invalid_request"),
    ],
)
def test_cors_opens_the_door_to_whom_it_names(allow_origin, asked, expected) -> None:
    assert code(asked, OriginPolicy(POLICY.names, allow_origin)) == expected


def test_a_refusal_says_which_setting_would_let_it_in() -> None:
    by_name = check(head(host(b"gpu.fritz.box:8000"), origin(b"http://gpu.fritz.box:8000")), POLICY)
    assert by_name is not None
    assert by_name.reason is Reason.FORBIDDEN
    assert "FRONTDOOR_ALLOWED_HOSTS=gpu.fritz.box" in by_name.message
    by_page = check(head(DOOR, origin(b"https://a.example\x80" + b"a" * 999)), POLICY)
    assert by_page is not None
    assert "FRONTDOOR_CORS_ALLOW_ORIGIN" in by_page.message
    assert r"'https://a.example\x80aaa" in by_page.message
    assert len(by_page.message) < 400


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"accept"]),
            st.binary(max_size=40) | st.sampled_from([b"gpubox", b"null", b"http://gpubox", b"http://[", b"none"]),
        ),
        max_size=6,
    ),
    st.sampled_from(["/x", "*", "http://gpubox/x", "http://[::1", "//", "", "gpubox:80"]),
    st.sampled_from([None, "*", "http://gpubox"]),
)
def test_any_head_has_an_answer(fields, target, allow_origin) -> None:
    refused = check(head(*fields, target=target), OriginPolicy(POLICY.names, allow_origin))
    assert refused is None or refused.status in (400, 403)


@given(st.binary(min_size=1, max_size=40), st.sampled_from([DOOR, host(b"gpubox"), host(b"localhost")]))
def test_no_foreign_page_gets_in(page, asked) -> None:
    refused = check(head(asked, origin(b"https://" + page + b".evil.example")), POLICY)
    assert refused is not None


HOSTS = """
127.0.0.1 localhost localhost.localdomain
127.0.1.1 gpubox.home.arpa gpubox llm  # this machine
192.168.1.9 printer
"""


@pytest.mark.parametrize(
    ("hostname", "hosts", "resolv", "expected"),
    [
        ("gpubox", "", "", {"gpubox", "gpubox.local"}),
        ("GPUBOX.Lan", "", "", {"gpubox.lan", "gpubox", "gpubox.local"}),
        ("gpubox", HOSTS, "", {"gpubox", "gpubox.local", "gpubox.home.arpa", "llm"}),
        ("gpubox", "", "search fritz.box Lan.\nnameserver 1.1.1.1\n", {"gpubox", "gpubox.local"}),
        ("gpubox", "", "domain corp.example", {"gpubox", "gpubox.local", "gpubox.corp.example"}),
        ("gpubox", "", "search .", {"gpubox", "gpubox.local"}),
        ("gpubox", "broken", "search", {"gpubox", "gpubox.local"}),
        ("", HOSTS, "search lan", set()),
        (".", HOSTS, "search lan", set()),
    ],
)
def test_the_names_of_a_machine(hostname, hosts, resolv, expected) -> None:
    searched = {"gpubox.fritz.box", "gpubox.lan"} if "fritz" in resolv else set()
    assert names_of(hostname, hosts, resolv) == expected | searched


def test_this_machine_has_a_name() -> None:
    assert any(name.endswith(".local") for name in own_names())
