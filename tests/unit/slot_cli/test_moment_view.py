import pytest

from slot.cli.moment_view import Lines, Moment


def test_a_log_gets_a_line_for_what_is_new(capsys: pytest.CaptureFixture[str]) -> None:
    view = Lines()
    for seconds in (41, 42):
        view.show(Moment("draining", f"draining 3 of 8, oldest {seconds} s", 5 / 8, news="3 0"))
    view.show(Moment("draining", "draining 2 of 8, oldest 43 s", 6 / 8, news="2 0"))
    view.show(Moment("loading b", "loading b: weights", 0.1, "about 40 s left", "weights"))
    view.say("that is all")
    assert capsys.readouterr().out.splitlines() == [
        "draining 3 of 8, oldest 41 s",
        "draining 2 of 8, oldest 43 s",
        "loading b: weights, about 40 s left",
        "that is all",
    ]


def test_what_was_said_is_not_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    view = Lines()
    for phase in ("starting", "compile", "starting"):
        view.show(Moment("loading b", f"loading b: {phase}", news=phase))
    assert capsys.readouterr().out.splitlines() == ["loading b: starting", "loading b: compile"]
