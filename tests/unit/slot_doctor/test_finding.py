import pytest

from slot.doctor.finding import Finding, Level, amount, fail, ok, warn, worst

FINE = ok("c", "l", "f", "e")
ODD = warn("c", "l", "f", "e", "d")
BAD = fail("c", "l", "f", "e", "d")


@pytest.mark.parametrize(
    ("findings", "level"),
    [((), Level.OK), ((FINE,), Level.OK), ((ODD, FINE), Level.WARN), ((FINE, BAD, ODD), Level.FAIL)],
)
def test_the_worst_level_counts(findings: tuple[Finding, ...], level: Level) -> None:
    assert worst(findings) == level


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0.0 GiB"),
        (3 * 2**19, "1.5 MiB"),
        (2**30 - 2**20, "1023.0 MiB"),
        (2**30, "1.0 GiB"),
        (113 * 2**30, "113.0 GiB"),
    ],
)
def test_bytes_are_said_as_admins_read_them(count: int, said: str) -> None:
    assert amount(count) == said
