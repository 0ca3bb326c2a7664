from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor import __main__
from frontdoor.admin import commands
from frontdoor.admin.commands import Cap, Drain, Misunderstood, Pause, Progress, Reload, Replace, Reply, Resume, Status

NONE = Progress(0, 0, 0.0)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b'{"verb":"pause"}', Pause("maintenance")),
        (b'{"verb":"pause","reason":"new model"}\n', Pause("new model")),
        (b'{"verb":"pause","reason":"%s"}' % (b"x" * 200), Pause("x" * 200)),
        (b'{"verb":"resume"}', Resume()),
        (b'{"verb":"drain"}', Drain(None)),
        (b'{"verb":"drain","timeout_s":null}', Drain(None)),
        (b' {"timeout_s": 0.5, "verb": "drain"} \r\n', Drain(0.5)),
        (b'{"verb":"cap","cap":1}', Cap(1)),
        (b'{"verb":"cap","cap":100000}', Cap(100_000)),
        (b'{"verb":"cap","cap":null}', Cap(None)),
        (b'{"verb":"reload"}', Reload()),
        (b'{"verb":"replace"}', Replace()),
        (b'{"verb":"status"}', Status()),
    ],
)
def test_a_line_is_a_command(line: bytes, command: commands.AnyCommand) -> None:
    assert commands.decode(line) == command
    assert commands.decode(commands.encode(command)) == command


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "expected one JSON object on a line"),
        (b"status", "expected one JSON object on a line"),
        (b"\xff", "expected one JSON object on a line"),
        (b'{"verb":"pause","reason":"\xff"}', "expected one JSON object on a line"),
        (b'{"verb":"status"} {"verb":"resume"}', "expected one JSON object on a line"),
        (b"[" * 4000, "Expected `object`, got `array`"),
        (b"{}", "expected a verb: pause, resume, drain, cap, reload, replace, status"),
        (b'{"verb":"stop"}', "Invalid value 'stop'"),
        (b'{"verb":7}', "expected a verb"),
        (b'{"verb":"status","verbose":true}', "unknown field `verbose`"),
        (b'{"verb":"pause","reason":""}', "reason: found '', expected a text of 1 to 200 characters"),
        (b'{"verb":"pause","reason":"%s"}' % (b"x" * 201), "expected a text of 1 to 200 characters"),
        (b'{"verb":"pause","reason":"two\\nlines"}', "printable"),
        (b'{"verb":"drain","timeout_s":0}', "timeout_s: found 0, expected seconds above 0"),
        (b'{"verb":"drain","timeout_s":-1}', "timeout_s: found -1, expected seconds above 0"),
        (b'{"verb":"drain","timeout_s":1e999}', "timeout_s: found a number too large, expected seconds above 0"),
        (b'{"verb":"drain","timeout_s":"60"}', "timeout_s: found '60', expected seconds above 0"),
        (b'{"verb":"cap"}', "missing required field `cap`"),
        (b'{"verb":"cap","cap":0}', "cap: found 0, expected a whole number from 1, or null"),
        (b'{"verb":"cap","cap":100001}', "cap: found 100001, expected a whole number"),
        (b'{"verb":"cap","cap":true}', "cap: found True, expected a whole number"),
        (b'{"verb":"cap","cap":1.5}', "cap: found 1.5, expected a whole number"),
    ],
)
def test_what_is_no_command_is_told_why(line: bytes, why: str) -> None:
    found = commands.decode(line)
    assert isinstance(found, Misunderstood)
    assert why in found.why


@given(st.binary(max_size=200))
def test_no_bytes_break_it(line: bytes) -> None:
    commands.decode(line)


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(plain | st.lists(plain) | st.dictionaries(st.text(), plain), st.sampled_from(commands.VERBS))
def test_no_values_break_it(value: object, verb: str) -> None:
    commands.decode(json.dumps({"verb": verb, "reason": value, "cap": value, "timeout_s": value}).encode())


def test_every_verb_is_named_once() -> None:
    assert sorted(commands.VERBS) == sorted(one.__name__.lower() for one in commands.Command.__subclasses__())


@pytest.mark.parametrize(
    ("progress", "now", "deadline", "kind"),
    [
        (NONE, 0.0, None, Reply.DONE),
        (NONE, 10.0, 10.0, Reply.DONE),
        (NONE, 11.0, 10.0, Reply.DONE),
        (Progress(1, 0, 1.0), 0.0, None, Reply.PROGRESS),
        (Progress(0, 1, 1.0), 0.0, None, Reply.PROGRESS),
        (Progress(1, 0, 1.0), 9.999, 10.0, Reply.PROGRESS),
        (Progress(1, 0, 1.0), 10.0, 10.0, Reply.TIMEOUT),
        (Progress(0, 1, 1.0), 10.001, 10.0, Reply.TIMEOUT),
    ],
)
def test_a_drain_ends_when_nobody_is_left_or_in_time(
    progress: Progress, now: float, deadline: float | None, kind: Reply
) -> None:
    assert commands.look_at_drain(progress, now, deadline, paused="draining") is kind


@pytest.mark.parametrize("progress", [NONE, Progress(1, 0, 1.0)])
@pytest.mark.parametrize("deadline", [None, 10.0, 11.0])
def test_a_drain_ends_when_somebody_resumes(progress: Progress, deadline: float | None) -> None:
    assert commands.look_at_drain(progress, 10.0, deadline, paused=None) is Reply.RESUMED


@pytest.mark.parametrize(
    ("progress", "now", "told", "is_news"),
    [
        (Progress(2, 1, 3.0), 0.0, None, True),
        (Progress(2, 1, 3.5), 0.5, Progress(2, 1, 3.0), False),
        (Progress(1, 1, 3.5), 0.5, Progress(2, 1, 3.0), True),
        (Progress(2, 0, 3.5), 0.5, Progress(2, 1, 3.0), True),
        (Progress(2, 1, 3.999), 0.999, Progress(2, 1, 3.0), False),
        (Progress(2, 1, 4.0), 1.0, Progress(2, 1, 3.0), True),
    ],
)
def test_progress_is_told_when_it_is_news(progress: Progress, now: float, told: Progress | None, is_news: bool) -> None:
    assert commands.is_news(progress, now, told, 0.0) is is_news


def test_a_reply_is_one_line() -> None:
    line = commands.reply(Reply.ERROR, message="a\nb")
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"reply": "error", "message": "a\nb"}


def test_the_command_line_has_the_same_verbs() -> None:
    assert __main__.VERBS == commands.VERBS
