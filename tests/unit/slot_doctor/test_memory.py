import pytest

from slot.doctor.finding import Level
from slot.doctor.memory import amounts, check

GIB = 2**30
MEMINFO = "MemTotal:  134217728 kB\nMemFree: 1 kB\nMemAvailable: 104857600 kB\nSwapTotal: {swap} kB\n"


def test_amounts_are_by_name() -> None:
    assert amounts("MemTotal: 12 kB\nHugePages_Total:       0\nodd\n") == {"MemTotal": 12 * 1024}


@pytest.mark.parametrize(
    ("weights_gib", "on_cpu", "level"),
    [
        (100, False, Level.OK),
        (101, False, Level.WARN),
        (100, True, Level.OK),
        (101, True, Level.FAIL),
        (0, True, Level.OK),
    ],
)
def test_weights_against_available_memory(weights_gib: int, on_cpu: bool, level: Level) -> None:
    finding = check(MEMINFO.format(swap=0), weights_bytes=weights_gib * GIB, on_cpu=on_cpu)
    assert finding.level == level
    assert finding.looked_at == f"128.0 GiB of memory for {weights_gib}.0 GiB of weights"


def test_swap_is_a_note() -> None:
    finding = check(MEMINFO.format(swap=2 * 2**20), weights_bytes=GIB, on_cpu=False)
    assert finding.level == Level.OK
    assert "2.0 GiB of swap" in finding.found
    assert "swap" in finding.expected
