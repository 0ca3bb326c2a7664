"""What the frontdoor is told: `FRONTDOOR_*`, from four places, as one frozen value.

    command line  >  the active profile  >  environment  >  default

A profile wins over the environment, so that a variable left over in somebody's shell changes no production profile;
what it overrides is logged once. An empty value counts as not set. A variable that starts with `FRONTDOOR_` and is
not known is an error, like a key of a profile: nothing is silently ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from frontdoor.bad_settings import BadSettings
from frontdoor.http.host import parse_host
from frontdoor.http.limits import Limits
from frontdoor.policy.request_defaults import RequestDefaults
from frontdoor.policy.request_policy import ALLOWABLE_FIELDS, BodyPolicy
from slot.bad_json import BAD_JSON
from slot.profiles.problems import nearest

PREFIX = "FRONTDOOR_"
LEAST_LOOK_S = 0.05
MOST_LOOK_S = 0.5

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^,/\s]*", re.IGNORECASE)
_IMAGE_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?", re.ASCII)


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


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError
    return name


def _words(text: str) -> str:
    """A list with commas: none empty, no blanks."""
    words = text.split(",")
    if any(not word or not word.isprintable() or " " in word for word in words):
        raise ValueError
    return text


def _host_names(text: str) -> str:
    if any(parse_host(word.encode()) is None for word in _words(text).split(",")):
        raise ValueError
    return text


def _allowed_fields(text: str) -> str:
    if not ALLOWABLE_FIELDS.issuperset(_words(text).split(",")):
        raise ValueError
    return text


def _image_hosts(text: str) -> str:
    if not all(_IMAGE_HOST.fullmatch(host) for host in _words(text).split(",")):
        raise ValueError
    return text


def _origin(origin: str) -> str:
    """As browsers write it, or no browser's Origin would ever be equal to it."""
    if not _ORIGIN.fullmatch(origin) or not origin.isascii() or not origin.isprintable():
        raise ValueError
    return origin.lower()


def _absolute(path: Path) -> Path:
    """Whoever looks for it is in another directory."""
    if not path.is_absolute():
        raise ValueError
    return path


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
    max_active_pooling: Annotated[
        int, Field(ge=1, le=100_000, description="how many embeddings, scores and the like may run at once, 1 or more")
    ] = 32
    max_active_per_client: Annotated[
        int | None, Field(ge=1, le=100_000, description="how many generations one client may have at once, 1 or more")
    ] = None
    fair_share: Annotated[
        bool | None,
        Field(description="true or false; not set: true when requests may wait or a client's generations are capped"),
    ] = None
    session_header: Annotated[
        str,
        AfterValidator(lambda name: _header_name(name)),
        Field(description="the name of the header that tells clients without a key apart"),
    ] = "X-Session-Id"
    token_admission: Annotated[
        bool, Field(description="true or false: also admit by estimated tokens against the engine's KV cache")
    ] = False
    kv_cache_tokens: Annotated[
        int | None, Field(ge=1, description="tokens in the engine's KV cache; not set: what the engine has said")
    ] = None
    tokens_per_byte: Annotated[
        float, Field(gt=0, le=1, allow_inf_nan=False, description="tokens that a byte of a prompt counts as, up to 1")
    ] = 0.3
    busy_status: Annotated[
        Literal[503, 429, 529],
        BeforeValidator(lambda status: int(status) if status in ("503", "429", "529") else status),
        Field(description="503, 429 or 529: the status of an answer at capacity"),
    ] = 503
    ping_interval_s: Annotated[
        float,
        Field(ge=0, allow_inf_nan=False, description="seconds of silence in a stream before a ping, 0 for none"),
    ] = 15.0
    max_connections: Annotated[
        int, Field(ge=1, le=1_000_000, description="how many connections may be open at once, 1 or more")
    ] = 4096
    max_connections_per_address: Annotated[
        int | None, Field(ge=1, description="how many connections one address may have open, 1 or more")
    ] = None
    max_head_bytes: Annotated[
        int, Field(ge=1024, le=1 << 20, description="the largest request head in bytes, 1024 to 1048576")
    ] = 32 << 10
    max_body_bytes: Annotated[int, Field(ge=1, description="the largest request body in bytes, 1 or more")] = 64 << 20
    head_timeout_s: Annotated[
        float, Field(gt=0, allow_inf_nan=False, description="seconds that a client may take over a head, above 0")
    ] = 10.0
    body_idle_timeout_s: Annotated[
        float, Field(gt=0, allow_inf_nan=False, description="seconds that an upload may stand still, above 0")
    ] = 30.0
    body_timeout_s: Annotated[
        float, Field(gt=0, allow_inf_nan=False, description="seconds that a whole upload may take, above 0")
    ] = 120.0
    keep_alive_s: Annotated[
        float, Field(gt=0, allow_inf_nan=False, description="seconds that an idle connection is kept, above 0")
    ] = 75.0
    write_stall_timeout_s: Annotated[
        float, Field(gt=0, allow_inf_nan=False, description="seconds that a client may read nothing, above 0")
    ] = 60.0
    drain_timeout_s: Annotated[
        float,
        Field(ge=0, allow_inf_nan=False, description="seconds that open requests may take to end at a stop, 0 or more"),
    ] = 30.0
    model_alias: Annotated[
        str, Field(min_length=1, max_length=200, description="the model name that always means the loaded model")
    ] = "active"
    allowed_fields: Annotated[
        str | None,
        AfterValidator(lambda text: text if text is None else _allowed_fields(text)),
        Field(
            description="request fields to allow that are denied by default, with commas between them; "
            "docs/request-policy.md names them"
        ),
    ] = None
    image_hosts: Annotated[
        str | None,
        AfterValidator(lambda text: text if text is None else _image_hosts(text)),
        Field(
            description="hosts that the engine may fetch images from, HOST or HOST:PORT with commas; "
            "not set: only data: URLs"
        ),
    ] = None
    max_images: Annotated[int, Field(ge=0, description="the most images in a request, 0 or more")] = 32
    max_messages: Annotated[int, Field(ge=1, description="the most messages in a request, 1 or more")] = 2048
    max_logprobs: Annotated[int, Field(ge=0, description="the most logprobs for each token, 0 or more")] = 20
    allowed_hosts: Annotated[
        str | None,
        AfterValidator(lambda text: text if text is None else _host_names(text)),
        Field(description="names of this machine that browsers may call it by, with commas between them"),
    ] = None
    api_keys_file: Annotated[Path | None, Field(description="a file with API keys; not set: no key is asked for")] = (
        None
    )
    tls_certificate: Annotated[Path | None, Field(description="a PEM file with the certificate chain")] = None
    tls_private_key: Annotated[Path | None, Field(description="a PEM file with the certificate's private key")] = None
    control_socket: Annotated[
        Path | None,
        AfterValidator(lambda path: path if path is None else _absolute(path)),
        Field(description="an absolute path for the control socket; not set: none"),
    ] = None
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

    @property
    def shares_fairly(self) -> bool:
        """By default where it can matter to somebody: where requests wait, or a client's generations are capped."""
        if self.fair_share is not None:
            return self.fair_share
        return self.max_waiting > 0 or self.max_active_per_client is not None

    @cached_property
    def connection_limits(self) -> Limits:
        return Limits(
            max_connections=self.max_connections,
            max_connections_per_address=self.max_connections_per_address,
            max_head_bytes=self.max_head_bytes,
            head_timeout_s=self.head_timeout_s,
            body_timeout_s=self.body_timeout_s,
            body_idle_timeout_s=self.body_idle_timeout_s,
            keep_alive_s=self.keep_alive_s,
            write_stall_timeout_s=self.write_stall_timeout_s,
        )

    @cached_property
    def look_s(self) -> float:
        """How often to look for what takes too long: a quarter of the shortest time that is limited, 0.05 to 0.5 s."""
        limited = (
            self.head_timeout_s,
            self.body_timeout_s,
            self.body_idle_timeout_s,
            self.keep_alive_s,
            self.write_stall_timeout_s,
            self.backend_timeout_s,
            self.ping_interval_s or MOST_LOOK_S * 4,
        )
        return max(LEAST_LOOK_S, min(MOST_LOOK_S, min(limited) / 4))

    @cached_property
    def request_defaults(self) -> RequestDefaults:
        return RequestDefaults(
            msgspec.json.decode(self.chat_template_kwargs_json or "{}"),
            self.default_max_output_tokens,
            self.max_output_tokens,
        )

    @cached_property
    def body_policy(self) -> BodyPolicy:
        return BodyPolicy(
            alias=self.model_alias,
            allowed_fields=_set_of(self.allowed_fields),
            image_hosts=_set_of(self.image_hosts),
            max_images=self.max_images,
            max_messages=self.max_messages,
            max_logprobs=self.max_logprobs,
            defaults=self.request_defaults,
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
    else:
        problems += _contradictions(settings)
    if problems:
        raise BadSettings(problems)
    return settings


def _contradictions(settings: Settings) -> list[str]:
    """What each field allows, and both together do not."""
    default, most = settings.default_max_output_tokens, settings.max_output_tokens
    if default is None or most is None or default <= most:
        return []
    name, limit = variable("default_max_output_tokens"), variable("max_output_tokens")
    return [f"{name}: found {default}, expected at most {most}, which is {limit}"]


def overridden(profile: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """The variables of the environment that do not count because the profile says otherwise."""
    return sorted(name for name, text in profile.items() if environment.get(name, text) != text)


def _set_of(words: str | None) -> frozenset[str]:
    return frozenset(words.split(",")) if words else frozenset()


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
