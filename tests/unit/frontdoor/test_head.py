"""A head as a value: what is found by name, however often it was given."""

from __future__ import annotations

from frontdoor.http.head import Head

HEAD = Head(fields=[(b"accept", b"a"), (b"host", b"door"), (b"accept", b"b"), (b"accept", b"c")])


def test_the_first_of_several_values_is_found() -> None:
    assert (HEAD.get(b"accept"), HEAD.get(b"host"), HEAD.get(b"origin")) == (b"a", b"door", None)


def test_all_of_several_values_are_found_in_order() -> None:
    assert (HEAD.values(b"accept"), HEAD.values(b"origin")) == ([b"a", b"b", b"c"], [])


def test_each_name_is_there_once() -> None:
    assert sorted(HEAD.names()) == [b"accept", b"host"]
