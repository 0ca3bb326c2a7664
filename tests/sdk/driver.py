"""One SDK in a process of its own: takes jobs, does what an application would do with the SDK, says what came of it.

Run as `python -S driver.py openai|anthropic`, with the SDK's place as the only PYTHONPATH. One job per line of stdin,
one outcome per line of stdout, both JSON; the fields are those of `sdk_process.Job` and `sdk_process.Outcome`. It knows
nothing of the frontdoor, and imports nothing but the SDK.
"""

from __future__ import annotations

import json
import sys
import time
from functools import cache
from importlib import import_module
from typing import Any

CLIENTS = {"openai": "OpenAI", "anthropic": "Anthropic"}


def main(package: str) -> None:
    sdk = import_module(package)
    tell({"version": sdk.__version__})
    for line in sys.stdin:
        tell(outcome(sdk, json.loads(line)))


def tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def outcome(sdk: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Whatever happens is an outcome: what an application would have got so far, and what it would have to catch."""
    answers: list[dict[str, Any]] = []
    exception, begun = None, time.monotonic()
    try:
        call(sdk, job, answers)
    except Exception as exc:
        exception = raised(exc)
    return {"answers": answers, "raised": exception, "seconds": time.monotonic() - begun}


def call(sdk: Any, job: dict[str, Any], answers: list[dict[str, Any]]) -> None:
    """Makes one call of the SDK; what it returns, or yields event by event, is added to `answers` as it comes."""
    client = client_of(sdk, job["base_url"], job["api_key"])
    chosen = {name: job[name] for name in ("timeout", "max_retries") if job[name] is not None}
    method = client.with_options(**chosen)
    for name in job["method"].split("."):
        method = getattr(method, name)
    answer = method(**job["arguments"], extra_headers={"X-Request-Id": job["request_id"]})
    if not job["arguments"].get("stream"):
        answers.append(answer.model_dump(mode="json", warnings=False))
        return
    with answer:
        for event in answer:
            answers.append(event.model_dump(mode="json", warnings=False))
            if len(answers) == job["leave_after"]:
                return


@cache
def client_of(sdk: Any, base_url: str, api_key: str) -> Any:
    """As in an application one client is kept, and its connections are used again."""
    return getattr(sdk, CLIENTS[sdk.__name__])(base_url=base_url, api_key=api_key)


def raised(exc: Exception) -> dict[str, Any]:
    """What an application can learn from an exception. `kinds`: its class and those that it inherits from."""
    response, body = getattr(exc, "response", None), getattr(exc, "body", None)
    return {
        "kinds": [f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(exc).__mro__],
        "message": str(exc),
        "status": getattr(exc, "status_code", None),
        "code": getattr(exc, "code", None),
        "request_id": getattr(exc, "request_id", None),
        "headers": {} if response is None else dict(response.headers),
        "body": body if isinstance(body, dict | str | None) else repr(body),
    }


if __name__ == "__main__":
    main(sys.argv[1])
