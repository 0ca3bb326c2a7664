import pytest

from slot.cli.pause import pause, words_of
from slot.cli.refusal import Refused
from slot.switch.door import Left, Reply


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (Left(Reply.PROGRESS, 3, 1, 41.4), "3 active, 1 waiting, the oldest for 41 s"),
        (Left(Reply.DONE, 0, 0, 0.0), "drained: nobody is left; it stays paused until: slotctl resume"),
        (
            Left(Reply.TIMEOUT, 1, 0, 9.0),
            "not drained in time: 1 active, 0 waiting; it stays paused until: slotctl resume",
        ),
        (Left(Reply.RESUMED, 1, 2, 9.0), "not drained: somebody has resumed meanwhile; 1 active, 2 waiting"),
    ],
)
def test_how_far_a_drain_is(left: Left, said: str) -> None:
    assert words_of(left) == said


@pytest.mark.parametrize("reason", ["", "x" * 201, "two\nlines", "\x1b[31mred"])
def test_a_reason_that_clients_could_not_be_told_is_refused(reason: str) -> None:
    with pytest.raises(Refused) as refused:
        pause(reason, as_json=False)
    assert refused.value.code == 2
