"""What the frontdoor is told: `FRONTDOOR_*`, from four places, as one frozen value.

    command line  >  the active profile  >  environment  >  default

A profile wins over the environment, so that a variable left over in somebody's shell changes no production profile;
what it overrides is logged once. An empty value counts as not set. A variable that starts with `FRONTDOOR_` and is
not known is an error, like a key of a profile: nothing is silently ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from frontdoor.openai_api import RequestDefaults
from slot.bad_json import BAD_JSON
from slot.profiles.problems import nearest

PREFIX = "FRONTDOOR_"


class BadSettings(ValueError):
    """Settings that cannot be used. `problems`: one line each, with the variable, what was found, what was expected."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _backend_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError
    if parts.path.strip("/") or parts.query or parts.fragment or parts.port == 0:
        raise ValueError
    return f"{parts.scheme}://{parts.netloc}"


def _json_object(text: str) -> str:
    try:
        if not isinstance(msgspec.json.decode(text), dict):
            raise ValueError
    except BAD_JSON as exc:
        raise ValueError from exc
    return text


def _origin(origin: str) -> str:
    if not origin.isprintable() or "," in origin or " " in origin:
        raise ValueError
    return origin


class Settings(BaseSettings):
    """Every setting, with its unit. The description is what an error message calls expected, and what the docs say."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1, description="an address or name of this machine to listen on")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Field(ge=0, le=65535, description="a TCP port, 0 to 65535 (0: any free one)")] = 8000
    backend_url: Annotated[
        str,
        AfterValidator(_backend_url),
        Field(description="the engine's http://HOST:PORT, without a path"),
    ] = "http://127.0.0.1:18080"
    max_active_generations: Annotated[
        int, Field(ge=1, le=100_000, description="how many generations may run at once, 1 or more")
    ] = 8
    queue_timeout_s: Annotated[
        float,
        Field(ge=0, allow_inf_nan=False, description="seconds that a request may wait for its turn, 0 for never"),
    ] = 0.0
    max_queued: Annotated[
        int,
        Field(ge=0, le=100_000, description="how many requests may wait, 0 or more; without a queue timeout none do"),
    ] = 64
    backend_timeout_s: Annotated[
        float,
        Field(gt=0, allow_inf_nan=False, description="seconds of silence after which an engine is given up, above 0"),
    ] = 600.0
    max_body_bytes: Annotated[int, Field(ge=1, description="the largest request body in bytes, 1 or more")] = 64 << 20
    pause_file: Annotated[Path | None, Field(description="a path; while that file exists, requests are refused")] = None
    cors_allow_origin: Annotated[
        str | None,
        AfterValidator(lambda origin: origin if origin is None else _origin(origin)),
        Field(description="one origin that browsers may call from, or *; not set: no CORS headers"),
    ] = None
    log_events: Annotated[bool, Field(description="true or false: one event line for each request")] = True
    chat_template_kwargs_json: Annotated[
        str | None,
        AfterValidator(lambda text: text if text is None else _json_object(text)),
        Field(description="a JSON object, merged under the chat_template_kwargs of chat requests"),
    ] = None
    default_max_output_tokens: Annotated[
        int | None, Field(ge=1, description="the output limit of requests that name none, 1 or more tokens")
    ] = None
    max_output_tokens: Annotated[
        int | None, Field(ge=1, description="the largest output limit that a request may name, 1 or more tokens")
    ] = None
    active_profile: Annotated[Path | None, Field(description="the active profile's file; followed while running")] = (
        None
    )
    slot_state: Annotated[
        Path | None,
        Field(description="the supervisor's state.json; not set: readiness is judged by the engine's endpoints"),
    ] = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings

    @property
    def max_waiting(self) -> int:
        """The length of the line: without a timeout nobody waits."""
        return self.max_queued if self.queue_timeout_s > 0 else 0

    @cached_property
    def request_defaults(self) -> RequestDefaults:
        return RequestDefaults(
            msgspec.json.decode(self.chat_template_kwargs_json or "{}"),
            self.default_max_output_tokens,
            self.max_output_tokens,
        )


def load(arguments: Mapping[str, str], profile: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """The settings of all four places. `arguments` by field name, `profile` and `environment` by variable name.

    `environment` must be the process's own: pydantic-settings reads it again. Raises BadSettings with all problems.
    """
    problems = [_unknown(name) for name in environment if name.startswith(PREFIX) and _field(name) is None]
    given: dict[str, Any] = {field: text for name, text in profile.items() if (field := _field(name)) and text}
    given.update(arguments)
    try:
        settings = Settings(**given)
    except ValidationError as exc:
        problems += [_problem(error, arguments, profile) for error in exc.errors()]
    if problems:
        raise BadSettings(problems)
    return settings


def overridden(profile: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """The variables of the environment that do not count because the profile says otherwise."""
    return sorted(name for name, text in profile.items() if environment.get(name, text) != text)


def variable(field: str) -> str:
    return PREFIX + field.upper()


def _field(name: str) -> str | None:
    field = name.removeprefix(PREFIX).lower()
    return field if name.startswith(PREFIX) and field in Settings.model_fields else None


def _unknown(name: str) -> str:
    known = [variable(field) for field in Settings.model_fields]
    near = nearest(name, known)
    hint = f"; did you mean {near}?" if near else f", one of {', '.join(known)}"
    return f"{name} (environment): found an unknown setting, expected a known one{hint}"


def _problem(error: Any, arguments: Mapping[str, str], profile: Mapping[str, str]) -> str:
    field = str(error["loc"][0])
    name = variable(field)
    origin = "command line" if field in arguments else "active profile" if name in profile else "environment"
    return f"{name} ({origin}): found {error['input']!r}, expected {Settings.model_fields[field].description}"
