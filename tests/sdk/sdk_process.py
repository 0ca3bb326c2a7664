"""A test's side of `driver.py` and `driver.mjs`: an SDK as a process that is given one job after the other."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from sdk.places import Sdk

NO_KEY = "none"

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One call. `method`: its path on the client (`chat.completions.create`), `arguments`: its keyword arguments.

    `timeout`: seconds, None for the SDK's own (600); `max_retries`: None for the SDK's own (2); `leave_after`: the
    number of events after which the stream is closed.
    """

    base_url: str
    method: str
    arguments: Mapping[str, object]
    api_key: str = NO_KEY
    timeout: float | None = 20.0
    max_retries: int | None = 0
    leave_after: int | None = None
    request_id: str = field(default_factory=lambda: f"job-{next(_numbers)}")


@dataclass(frozen=True, kw_only=True)
class Raised:
    """An exception as an application meets it. `kinds`: `package.Class`, the most special first."""

    kinds: list[str]
    message: str
    status: int | None
    code: object
    request_id: str | None
    headers: Mapping[str, str]
    body: Any

    @property
    def kind(self) -> str:
        return self.kinds[0].rpartition(".")[2]

    @property
    def is_the_sdks_own(self) -> bool:
        """Whether `except openai.APIError` or `except anthropic.APIError` catches it."""
        return any(kind in ("openai.APIError", "anthropic.APIError") for kind in self.kinds)

    @property
    def error(self) -> dict[str, Any]:
        """The error object; openai-python takes it out of its envelope, anthropic-python does not."""
        if not isinstance(self.body, dict):
            return {}
        inner = self.body.get("error", self.body)
        return inner if isinstance(inner, dict) else {}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the application got: the answer, or the events, as dicts; and what was raised after that."""

    answers: list[dict[str, Any]]
    raised: Raised | None
    seconds: float

    @property
    def error(self) -> Raised:
        assert self.raised is not None, f"this looks like success: {self.answers[-1:]}"
        return self.raised


class SdkProcess:
    """A running driver: `ask` does one job. The SDK's version is asked of the SDK itself."""

    def __init__(self, sdk: Sdk, process: subprocess.Popen[str]) -> None:
        self.sdk = sdk
        self._process = process
        self.version = self._read()["version"]

    def ask(self, job: Job) -> Outcome:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()
        told = self._read()
        raised = told["raised"] and Raised(**told["raised"])
        return Outcome(answers=told["answers"], raised=raised, seconds=told["seconds"])

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the driver of {self.sdk} has ended"
        return json.loads(line)


@contextmanager
def sdk_process(sdk: Sdk) -> Iterator[SdkProcess]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(sdk.command, env=sdk.environment, **pipes) as process:
        yield SdkProcess(sdk, process)
        # the end of its stdin is the end of the driver
