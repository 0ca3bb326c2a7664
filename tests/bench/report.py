"""What the rounds have shown: medians, ratios and the table. A pure core.

A figure of one round alone says little on a shared machine, but two proxies measured one right after the other suffer
the same. So a ratio is taken inside each round, and the median of the ratios is told; likewise what a proxy adds to the
time without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median


class Told(Enum):
    """How the figures of several rounds become one."""

    MEDIAN = "median"
    ADDED = "added"  # the median of what it is more than without a proxy, in the same round
    LARGEST = "largest"  # memory: only the first round finds a process without spare pages


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure: `value` of `measure`, in the measure's own unit, of one peer in one round."""

    round: int
    measure: str
    peer: str
    value: float


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the table. `name` is its word in JSON, `digits` are those after the point."""

    name: str
    title: str
    unit: str
    digits: int = 1
    told: Told = Told.MEDIAN
    has_ratio: bool = True  # to the baseline


@dataclass(frozen=True, slots=True)
class Row:
    """`values` by peer, None where it was not measured. `ratio`: ours to the baseline's, None without one."""

    measure: Measure
    values: dict[str, float | None]
    ratio: float | None


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which about `share` (0 to 1) of them lie. Raises ValueError for none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[round(share * (len(ordered) - 1))]


def rows(
    measures: Sequence[Measure], samples: Sequence[Sample], peers: Sequence[str], ours: str, baseline: str, direct: str
) -> list[Row]:
    """One row for each measure of which there is a sample."""
    table = []
    for measure in measures:
        by_peer = {peer: _by_round(samples, measure.name, peer) for peer in peers}
        if not any(by_peer.values()):
            continue
        values = {peer: _value(measure, by_peer[peer], by_peer.get(direct, {})) for peer in peers}
        ratio = _ratio(by_peer.get(ours, {}), by_peer.get(baseline, {})) if measure.has_ratio else None
        table.append(Row(measure, values, ratio))
    return table


def _by_round(samples: Iterable[Sample], measure: str, peer: str) -> dict[int, float]:
    return {sample.round: sample.value for sample in samples if (sample.measure, sample.peer) == (measure, peer)}


def _value(measure: Measure, figures: dict[int, float], direct: dict[int, float]) -> float | None:
    if measure.told is Told.ADDED:
        if figures is direct:
            return None  # without a proxy nothing is added
        figures = {round_: figure - direct[round_] for round_, figure in figures.items() if round_ in direct}
    if not figures:
        return None
    return max(figures.values()) if measure.told is Told.LARGEST else median(figures.values())


def _ratio(ours: dict[int, float], baseline: dict[int, float]) -> float | None:
    ratios = [ours[round_] / baseline[round_] for round_ in ours.keys() & baseline.keys() if baseline[round_]]
    return median(ratios) if ratios else None


def table(found: Sequence[Row], peers: Sequence[str], ours: str, baseline: str) -> str:
    """A Markdown table, which is as well plain text with straight columns."""
    has_ratio = baseline in peers
    head = ["measure", *peers, *([f"{ours} : {baseline}"] if has_ratio else [])]
    lines = [head]
    for row in found:
        figures = [_figure(row.values.get(peer), row.measure.digits) for peer in peers]
        lines.append(
            [f"{row.measure.title}, {row.measure.unit}", *figures, *([_times(row.ratio)] if has_ratio else [])]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(line, widths) for line in (head, rule, *lines[1:])) + "\n"


def as_json(found: Sequence[Row], samples: Sequence[Sample]) -> dict[str, object]:
    """The same for programs: every measure by its name, and every figure of every round."""
    return {
        "measures": {
            row.measure.name: {
                "title": row.measure.title,
                "unit": row.measure.unit,
                "told": row.measure.told.value,
                "values": row.values,
                "ratio": row.ratio,
            }
            for row in found
        },
        "samples": [
            {"round": sample.round, "measure": sample.measure, "peer": sample.peer, "value": sample.value}
            for sample in samples
        ],
    }


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if not column else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join([first, *rest])} |"


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f} x"
