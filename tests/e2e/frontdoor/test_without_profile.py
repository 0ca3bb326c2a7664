"""A service whose active profile is missing or wrong: its port answers, admits nothing, and follows the file."""

from __future__ import annotations

import asyncio
import http.client
import json
from pathlib import Path
from typing import Any

import pytest
from e2e.frontdoor.service_manager import running

GOOD = (
    "MODEL_SLOT_NAME=x\nMODEL_SLOT_STATUS=test\nMODEL_SLOT_MODALITIES=text\nMODEL_SLOT_TITLE=X\nMODEL_SLOT_HF_ID=a/b\n"
    "MODEL_SLOT_ENGINE=simulator\nSERVE_MAX_NUM_SEQS=4\nFRONTDOOR_MAX_ACTIVE_GENERATIONS=3\n"
)


def ask(port: int, method: str, path: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, b"{}" if method == "POST" else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "no profile is active: {path} does not exist"),
        (f"{GOOD}SERVE_MAX_MODEL_LENN=5\n", "the active profile cannot be used: {path}:9: SERVE_MAX_MODEL_LENN: found"),
        (f"{GOOD}FRONTDOOR_PORT=http\nNONSENSE=1\n", "the active profile cannot be used: {path}:9: FRONTDOOR_PORT"),
    ],
)
async def test_it_says_why_until_there_is_one(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "current.env"
    if text is not None:
        path.write_text(text)
    async with running(FRONTDOOR_ACTIVE_PROFILE=str(path)) as service:
        status, body = await asyncio.to_thread(ask, service.port, "POST", "/v1/chat/completions")
        assert (status, body["error"]["code"]) == (503, "backend_unavailable")
        assert body["error"]["message"].startswith(told.format(path=path))
        assert "slotctl switch NAME" in body["error"]["message"]

        path.write_text(GOOD)
        await service.until_log('"changed"')
        _, body = await asyncio.to_thread(ask, service.port, "GET", "/status")
        assert body["frontdoor"]["max_active_generations"] == 3
        assert "profile" not in (body["message"] or "")


async def test_a_bad_environment_still_keeps_it_from_starting(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="FRONTDOOR_QUEUE_TIMEOUT_S"):
        async with running(FRONTDOOR_ACTIVE_PROFILE=str(tmp_path / "current.env"), FRONTDOOR_QUEUE_TIMEOUT_S="soon"):
            pass
