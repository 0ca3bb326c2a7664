"""A real Prometheus scrapes a real frontdoor, and evaluates the alerts that the docs propose."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from processes import PATIENCE_S, free_port, until
from simulated_engine import SimulatedEngine, simulated_engine

MONITORING = Path(__file__).parents[3] / "docs/monitoring.md"


@dataclass
class Prometheus:
    """A running one. `said` is its log."""

    port: int
    said: Path

    def api(self, path: str, **query: str) -> Any:
        """The `data` of an answer of its HTTP API; None while it does not answer yet."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def value(self, query: str) -> float | None:
        """What an expression is worth now; None while there is no such series."""
        found = self.api("query", query=query)
        return float(found["result"][0]["value"][1]) if found and found["result"] else None

    def until(self, query: str, expected: float) -> None:
        until(
            lambda: True if self.value(query) == expected else None,
            lambda: f"{query} == {expected}, it is {self.value(query)}\n{self.said.read_text()}",
        )


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture(scope="module")
def engine() -> Iterator[SimulatedEngine]:
    with simulated_engine("--served-model-name", "tiny", "--max-model-len", "2048") as engine:
        yield engine


@pytest.fixture(scope="module")
def port(engine: SimulatedEngine) -> Iterator[int]:
    """Where a frontdoor in front of that engine listens, once it is open."""
    command = [sys.executable, "-m", "frontdoor", "--port", "0", "--backend-url", engine.url]
    bare = {name: text for name, text in os.environ.items() if not name.startswith("FRONTDOOR_")}
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, env=bare)) as process:
        assert process.stdout is not None
        started, opened = (json.loads(process.stdout.readline()) for _ in range(2))
        assert opened["message"] == "serving"
        yield started["port"]


@pytest.fixture(scope="module")
def prometheus(
    require: Callable[[object, str], None], port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    require(shutil.which("prometheus"), "prometheus is not installed (Debian: apt-get install prometheus)")
    tmp_path = tmp_path_factory.mktemp("prometheus")
    rules = tmp_path / "rules.yml"
    rules.write_text(re.findall(r"```yaml\n(groups:.*?)```", MONITORING.read_text(), re.DOTALL)[0])
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {"job_name": "frontdoor", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]},
            {
                "job_name": "engine",
                "metrics_path": "/metrics/engine",
                "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
            },
        ],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    listens = free_port()
    command = [
        "prometheus",
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{listens}",
    ]
    said = tmp_path / "prometheus.log"
    with said.open("wb") as log, ended(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)):
        yield Prometheus(listens, said)


def ask(port: int, *, stream: bool) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        body = {"model": "tiny", "prompt": "Hello", "max_tokens": 8, "ignore_eos": True, "stream": stream}
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().read()


def test_a_real_prometheus_scrapes_it(port: int, prometheus: Prometheus) -> None:
    prometheus.until('up{job="frontdoor"}', 1)
    prometheus.until("frontdoor_active_generations", 0)
    prometheus.until('up{job="engine"}', 1)
    prometheus.until("count(vllm:num_requests_running)", 1)
    ask(port, stream=True)
    ask(port, stream=False)
    route = '{route="/v1/completions"}'
    prometheus.until('frontdoor_requests_total{route="/v1/completions",outcome="ok",status="200"}', 2)
    prometheus.until(f"frontdoor_time_to_first_token_seconds_count{route}", 1)
    prometheus.until(f"frontdoor_inter_token_latency_seconds_count{route}", 7)
    prometheus.until('frontdoor_rejected_total{reason="at_capacity"}', 0)
    prometheus.until("count(frontdoor_build_info)", 1)


def test_it_can_evaluate_every_alert_of_the_docs(prometheus: Prometheus) -> None:
    prometheus.until('up{job="frontdoor"}', 1)

    def evaluated() -> list[dict[str, Any]] | None:
        found = prometheus.api("rules") or {"groups": []}
        rules = [rule for group in found["groups"] for rule in group["rules"]]
        return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None

    rules = until(evaluated, lambda: f"the evaluation of every rule\n{prometheus.said.read_text()}")
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
