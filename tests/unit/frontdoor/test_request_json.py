"""Bodies that are read, and what is said of those that are not."""

from __future__ import annotations

import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.http.upload import check_content_type
from frontdoor.policy.request_json import (
    MAX_CONTAINERS,
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_KEYS,
    MAX_SMALL_NUMBERS,
    MAX_TEXT_BYTES,
    MAX_VALUES,
    read_object,
    whole_number,
)
from frontdoor.refusal import Refused

IMAGE = base64.b64encode(random.Random(1).randbytes(30_000))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is empty"),
        (b" ", "at character 1"),
        (b"[]", "is an array"),
        (b'"text"', "is a string"),
        (b"1", "is a number"),
        (b"true", "is true or false"),
        (b"null", "is null"),
        (b"{", "at character 1"),
        (b'{"a":1}}', "Extra data at character 7"),
        (b'{"a":1,}', "is not JSON"),
        (b"{'a':1}", "at character 1"),
        (b'{"a":"\n"}', "Invalid control character at character 6"),
        (b'{"a":01}', "at character 6"),
        (b'\xef\xbb\xbf{"a":1}', "a byte order mark"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8: byte 0 is 0xff"),
        ('{"a":1}'.encode("utf-16-le"), "at character 1"),
        (b'{"a":"\xc3"}', "not UTF-8: byte 6 is 0xc3"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8: byte 6"),
        (b'{"a":NaN}', "holds NaN"),
        (b'{"a":[Infinity]}', "holds Infinity"),
        (b'{"a":-Infinity}', "holds -Infinity"),
        (b'{"a":1e999}', "a number above 1.8e308"),
        (b'{"a":-1e309}', "a number above 1.8e308"),
        (b'{"a":' + b"9" * (MAX_DIGITS + 1) + b"}", "more than 640 digits"),
        (b'{"a":' + b"9" * 4_000_000 + b"}", "more than 640 digits"),
        (b'{"n":1,"n":99999}', "the key 'n' twice"),
        (b'{"a":[{"b":{"n":1,"n":1}}]}', "the key 'n' twice"),
        (b'{"n":1,"\\u006e":2}', "the key 'n' twice"),
        (nested(MAX_DEPTH + 1), "more than 64 levels"),
        (nested(40_000), "more than 64 levels"),
        (b"[" * 100_000, "more than 64 levels"),
        (b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "more than 64 levels"),
        (b'{"a":[' + b"{}," * MAX_CONTAINERS + b" " * (1 << 18) + b"1]}", "more than 50000 objects"),
        (b'{"a":[' + b"1," * (MAX_VALUES + 1) + b"1]}", "more than 500000 values"),
        (b'{"a":"' + IMAGE + b'","b":NaN}', "holds NaN"),
        (b'{"a":"' + IMAGE + b'"', f"at character {len(IMAGE) + 7}"),
        (b'{"a":"' + IMAGE, "Unterminated string"),
        (b'{"a":"' + IMAGE + b'\xff"}', f"byte {len(IMAGE) + 6} is 0xff"),
        (b'{"a":1"' + IMAGE + b'"}', "at character 6"),
    ],
    ids=range(39),
)
def test_what_is_no_json_object_is_refused_with_the_reason_and_the_place(body, said) -> None:
    with pytest.raises(Refused) as refused:
        read_object(body)
    assert refused.value.refusal.status == 400
    assert said in refused.value.refusal.message


def keys(count: int, colon: bytes) -> bytes:
    return b"{" + b",".join(b'"%d%b1' % (number, colon) for number in range(count)) + b"}"


@pytest.mark.parametrize("colon", [b'":', b'" :', b'"\n \t:', b'"\r:', b'\\\\":'])
def test_keys_are_counted_however_they_are_written(colon) -> None:
    with pytest.raises(Refused, match="more than 100000 keys"):
        read_object(keys(MAX_KEYS + 1, colon))
    assert len(read_object(keys(MAX_KEYS, colon)).fields) == MAX_KEYS


def test_colons_and_quoted_keys_in_a_text_are_no_keys() -> None:
    for text in ("a: b " * (MAX_KEYS + 1), keys(MAX_KEYS + 1, b'":').decode()):
        body = json.dumps({"text": text}).encode()
        assert read_object(body).fields == {"text": text}


def test_numbers_that_cost_most_are_limited() -> None:
    with pytest.raises(Refused, match="negative exponent"):
        read_object(b'{"a":[' + b"1.5e-300," * (MAX_SMALL_NUMBERS + 1) + b"1]}")


def test_a_text_has_its_own_limit_and_images_do_not_count() -> None:
    rest = len(b'{"a":""}')
    read_object(b'{"a":"' + b"a " * ((MAX_TEXT_BYTES - rest) // 2) + b'"}')
    read_object(b'{"a":"' + IMAGE * 500 + b'"}')
    with pytest.raises(Refused) as refused:
        read_object(b'{"a":"' + b"a " * (MAX_TEXT_BYTES // 2) + b'"}')
    assert (refused.value.refusal.status, refused.value.refusal.code) == (413, "request_too_large")
    assert "16777216 bytes" in refused.value.refusal.message


def test_a_large_body_is_not_read_twice_for_the_place_of_a_mistake() -> None:
    with pytest.raises(Refused, match="places are counted without long base64 data"):
        read_object(b'{"a":"' + IMAGE + b'","b":"' + b"b " * (1 << 18) + b'",}')


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b' \r\n\t{"a" : 1 } ',
        nested(MAX_DEPTH),
        b'{"a":1e308,"b":-1e308,"c":1e-999,"d":' + b"9" * MAX_DIGITS + b"}",
        b'{"a":{"n":1},"b":{"n":2}}',
        b'{"a":[' + b"{}," * (MAX_CONTAINERS - 3) + b" " * (1 << 18) + b"1]}",
        b'{"a":[' + b"1," * (MAX_VALUES - 1) + b"1]}",
        '{"ä":"😀","\\u00e4":1}'.encode(),
        b'{"a":"\\ud800"}',
        b'{"text":"NaN, Infinity, {{{{ \\"n\\":1,\\"n\\":2"}',
    ],
    ids=range(10),
)
def test_what_is_one_is_read(body) -> None:
    if body == '{"ä":"😀","\\u00e4":1}'.encode():
        pytest.raises(Refused, read_object, body)  # the same key, written in two ways
    else:
        assert read_object(body).fields == json.loads(body)


@given(st.dictionaries(st.text(), VALUES), st.booleans(), st.sampled_from([None, 1]))
def test_any_object_is_read_as_the_engine_reads_it(fields, ascii_only, indent) -> None:
    body = json.dumps(fields, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    try:
        read = read_object(body)
    except Refused as refused:
        assert "not UTF-8" in refused.refusal.message  # half of a surrogate pair, written as it is
    else:
        assert read.fields == fields
        assert read.text_bytes == len(body)


@given(st.binary() | st.text().map(str.encode) | st.from_regex(rb'[\[\]{}:,"\\ua0-9eE.+-]*', fullmatch=True))
def test_no_bytes_raise_anything_but_a_refusal(body) -> None:
    try:
        read_object(body)
    except Refused:
        pass


@pytest.mark.parametrize("before", [b"", b"data:image/png;base64,", b"/9j/"])
@pytest.mark.parametrize("length", [4095, 4096, 8192, 40_000])
def test_an_image_is_no_text_and_ends_where_it_ends(before, length) -> None:
    run = before + IMAGE[: length - len(before)]
    body = b'{"model":"m","a":[{"data": "' + run + b'","type":"image"}],"n":2}'
    read = read_object(body)
    assert (read.fields["model"], read.fields["n"], read.fields["a"][0]["type"]) == ("m", 2, "image")
    assert run.startswith(read.fields["a"][0]["data"].encode())
    assert read.text_bytes == (len(body) if length < 4096 else len(body) - length + 256)


def test_several_images_are_each_cut() -> None:
    body = json.dumps({"a": [IMAGE.decode()] * 3, "b": {"c": IMAGE.decode(), "d": "ä"}}, ensure_ascii=False).encode()
    read = read_object(body)
    assert read.text_bytes == len(body) - 4 * (len(IMAGE) - 256)
    assert read.fields["b"]["d"] == "ä"


@pytest.mark.parametrize(
    "run",
    [
        b"a" * 9000 + b" " + b"a" * 9000,
        b"a" * 9000 + b"\\n" + b"a" * 9000,
        ("ä" * 9000).encode(),
        b"-" * 9000,
        b"\\" + b"a" * 9000,
    ],
    ids=["prose", "lines", "not ASCII", "not base64", "an escape"],
)
def test_what_is_text_is_read_whole_or_refused(run) -> None:
    body = b'{"a":"' + run + b'"}'
    try:
        assert read_object(body).text_bytes == len(body)
    except Refused:
        assert run.startswith(b"\\a")


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (b'","n":99999,"x":"', "twice"),
        (b'\\","n":99999,"x":"', "not JSON"),
        (b'\\\\","n":99999,"x":"', "twice"),
        (b'"n":99999,"x":"', "not JSON"),
    ],
)
def test_nothing_hides_in_a_run(inside, said) -> None:
    with pytest.raises(Refused) as refused:
        read_object(b'{"n":1,"a":"' + IMAGE + inside + IMAGE + b'"}')
    assert said in refused.value.refusal.message


@given(st.lists(st.sampled_from([b'"', b"\\", b" ", b"a" * 5000, b",", b":", b'{"a":"', b"}", b"x"]), max_size=12))
def test_a_body_that_is_read_has_the_structure_that_the_engine_sees(pieces) -> None:
    body = b'{"a":"' + b"".join(pieces) + b'"}'
    try:
        fields = read_object(body).fields
    except Refused:
        return
    whole = json.loads(body)
    assert list(whole) == list(fields)
    assert all(whole[name].startswith(fields[name]) for name in whole)


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        (None, True),
        (b"application/json", True),
        (b"application/json; charset=utf-8", True),
        (b"Application/JSON;charset=UTF-8", True),
        (b'application/json ; charset="utf-8"', True),
        (b"application/json; charset=utf8; x=y", True),
        (b"", False),
        (b"text/plain", False),
        (b"text/plain;application/json", False),
        (b"application/x-www-form-urlencoded", False),
        (b"multipart/form-data; boundary=x", False),
        (b"application/jsonp", False),
        (b"application/json, text/plain", False),
        (b"application/json; charset=latin-1", False),
        (b"application/json; charset=utf-8; charset=utf-16", False),
        (b"\xff" * 1000, False),
    ],
)
def test_a_post_says_json_or_nothing(value, accepted) -> None:
    refusal = check_content_type(value)
    assert (refusal is None) == accepted
    if refusal is not None:
        assert refusal.status == 415
        assert "Content-Type: application/json" in refusal.message
        assert len(refusal.message) < 400


@pytest.mark.parametrize(
    ("value", "number"),
    [(None, None), (0, 0), (7, 7), (-1, -1), (256.0, 256), (1e9, 1_000_000_000)],
)
def test_a_whole_number(value, number) -> None:
    assert whole_number({"n": value}, "n") == number
    assert whole_number({}, "n") is None


@pytest.mark.parametrize("value", ["1", 1.5, True, False, [1], {}])
def test_what_is_no_whole_number_is_refused_by_its_name(value) -> None:
    with pytest.raises(Refused) as refused:
        whole_number({"n": value}, "n")
    assert (refused.value.refusal.status, refused.value.refusal.param) == (400, "n")
