import pytest

from slot.cli.show import grouped
from slot.profiles.command import Argument


def words(*pairs: str) -> list[Argument]:
    return [Argument(*pair.split("|")) for pair in pairs]


@pytest.mark.parametrize(
    ("argv", "rows"),
    [
        ([], []),
        (words("vllm|a", "serve|b"), [("vllm", "a"), ("serve", "b")]),
        (words("--port|a", "1|a", "--dtype|b", "x|b"), [("--port 1", "a"), ("--dtype x", "b")]),
        (words("--a|same", "1|same", "--b|same"), [("--a 1", "same"), ("--b", "same")]),
        (words("--json|a", '{"x": 1}|a'), [("--json '{\"x\": 1}'", "a")]),
        (words("--many|a", "1|a", "2|a"), [("--many 1 2", "a")]),
    ],
)
def test_a_flag_stands_beside_its_values(argv: list[Argument], rows: list[tuple[str, str]]) -> None:
    assert list(grouped(argv)) == rows
