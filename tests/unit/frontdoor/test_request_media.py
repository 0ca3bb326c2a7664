"""Images in a request, and everything that an engine would have to fetch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.policy.request_media import DENIALS, MediaPolicy
from frontdoor.refusal import Reason, Refused

PNG = "data:image/png;base64,iVBORw0KGgo="
STRICT = MediaPolicy(frozenset(), frozenset(), 2)
HOSTS = MediaPolicy(frozenset(), frozenset({"images.lan", "cdn.lan:8443", "10.0.0.7"}), 2)


def chat(part: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "what is it?"}, part]}]}


def image(url: object) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize(
    "url",
    [
        PNG,
        "data:image/jpeg;base64,",
        "DATA:IMAGE/PNG;BASE64,AAAA",
        "data:image/svg+xml;charset=utf-8;base64,AAAA",
        None,
    ],
)
@pytest.mark.parametrize("policy", [STRICT, HOSTS])
def test_an_image_inside_of_the_request_passes(policy, url) -> None:
    policy.check(chat(image(url)))


NOWHERE = [
    "",
    "http://evil.lan/x.png",
    "https://evil.lan/x.png",
    "HTTP://evil.lan/x.png",
    "file:///etc/passwd",
    "ftp://images.lan/x",
    "//images.lan/x",
    "images.lan/x",
    "data:video/jpeg;base64,AAAA",
    "data:text/html;base64,AAAA",
    "data:image/png,AAAA",
    "data:image/png;base64",
    "data:;base64,AAAA",
    "data:image/;base64,AAAA",
    " data:image/png;base64,AAAA",
    "data:image/png;video/jpeg;base64,AAAA",
    7,
    ["http://images.lan/x"],
    {"url": PNG},
]
ODD = [
    "http://images.lan",
    "http://images.lan?x=/",
    "http://images.lan#/",
    "http://images.lan.evil.lan/x",
    "http://evil.lan/images.lan",
    "http://evil.images.lan/x",
    "http://images.lan./x",
    "http://user@images.lan/x",
    "http://images.lan@evil.lan/x",
    "http://images.lan:80@evil.lan/x",
    "http://images.lan\\@evil.lan/x",
    "http://evil.lan\\@images.lan/x",
    "http://images.lan/\\evil.lan",
    "http:\\\\images.lan/x",
    "http:/images.lan/x",
    "http:///images.lan/x",
    "http://images.lan:80/x",
    "http://images.lan:8443/x",
    "http://images.lan:/x",
    "http://cdn.lan/x",
    "http://cdn.lan:8443:1/x",
    "http://images.lan/a b",
    "http://images.lan/\n",
    "http://images.lan/\x00",
    "http://images.lan/ä",
    "http://images%2elan/x",
    "http://ımages.lan/x",
    "http://[::ffff:10.0.0.7]/x",
    "http://0x0a000007/x",
    " http://images.lan/x",
]


@pytest.mark.parametrize("url", [*NOWHERE, *ODD, "http://images.lan/x"])
def test_without_hosts_the_engine_fetches_nothing(url) -> None:
    with pytest.raises(Refused) as refused:
        STRICT.check(chat(image(url)))
    refusal = refused.value.refusal
    assert (refusal.status, refusal.reason, refusal.param) == (400, Reason.FIELD_DENIED, "image_url")
    assert "messages[0].content[1]" in refusal.message


@pytest.mark.parametrize(
    "url",
    [
        "http://images.lan/",
        "https://images.lan/a/b.png?size=1&x=%20#y",
        "HTTPS://IMAGES.LAN/x",
        "http://cdn.lan:8443/x",
        "http://10.0.0.7/@x",
    ],
)
def test_a_host_of_the_profile_is_fetched_from(url) -> None:
    HOSTS.check(chat(image(url)))


@pytest.mark.parametrize("url", [*NOWHERE, *ODD])
def test_a_url_that_two_parsers_might_read_differently_is_not(url) -> None:
    with pytest.raises(Refused) as refused:
        HOSTS.check(chat(image(url)))
    assert "images.lan" in refused.value.refusal.message


EVIL = "http://evil.lan/x"
PLACES = [
    (chat({"type": "image_url", "image_url": EVIL}), "image_url"),
    (chat({"image_url": EVIL}), "image_url"),
    (chat({"type": "text", "text": "x", "image_url": {"url": EVIL}}), "image_url"),
    ({"messages": [{"role": "user", "content": image(EVIL)}]}, "image_url"),
    ({"messages": [{"role": "tool", "content": [{"type": "x", "content": [image(EVIL)]}]}]}, "image_url"),
    ({"messages": [[{"role": "user", "content": [image(EVIL)]}]]}, "image_url"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": EVIL}]}]}, "image_url"),
    (
        {"input": [{"type": "function_call_output", "output": [{"type": "input_image", "image_url": EVIL}]}]},
        "image_url",
    ),
    ({"input": [{"type": "computer_call_output", "output": {"image_url": EVIL}}]}, "image_url"),
    ({"previous_input_messages": [{"content": [image(EVIL)]}]}, "image_url"),
    ({"documents": [{"content": [image(EVIL)]}], "query": "x"}, "image_url"),
    ({"text_1": {"content": [image(EVIL)]}}, "image_url"),
    ({"inputs": [{"content": [image(EVIL)]}]}, "image_url"),
    ({"images": [PNG, EVIL]}, "image_url"),
    (chat({"type": "image", "source": {"type": "url", "url": EVIL}}), "source"),
    (chat({"type": "image", "source": {"type": "base64", "media_type": "video/jpeg", "data": "x"}}), "source"),
    (
        chat({"type": "image", "source": {"type": "base64", "media_type": "image/png,video/jpeg", "data": "x"}}),
        "source",
    ),
    (chat({"type": "image", "source": {"type": "base64", "media_type": 7, "data": "x"}}), "source"),
    (chat({"type": "tool_result", "content": [{"type": "image", "source": {"type": "url", "url": EVIL}}]}), "source"),
    ({"system": [{"type": "image", "source": {"type": "url", "url": EVIL}}]}, "source"),
]


@pytest.mark.parametrize(("fields", "param"), PLACES, ids=range(len(PLACES)))
def test_wherever_an_engine_looks_for_media(fields, param) -> None:
    with pytest.raises(Refused) as refused:
        STRICT.check(fields)
    assert refused.value.refusal.param == param


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"messages": None, "input": "text", "images": "text"},
        chat("a text"),
        chat({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x"}}),
        chat({"type": "image", "source": {"type": "base64", "data": "x"}}),
        chat({"type": "search_result", "source": "https://example.org/"}),
        chat({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}),
        chat({"type": "tool_use", "input": {"image_url": EVIL}}),
        chat({"type": ["image_url"], "text": "x"}),
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": {"image_url": EVIL}}}]}]},
        {"messages": [{"role": "user", "content": "x", "uuid": "id-of-some-frontend"}]},
        {"tools": [{"function": {"parameters": {"properties": {"image_url": {"type": "string"}}}}}]},
        {"tools": [{"name": "x", "input_schema": {"properties": {"video_url": {"type": "string"}}}}]},
        {"response_format": {"json_schema": {"schema": {"properties": {"image_url": {}}}}}},
        {"metadata": {"image_url": EVIL}},
        {"images": [PNG]},
    ],
)
def test_what_is_no_media_passes(fields) -> None:
    STRICT.check(fields)


@pytest.mark.parametrize("denial", [denial for denial in DENIALS if denial.name != "uuid"], ids=lambda one: one.name)
def test_other_media_are_denied_by_key_and_by_type_until_a_profile_allows_them(denial) -> None:
    data = "data:" + ("video/mp4" if denial.name == "video_url" else "audio/wav") + ";base64,AAAA"
    for part in ({denial.name: {"url": data}}, {"type": denial.name, "data": "x"}, {"type": "text", denial.name: data}):
        with pytest.raises(Refused) as refused:
            STRICT.check(chat(part))
        assert refused.value.refusal.param == denial.name
        MediaPolicy(frozenset({denial.name}), frozenset(), 2).check(chat(part))


def test_an_image_of_a_shared_cache_is_denied() -> None:
    part = {"type": "image_url", "image_url": None, "uuid": "x"}
    with pytest.raises(Refused) as refused:
        STRICT.check(chat(part))
    assert refused.value.refusal.param == "uuid"
    MediaPolicy(frozenset({"uuid"}), frozenset(), 2).check(chat(part))


@pytest.mark.parametrize(
    ("name", "url", "passes"),
    [
        ("video_url", "data:video/mp4;base64,AAAA", True),
        ("video_url", "data:video/jpeg;base64,AAAA", False),
        ("video_url", "data:video/jpg;base64,AAAA", False),
        ("video_url", PNG, False),
        ("video_url", EVIL, False),
        ("audio_url", "data:audio/wav;base64,AAAA", True),
        ("audio_url", EVIL, False),
    ],
)
def test_media_that_a_profile_allows_come_from_no_other_place_either(name, url, passes) -> None:
    policy = MediaPolicy(frozenset({name}), frozenset(), 2)
    if passes:
        policy.check(chat({name: {"url": url}}))
    else:
        with pytest.raises(Refused):
            policy.check(chat({name: {"url": url}}))


@pytest.mark.parametrize(("most", "images", "passes"), [(0, 0, True), (0, 1, False), (2, 2, True), (2, 3, False)])
def test_images_are_counted(most, images, passes) -> None:
    policy = MediaPolicy(frozenset(), frozenset(), most)
    parts = [image(PNG), {"type": "image", "source": {"type": "base64", "data": "x"}}, {"image_url": PNG}][:images]
    if passes:
        policy.check({"messages": [{"content": parts}]})
    else:
        with pytest.raises(Refused) as refused:
            policy.check({"messages": [{"content": parts}]})
        assert f"at most {most} images" in refused.value.refusal.message


def test_the_place_of_a_part_is_told_in_one_line() -> None:
    with pytest.raises(Refused) as refused:
        STRICT.check({"messages": [{"a\n\ud800" * 100: {"b": image(EVIL)}}]})
    message = refused.value.refusal.message
    message.encode()
    assert "\n" not in message
    assert len(message) < 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([PNG, EVIL]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "image_url", "source", "url", "content", "uuid"]), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(JSON)
def test_no_json_raises_anything_but_a_refusal(value) -> None:
    try:
        HOSTS.check({"messages": value, "images": value})
    except Refused as refused:
        assert refused.refusal.param
