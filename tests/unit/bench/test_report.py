"""Medians of ratios rather than ratios of medians, and a table that is straight."""

from __future__ import annotations

import json

import pytest
from bench import report
from bench.report import Measure, Sample, Told, percentile

CPU = Measure("cpu", "CPU per event", "µs")
DELAY = Measure("delay", "added delay p50", "ms", 3, Told.ADDED, has_ratio=False)
MEMORY = Measure("memory", "memory per open stream", "KiB", 1, Told.LARGEST)
PEERS = ("ours", "nginx", "direct")


def samples(measure: str, **values: list[float]) -> list[Sample]:
    return [
        Sample(round_, measure, peer, value)
        for peer, figures in values.items()
        for round_, value in enumerate(figures, start=1)
    ]


def rows_of(measure: Measure, found: list[Sample]) -> list[report.Row]:
    return report.rows([measure], found, PEERS, "ours", "nginx", "direct")


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([7.0], 0.5, 7.0), ([3, 1, 2], 0.5, 2), ([1, 2, 3, 4, 5], 0, 1), ([1, 2, 3, 4, 5], 1, 5), (range(101), 0.99, 99)],
)
def test_a_percentile_is_one_of_the_values(values, share, expected) -> None:
    assert percentile(values, share) == expected


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_ratio_is_taken_inside_each_round() -> None:
    # the machine was three times as slow in the second round: the ratio of medians would be 20 : 10
    [row] = rows_of(CPU, samples("cpu", ours=[15, 60, 20], nginx=[10, 30, 10]))
    assert row.values == {"ours": 20, "nginx": 10, "direct": None}
    assert row.ratio == 2.0
    [row] = rows_of(CPU, samples("cpu", ours=[10, 90, 31], nginx=[10, 30, 30]))
    assert row.ratio == pytest.approx(31 / 30)


def test_only_rounds_that_both_have_make_a_ratio() -> None:
    found = [Sample(1, "cpu", "ours", 9.0), Sample(2, "cpu", "ours", 4.0), Sample(2, "cpu", "nginx", 2.0)]
    [row] = rows_of(CPU, found)
    assert (row.values["ours"], row.ratio) == (6.5, 2.0)


@pytest.mark.parametrize("nginx", [[], [0.0]])
def test_without_a_baseline_there_is_no_ratio(nginx) -> None:
    [row] = rows_of(CPU, samples("cpu", ours=[9.0], nginx=nginx))
    assert row.ratio is None


def test_what_is_added_is_the_difference_inside_each_round() -> None:
    [row] = rows_of(DELAY, samples("delay", ours=[1.2, 5.3, 1.5], nginx=[1.1, 5.1, 1.1], direct=[1.0, 5.0, 1.0]))
    assert row.values["ours"] == pytest.approx(0.3)
    assert row.values["nginx"] == pytest.approx(0.1)
    assert (row.values["direct"], row.ratio) == (None, None)


def test_memory_is_that_of_the_round_that_grew_most() -> None:
    [row] = rows_of(MEMORY, samples("memory", ours=[8.0, 0.0, 0.1], nginx=[16.0, 0.0, 0.0]))
    assert row.values == {"ours": 8.0, "nginx": 16.0, "direct": None}


def test_what_nobody_measured_has_no_row() -> None:
    assert rows_of(CPU, []) == []


def test_the_table_is_markdown_with_straight_columns() -> None:
    found = rows_of(CPU, samples("cpu", ours=[1234.56], nginx=[1000.0])) + rows_of(
        DELAY, samples("delay", ours=[1.25], direct=[1.0])
    )
    assert report.table(found, PEERS, "ours", "nginx").splitlines() == [
        "| measure             |    ours |   nginx | direct | ours : nginx |",
        "| ------------------- | ------: | ------: | -----: | -----------: |",
        "| CPU per event, µs   | 1,234.6 | 1,000.0 |      - |       1.23 x |",
        "| added delay p50, ms |   0.250 |       - |      - |            - |",
    ]


def test_without_a_baseline_there_is_no_column_for_it() -> None:
    found = report.rows([CPU], samples("cpu", ours=[2.0]), ("ours",), "ours", "nginx", "direct")
    assert report.table(found, ("ours",), "ours", "nginx").splitlines()[0] == "| measure           | ours |"


def test_programs_get_every_figure_of_every_round() -> None:
    found = samples("cpu", ours=[15, 60], nginx=[10, 30])
    told = json.loads(json.dumps(report.as_json(rows_of(CPU, found), found)))
    assert told["measures"]["cpu"]["ratio"] == 1.75
    assert told["measures"]["cpu"]["values"] == {"ours": 37.5, "nginx": 20, "direct": None}
    assert told["samples"][0] == {"round": 1, "measure": "cpu", "peer": "ours", "value": 15}
    assert len(told["samples"]) == 4
