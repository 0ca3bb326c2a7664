import pytest

from slot.cli.watch import news


@pytest.mark.parametrize(
    ("told", "lines", "said"),
    [
        ([], ["slot  loading"], ["slot  loading"]),
        (["slot  loading"], ["slot  loading"], []),
        (["slot  serving  a, for 5 s"], ["slot  serving  a, for 6 s"], []),
        (["  load  weights, 9%, about 14 s left"], ["  load  weights, 31%, about 8 s left"], []),
        (["  load  weights, 31%"], ["  load  compile, 40%"], ["  load  compile, 40%"]),
        (["slot  serving  sim-1, for 5 s"], ["slot  serving  sim-2, for 5 s"], ["slot  serving  sim-2, for 5 s"]),
        (["door  http://127.0.0.1:8000"], ["door  http://127.0.0.1:8001"], ["door  http://127.0.0.1:8001"]),
        (["one", "two"], ["two", "three"], ["three"]),
    ],
)
def test_what_is_printed_is_what_says_something_else(told: list[str], lines: list[str], said: list[str]) -> None:
    assert news(told, lines) == said
