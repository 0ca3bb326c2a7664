"""How vLLM 0.32 refuses a request: its error texts and the `type` and `param` that go with them, recorded from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]

VALIDATION = "Bad Request"  # the type of a body that was refused before anybody looked at what it asks for


class Refusal(Exception):
    """An answer other than 200: `type` and `param` are those of vLLM's error object."""

    def __init__(self, status: int, message: str, type_: str = "BadRequestError", param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.type, self.param = status, message, type_, param


def missing(body: Body, *names: str) -> Refusal:
    """The refusal of a body that lacks all of `names`."""
    shape = f"<dict of {len(body)} items>"
    errors = [f"{{'type': 'missing', 'loc': 'body.{n}', 'msg': 'Field required', 'input': '{shape}'}}" for n in names]
    count = "1 validation error" if len(errors) == 1 else f"{len(errors)} validation errors"
    return Refusal(400, "\n  ".join([f"{count}:", *errors]), VALIDATION, f"body.{names[0]}")


def wrong_type(name: str, type_: str, problem: str, found: object) -> Refusal:
    error = f"'type': '{type_}', 'loc': 'body.{name}', 'msg': '{problem}', 'input': '{found}'"
    return invalid(f"{{{error}}}", f"body.{name}")


def invalid(error: str, param: str | None) -> Refusal:
    return Refusal(400, f"1 validation error:\n  {error}", VALIDATION, param)


def bad_parameter(message: str, name: str, value: object = None) -> Refusal:
    shown = f"parameter={name}" if value is None else f"parameter={name}, value={value}"
    return Refusal(400, f"{message} ({shown})", param=name)
