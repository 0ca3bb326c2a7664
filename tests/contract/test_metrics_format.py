"""Prometheus' own linter reads everything that `/metrics` can ever say, and the docs' alerts name nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from calls import call, occupancy, watch
from snapshots import FACTS, snapshot

from frontdoor.admission.admission import Admission, Limits
from frontdoor.answers.json_text import Tokens
from frontdoor.record.call import Outcome, Phase
from frontdoor.record.metrics import CONTENT_TYPE, Metrics
from frontdoor.refusal import Reason
from frontdoor.routes import ROUTES
from frontdoor.view.gauges import gauges
from slot.state import LoadPhase

MONITORING = Path(__file__).parents[2] / "docs/monitoring.md"


def everything() -> str:
    """An exposition with every series that there can be: each route, status, outcome, reason, phase."""
    seen = watch()
    odd = msgspec.structs.replace(FACTS, name='q"\\\n')
    seen.slot = snapshot(phase=LoadPhase.WEIGHTS, progress=0.5, profile=odd)
    held = occupancy(generations=Admission(Limits(8, kv_tokens=1000)), calls=[call(phase=phase) for phase in Phase])
    metrics = Metrics(lambda: gauges(seen, held))
    for profile in ("tiny", 'q"\\\n'):
        for route in (*ROUTES, None):
            for outcome in Outcome:
                one = call(route=route, outcome=outcome, status=200, tokens=Tokens(1, 2, 3), pings=1, retry=b"2")
                one.admitted, one.first_byte, one.first_token = 100.1, 100.2, 100.2
                one.intervals.note(100.2)
                one.intervals.note(100.3)
                metrics.count(one, profile)
        for reason in Reason:
            one = call(status=503, reason=reason, outcome=Outcome.REFUSED)
            metrics.count(one, profile)
    return metrics.text().decode()


def test_promtool_has_nothing_to_say(require: Callable[[object, str], None]) -> None:
    require(shutil.which("promtool"), "promtool is not installed (Debian: apt-get install prometheus)")
    run = subprocess.run(["promtool", "check", "metrics"], input=everything(), capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_promtool_would_have_said_something(require: Callable[[object, str], None]) -> None:
    require(shutil.which("promtool"), "promtool is not installed (Debian: apt-get install prometheus)")
    wrong = everything().replace("frontdoor_requests_total", "frontdoor_requests")
    run = subprocess.run(["promtool", "check", "metrics"], input=wrong, capture_output=True, text=True)
    assert run.returncode != 0


def test_the_format_is_the_one_that_is_named() -> None:
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"
    assert everything().endswith("\n")


def block(beginning: str) -> str:
    """The YAML of the docs that begins so."""
    return next(
        text for text in re.findall(r"```yaml\n(.*?)```", MONITORING.read_text(), re.S) if text.startswith(beginning)
    )


@pytest.mark.parametrize(("what", "beginning"), [("config", "scrape_configs:"), ("rules", "groups:")])
def test_promtool_accepts_what_the_docs_show(
    what: str, beginning: str, tmp_path: Path, require: Callable[[object, str], None]
) -> None:
    require(shutil.which("promtool"), "promtool is not installed (Debian: apt-get install prometheus)")
    file = tmp_path / "file.yml"
    file.write_text(block(beginning))
    run = subprocess.run(["promtool", "check", what, str(file)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_docs_name_no_metric_that_is_not_there() -> None:
    there = set(re.findall(r"^([a-z_]+)[{ ]", everything(), re.M))
    named = set(re.findall(r"\b(?:frontdoor|slot|process)_[a-z_]+", MONITORING.read_text()))
    events = {"frontdoor_start", "frontdoor_stop", "slot_changed"}
    histograms = {name.removesuffix("_bucket") for name in there}
    assert named - there - histograms - events == set()
    assert len(named) > 20
