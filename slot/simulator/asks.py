"""What a request body asks for, or why vLLM 0.32 would refuse it: the fields that matter, and its error texts.

Only what a client can see the difference of is checked; an unknown field is ignored, as vLLM does. The wordings and
their `type` and `param` were recorded from vLLM 0.32.0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from slot.simulator import faults, prompts
from slot.simulator.faults import Fault
from slot.simulator.prompts import Served
from slot.simulator.refusals import Body, Refusal, bad_parameter, invalid, missing, wrong_type

MAX_LOGPROBS = 20
DEFAULT_COMPLETION_TOKENS = 16  # of /v1/completions; a chat goes on until it ends by itself


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request, of whichever API. `prompts`: one list of tokens per prompt; `choices`: answers per prompt.

    `max_tokens`: None where the answer ends by itself. `seed`: of the sampling, None where the client left it
    open. `logprobs`: None for no logprobs, else how many alternatives. `fault`: of this request alone.
    """

    model: str
    prompts: tuple[Sequence[int], ...]
    choices: int = 1
    max_tokens: int | None = None
    min_tokens: int = 0
    greedy: bool = False
    seed: int | None = None
    ignore_eos: bool = False
    stops: tuple[str, ...] = ()
    logprobs: int | None = None
    echo: bool = False
    stream: bool = False
    include_usage: bool = False
    continuous_usage: bool = False
    token_ids: bool = False
    fault: Fault | None = None
    body: Body = field(default_factory=dict)

    def budget(self, prompt: Sequence[int], max_model_len: int) -> int:
        """How many tokens this prompt may produce at most."""
        room = max_model_len - len(prompt)
        return room if self.max_tokens is None else min(self.max_tokens, room)


def body_of(text: bytes, content_type: str) -> Body:
    """The JSON object of a request. Raises Refusal in the words of vLLM's validation."""
    if content_type != "application/json":
        raise invalid("Unsupported Media Type: Only 'application/json' is allowed", None)
    if not text:
        raise invalid("{'type': 'missing', 'loc': 'body', 'msg': 'Field required', 'input': 'None'}", "body")
    try:
        body = json.loads(text)
    except json.JSONDecodeError as exc:
        at = f"body.{exc.pos}"
        error = f"'msg': 'JSON decode error', 'input': '<dict of 0 items>', 'ctx': {{'error': '{exc.msg}'}}"
        raise invalid(f"{{'type': 'json_invalid', 'loc': '{at}', {error}}}", at) from None
    except (RecursionError, ValueError) as exc:  # nested too deep, a number of a million digits, not UTF-8
        raise Refusal(400, "There was an error parsing the body", "Bad Request") from exc
    if not isinstance(body, dict):
        expected = "Input should be a valid dictionary or object to extract fields from"
        shape = f"<{type(body).__name__} of {len(body)} items>" if isinstance(body, list | str) else str(body)
        error = f"'type': 'model_attributes_type', 'loc': 'body', 'msg': '{expected}', 'input': '{shape}'"
        raise invalid(f"{{{error}}}", "body")
    return body


def completion(body: Body, served: Served) -> Ask:
    """`POST /v1/completions`. Raises Refusal."""
    check_model(body, served)
    given = prompts.of_completion(body.get("prompt"))
    return _ask(body, served, given, _integer(body, "max_tokens", DEFAULT_COMPLETION_TOKENS), body.get("logprobs"))


def chat(body: Body, served: Served) -> Ask:
    """`POST /v1/chat/completions`. Raises Refusal."""
    messages = _required(body, "messages", list)
    check_model(body, served)
    if not messages:
        raise Refusal(400, "Cannot apply chat template to an empty conversation. Provide at least one message.")
    if body.get("tools") and body.get("tool_choice", "auto") == "auto" and not served.auto_tool_choice:
        raise Refusal(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
    limit_name = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    logprobs = (body.get("top_logprobs") or 0) if body.get("logprobs") else None
    return _ask(body, served, (prompts.conversation(messages, served),), _integer(body, limit_name, None), logprobs)


def response(body: Body, served: Served) -> Ask:
    """`POST /v1/responses`: the input as text or as messages. Raises Refusal."""
    given = _required(body, "input", (str, list))
    check_model(body, served)
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return _ask(
        body, served, (prompts.conversation(messages, served),), _integer(body, "max_output_tokens", None), None
    )


def message(body: Body, served: Served) -> Ask:
    """`POST /v1/messages` (Anthropic). Raises Refusal."""
    messages = messages_of(body)
    limit = _required(body, "max_tokens", int)
    check_model(body, served)
    stops = {"stop": body.get("stop_sequences") or []}
    return _ask({**body, **stops}, served, (prompts.conversation(messages, served),), limit, None)


def messages_of(body: Body) -> list[Any]:
    """Anthropic's messages, with the system prompt, which has a field of its own, in front. Raises Refusal."""
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    return [*system, *_required(body, "messages", list)]


def _ask(body: Body, served: Served, given: tuple[Sequence[int], ...], max_tokens: int | None, logprobs: object) -> Ask:
    stream = bool(body.get("stream"))
    options = body.get("stream_options") or {}
    if options and not stream:
        raise bad_parameter("Stream options can only be defined when `stream=True`.", "stream_options")
    ask = Ask(
        model=body.get("model") or served.names[0],
        prompts=given,
        choices=_choices(body),
        max_tokens=max_tokens,
        min_tokens=_integer(body, "min_tokens", 0) or 0,
        greedy=_temperature(body) == 0,
        seed=_integer(body, "seed", None),
        ignore_eos=bool(body.get("ignore_eos")),
        stops=_stops(body.get("stop")),
        logprobs=_logprobs(logprobs),
        echo=bool(body.get("echo")) and "prompt" in body,
        stream=stream,
        include_usage=bool(options.get("include_usage")),
        continuous_usage=bool(options.get("include_usage")) and bool(options.get("continuous_usage_stats")),
        token_ids=bool(body.get("return_token_ids")),
        fault=_fault(body),
        body=body,
    )
    for prompt in given:
        is_text = "prompt" not in body or not isinstance(body["prompt"], list)
        check_length(len(prompt), max_tokens, served.max_model_len, is_text=is_text)
    return ask


def check_length(count: int, max_tokens: int | None, max_model_len: int, *, is_text: bool) -> None:
    """Raises Refusal where the context has no room for a prompt of `count` tokens, or for `max_tokens` more."""
    if count > max_model_len:
        # a text is only read as far as it could fit, so nobody knows how long it really is
        count = max_model_len + 1 if is_text else count
        contains = f"at least {count}" if is_text else f"{count}"
        raise bad_parameter(
            f"This model's maximum context length is {max_model_len} tokens. However, your prompt contains {contains} "
            "input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the "
            "input prompt.",
            "input_tokens",
            count,
        )
    if max_tokens is not None and max_tokens > max_model_len:
        raise bad_parameter(
            f"max_tokens={max_tokens} cannot be greater than max_model_len={max_model_len}. "
            "Please request fewer output tokens.",
            "max_tokens",
            max_tokens,
        )
    # measured: a prompt that fills the context leaves no token, and that is what vLLM complains of
    least = 0 if count == max_model_len else max_tokens
    if least is not None and least < 1:
        raise bad_parameter(f"max_tokens must be at least 1, got {least}.", "max_tokens", least)


def check_model(body: Body, served: Served) -> None:
    """Raises Refusal for the name of a model that is not served; no name at all is fine."""
    name = body.get("model")
    if name and name not in served.names:
        aliases = ", ".join(served.names)
        raise Refusal(404, f"The model `{name}` does not exist. Valid aliases: {aliases}.", "NotFoundError", "model")


def _choices(body: Body) -> int:
    choices = _integer(body, "n", 1)
    if choices is None or choices < 1:
        raise Refusal(400, f"n must be at least 1, got {choices}.")
    if choices > 1 and _temperature(body) == 0:
        raise Refusal(400, f"n must be 1 when using greedy sampling, got {choices}.")
    return choices


def _temperature(body: Body) -> float:
    given = body.get("temperature")
    if given is None:
        return 1.0
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise wrong_type("temperature", "float_parsing", "Input should be a valid number", given)
    if given < 0:
        raise bad_parameter(f"temperature must be non-negative, got {float(given)}.", "temperature", float(given))
    return float(given)


def _logprobs(given: object) -> int | None:
    if given is None or given is False:
        return None
    count = int(given) if isinstance(given, int) else 0
    if count > MAX_LOGPROBS:
        raise bad_parameter(
            f"Requested sample logprobs of {count}, which is greater than max allowed: {MAX_LOGPROBS}",
            "logprobs",
            count,
        )
    return count


def _stops(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(map(str, given or ()))


def _fault(body: Body) -> Fault | None:
    try:
        return faults.for_request(body.get("simulator_fault"))
    except faults.UnknownFault as exc:
        raise Refusal(400, str(exc), param="simulator_fault") from exc


def _integer(body: Body, name: str, default: int | None) -> int | None:
    given = body.get(name)
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, int):
        problem = "Input should be a valid integer, unable to parse string as an integer"
        raise wrong_type(name, "int_parsing", problem, given)
    return given


def _required(body: Body, name: str, kind: Any) -> Any:
    if name not in body:
        raise missing(body, name)
    if not isinstance(body[name], kind):
        wanted = {list: "list", int: "integer"}.get(kind, "string")
        raise wrong_type(name, f"{wanted}_type", f"Input should be a valid {wanted}", body[name])
    return body[name]
