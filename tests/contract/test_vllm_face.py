"""The simulator answers as vLLM 0.32 does: the same status, headers, error texts and keys in the same order.

`vllm_0_32/answers.json` was recorded from vLLM 0.32.0 (`--served-model-name tiny --max-model-len 2048 --max-num-seqs 4
--enable-prompt-tokens-details`); of answers that carry a model's words only the shape was kept.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simulated_engine import SimulatedEngine, simulated_engine

RECORDED = json.loads((Path(__file__).parent / "vllm_0_32/answers.json").read_text())


@pytest.fixture(scope="module")
def engine() -> Iterator[SimulatedEngine]:
    flags = "--served-model-name tiny --max-model-len 2048 --max-num-seqs 4 --enable-prompt-tokens-details"
    with simulated_engine(*flags.split(), "--simulator-timing", '{"load_s": 0}') as running:
        yield running


@pytest.mark.parametrize("recorded", RECORDED, ids=[f"{r['method']} {r['path']} {n}" for n, r in enumerate(RECORDED)])
def test_answers_as_vllm_does(engine: SimulatedEngine, recorded: dict[str, Any]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=30)
    connection.request(recorded["method"], recorded["path"], _body(recorded), _headers(recorded))
    response = connection.getresponse()
    text = response.read()
    connection.close()
    assert response.status == recorded["status"]
    for header in ("content_type", "allow", "location"):
        assert response.getheader(header.replace("_", "-")) == recorded.get(header)
    assert (response.getheader("server"), response.getheader("vary")) == ("uvicorn", "Origin")
    if "answer" in recorded:
        assert _comparable(json.loads(text)) == _comparable(recorded["answer"])
    if "shape" in recorded:
        assert json.dumps(_shape(json.loads(text))) == json.dumps(recorded["shape"])
    if "events" in recorded:
        assert json.dumps(_events(text.decode())) == json.dumps(recorded["events"])


def _headers(recorded: dict[str, Any]) -> dict[str, str]:
    typed = {"Content-Type": "application/json"} if "body" in recorded or "raw" in recorded else {}
    return {"Host": "x", **typed, **recorded.get("headers", {})}


def _body(recorded: dict[str, Any]) -> bytes | None:
    if "raw" in recorded:
        return bytes(recorded["raw"], "utf-8")
    return json.dumps(_unfolded(recorded["body"])).encode() if "body" in recorded else None


def _unfolded(value: Any) -> Any:
    """Long prompts are written as what is repeated and how often."""
    if isinstance(value, dict) and set(value) == {"repeat", "times"}:
        unit = value["repeat"] if isinstance(value["repeat"], str) else [value["repeat"]]
        return unit * value["times"]
    if isinstance(value, dict):
        return {key: _unfolded(member) for key, member in value.items()}
    return [_unfolded(member) for member in value] if isinstance(value, list) else value


def _comparable(answer: Any) -> Any:
    # vLLM counts a field that it has added itself
    return json.loads(re.sub(r"<dict of \d+ items>", "<dict>", json.dumps(answer)))


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        words = value and all(isinstance(number, float) for number in value.values())  # word -> logprob
        return "words" if words else {key: _shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return value if value is None else "float" if isinstance(value, float) else type(value).__name__


def _events(stream: str) -> list[Any]:
    """Name and shape of every event, runs of the same one counted once."""
    events: list[Any] = []
    for framed in stream.split("\n\n")[:-1]:
        *name, data = framed.split("\n")
        data = data.removeprefix("data: ")
        event = [
            name[0].removeprefix("event: ") if name else None,
            data if data == "[DONE]" else _shape(json.loads(data)),
        ]
        if not events or events[-1] != event:
            events.append(event)
    return events
