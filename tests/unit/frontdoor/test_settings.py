"""Four places, one value, and one clear line for each thing that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdoor.bad_settings import BadSettings
from frontdoor.policy.request_policy import ALLOWABLE_FIELDS, BodyPolicy
from frontdoor.settings import Settings, load, overridden, variable
from slot.profiles import keys


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(variable(field), raising=False)


@pytest.mark.parametrize(
    ("arguments", "profile", "environment", "expected"),
    [
        ({}, {}, {}, 8000),
        ({}, {}, {"FRONTDOOR_PORT": "1"}, 1),
        ({}, {"FRONTDOOR_PORT": "2"}, {"FRONTDOOR_PORT": "1"}, 2),
        ({"port": "3"}, {"FRONTDOOR_PORT": "2"}, {"FRONTDOOR_PORT": "1"}, 3),
        ({}, {"FRONTDOOR_PORT": ""}, {"FRONTDOOR_PORT": "1"}, 1),
        ({}, {}, {"FRONTDOOR_PORT": ""}, 8000),
        ({}, {}, {"FRONTDOOR_PORT": "0"}, 0),
        ({}, {}, {"FRONTDOOR_PORT": "65535"}, 65535),
    ],
)
def test_the_command_line_wins_over_the_profile_over_the_environment(
    monkeypatch, arguments, profile, environment, expected
) -> None:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    assert load(arguments, profile, environment).port == expected


def test_the_defaults_surprise_no_lan() -> None:
    settings = load({}, {}, {})
    assert settings.host == "127.0.0.1"
    assert settings.backend_url == "http://127.0.0.1:18080"
    assert settings.max_waiting == 0
    assert settings.cors_allow_origin is None
    assert not settings.request_defaults.template_kwargs


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("port", "65536", "a TCP port, 0 to 65535"),
        ("control_socket", "control.sock", "an absolute path"),
        ("control_socket", "./control.sock", "an absolute path"),
        ("port", "-1", "a TCP port"),
        ("port", "80.5", "a TCP port"),
        ("max_active_generations", "0", "1 or more"),
        ("max_active_generations", "many", "1 or more"),
        ("queue_timeout_s", "-0.1", "0 for never"),
        ("queue_timeout_s", "nan", "0 for never"),
        ("queue_timeout_s", "inf", "0 for never"),
        ("backend_timeout_s", "0", "above 0"),
        ("max_body_bytes", "64M", "bytes"),
        ("backend_url", "127.0.0.1:18080", "http://HOST:PORT"),
        ("backend_url", "http://127.0.0.1:18080/v1", "without a path"),
        ("backend_url", "ftp://x", "http://HOST:PORT"),
        ("backend_url", "http://user:secret@x", "http://HOST:PORT"),
        ("backend_url", "http://x:99999", "http://HOST:PORT"),
        ("log_events", "perhaps", "true or false"),
        ("chat_template_kwargs_json", "[1]", "a JSON object"),
        ("chat_template_kwargs_json", "{", "a JSON object"),
        ("chat_template_kwargs_json", '{"a":NaN}', "a JSON object"),
        ("chat_template_kwargs_json", '{"a":"\\ud800"}', "a JSON object"),
        ("chat_template_kwargs_json", '{"a":' * 9999 + "1" + "}" * 9999, "a JSON object"),
        ("max_output_tokens", "0", "1 or more"),
        ("cors_allow_origin", "a, b", "one origin"),
        ("cors_allow_origin", "chat.example", "one origin"),
        ("cors_allow_origin", "https://chat.example/", "one origin"),
        ("allowed_fields", "chat_templates", "denied by default"),
        ("allowed_fields", "guided_regex,", "denied by default"),
        ("image_hosts", "http://images.lan/", "HOST or HOST:PORT"),
        ("image_hosts", "images.lan:", "HOST or HOST:PORT"),
        ("image_hosts", "*.lan", "HOST or HOST:PORT"),
        ("allowed_hosts", "http://gpubox", "names of this machine"),
        ("allowed_hosts", "gpubox,,llm.lan", "names of this machine"),
    ],
)
def test_a_bad_value_is_told_with_variable_origin_found_and_expected(field, text, expected) -> None:
    with pytest.raises(BadSettings) as bad:
        load({}, {variable(field): text}, {})
    [problem] = bad.value.problems
    assert problem.startswith(f"{variable(field)} (active profile): found {text!r}, expected ")
    assert expected in problem


def test_all_problems_are_told_at_once_with_their_origins(monkeypatch) -> None:
    environment = {"FRONTDOOR_PORT": "x", "FRONTDOOR_MAX_QUEUE": "3"}
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(BadSettings) as bad:
        load({"host": ""}, {"FRONTDOOR_MAX_BODY_BYTES": "0"}, environment)
    told = "\n".join(bad.value.problems)
    assert "FRONTDOOR_MAX_QUEUE (environment): found an unknown setting" in told
    assert "did you mean FRONTDOOR_MAX_QUEUED?" in told
    assert "FRONTDOOR_PORT (environment)" in told
    assert "FRONTDOOR_MAX_BODY_BYTES (active profile)" in told
    assert "FRONTDOOR_HOST (command line)" in told
    assert len(bad.value.problems) == 4


@pytest.mark.parametrize(("text", "expected"), [("1", True), ("0", False), ("true", True), ("false", False)])
def test_the_predecessors_words_for_yes_and_no_still_work(text, expected) -> None:
    assert load({}, {"FRONTDOOR_LOG_EVENTS": text}, {}).log_events is expected


def test_a_line_exists_only_with_a_timeout() -> None:
    assert load({}, {"FRONTDOOR_QUEUE_TIMEOUT_S": "5", "FRONTDOOR_MAX_QUEUED": "7"}, {}).max_waiting == 7
    assert load({}, {"FRONTDOOR_MAX_QUEUED": "7"}, {}).max_waiting == 0


def test_what_a_profile_says_about_bodies() -> None:
    profile = {
        "FRONTDOOR_MODEL_ALIAS": "now",
        "FRONTDOOR_ALLOWED_FIELDS": "guided_regex,structured_outputs.regex",
        "FRONTDOOR_IMAGE_HOSTS": "images.lan,10.0.0.7:8443",
        "FRONTDOOR_MAX_IMAGES": "1",
        "FRONTDOOR_MAX_OUTPUT_TOKENS": "9",
    }
    policy = load({}, profile, {}).body_policy
    assert (policy.alias, policy.max_images, policy.max_messages) == ("now", 1, 2048)
    assert policy.allowed_fields == {"guided_regex", "structured_outputs.regex"}
    assert policy.image_hosts == {"images.lan", "10.0.0.7:8443"}
    assert policy.defaults.max_output_tokens == 9
    assert load({}, {}, {}).body_policy == BodyPolicy()


def test_a_default_above_the_limit_is_a_problem() -> None:
    profile = {"FRONTDOOR_DEFAULT_MAX_OUTPUT_TOKENS": "9", "FRONTDOOR_MAX_OUTPUT_TOKENS": "9"}
    assert load({}, profile, {}).default_max_output_tokens == 9
    with pytest.raises(BadSettings) as bad:
        load({"max_output_tokens": "8"}, profile, {})
    assert bad.value.problems == [
        "FRONTDOOR_DEFAULT_MAX_OUTPUT_TOKENS: found 9, expected at most 8, which is FRONTDOOR_MAX_OUTPUT_TOKENS"
    ]


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError):
        load({}, {}, {}).port = 1  # type: ignore[misc]


def test_what_a_profile_overrides_is_known() -> None:
    profile = {"FRONTDOOR_PORT": "1", "FRONTDOOR_HOST": "0.0.0.0"}
    assert overridden(profile, {"FRONTDOOR_PORT": "2", "FRONTDOOR_HOST": "0.0.0.0", "HOME": "/"}) == ["FRONTDOOR_PORT"]


def test_every_setting_has_its_place_in_the_profile_or_in_the_environment() -> None:
    places = [*keys.FRONTDOOR, *keys.HOST_SETTINGS, *keys.FRONTDOOR_PLACES]
    assert sorted(places) == sorted(map(variable, Settings.model_fields))


def test_a_profile_may_allow_what_is_denied_here() -> None:
    assert sorted(keys.ALLOWABLE_FIELDS) == sorted(ALLOWABLE_FIELDS)


@pytest.mark.parametrize("key", [key for key in keys.FRONTDOOR.values() if key.default], ids=lambda key: key.name)
def test_a_profile_key_names_the_default_that_counts_here(key: keys.Key) -> None:
    field = Settings.model_fields[key.name.removeprefix("FRONTDOOR_").lower()]
    # these two a profile always tells, from what it says of its engine
    if not key.default.startswith("SERVE_"):
        written = {"None": "none", "0.0": "0", "600.0": "600", "True": "true", "False": "false"}
        assert key.default == written.get(str(field.default), str(field.default))


def test_a_path_stays_a_path() -> None:
    assert load({"slot_state": "/run/x/state.json"}, {}, {}).slot_state == Path("/run/x/state.json")


@pytest.mark.parametrize(
    ("told", "look_s"),
    [
        ({}, 0.5),
        ({"ping_interval_s": "0"}, 0.5),
        ({"ping_interval_s": "0.4"}, 0.1),
        ({"head_timeout_s": "1"}, 0.25),
        ({"backend_timeout_s": "0.1"}, 0.05),
    ],
)
def test_a_shorter_limit_is_looked_for_more_often(told: dict[str, str], look_s: float) -> None:
    assert load(told, {}, {}).look_s == pytest.approx(look_s)
