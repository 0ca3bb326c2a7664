"""How many generations a request is, and how long they may become."""

from __future__ import annotations

import pytest
from known_routes import CHAT, COMPLETIONS, route

from frontdoor.policy.request_cost import check_endless, generations, named_limits, output_tokens
from frontdoor.refusal import Refused


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        ("/v1/chat/completions", {}, 1),
        ("/v1/chat/completions", {"n": None}, 1),
        ("/v1/chat/completions", {"n": 1}, 1),
        ("/v1/chat/completions", {"n": 3}, 3),
        ("/v1/chat/completions", {"n": 3.0}, 3),
        ("/v1/chat/completions", {"n": 2, "best_of": 5}, 5),
        ("/v1/chat/completions", {"n": 5, "best_of": 2}, 5),
        ("/v1/chat/completions", {"n": 4, "use_beam_search": True}, 4),
        ("/v1/chat/completions", {"n": 16384}, 16384),
        ("/v1/chat/completions", {"messages": [{}, {}, {}]}, 1),
        ("/v1/completions", {"prompt": "text"}, 1),
        ("/v1/completions", {"prompt": []}, 1),
        ("/v1/completions", {"prompt": ["a"]}, 1),
        ("/v1/completions", {"prompt": ["a", "b", "c"]}, 3),
        ("/v1/completions", {"prompt": [1, 2, 3]}, 1),
        ("/v1/completions", {"prompt": [[1, 2], [3]]}, 2),
        ("/v1/completions", {"prompt": ["a", "b"], "n": 3, "best_of": 4}, 8),
        ("/v1/completions", {"prompt": ["a", "b"], "prompt_embeds": ["c"]}, 3),
        ("/v1/completions", {"prompt": [True, 1]}, 2),
        ("/v1/responses", {"input": ["a", "b"], "n": 9}, 1),
        ("/v1/messages", {"messages": [{}, {}], "n": 9}, 1),
        ("/v1/embeddings", {"input": "text"}, 1),
        ("/v1/embeddings", {"input": ["a", "b"]}, 2),
        ("/v1/embeddings", {"input": [1, 2, 3]}, 1),
        ("/v1/embeddings", {"input": [[1], [2], [3]]}, 3),
        ("/v1/embeddings", {"input": [{"role": "user"}, {"role": "user"}]}, 1),
        ("/v1/embeddings", {"messages": [[{}], [{}]]}, 2),
        ("/v2/embed", {"texts": ["a", "b", "c"]}, 3),
        ("/v2/embed", {"inputs": [{}, {}]}, 2),
        ("/score", {"text_1": "a", "text_2": ["b", "c"]}, 2),
        ("/v1/score", {"queries": ["a", "b"], "documents": ["c", "d"]}, 4),
        ("/rerank", {"query": "a", "documents": [{"content": []}, "c", "d"]}, 3),
        ("/tokenize", {"prompt": "a"}, 1),
    ],
)
def test_generations(path, fields, expected) -> None:
    assert generations(fields, route(path)) == expected


@pytest.mark.parametrize("name", ["n", "best_of"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True, [2]])
def test_a_count_that_is_none_is_refused_by_its_name(name, value) -> None:
    with pytest.raises(Refused) as refused:
        generations({name: value}, CHAT)
    assert (refused.value.refusal.status, refused.value.refusal.param) == (400, name)


@pytest.mark.parametrize(
    ("route", "fields", "limits", "tokens"),
    [
        (CHAT, {}, {}, None),
        (CHAT, {"max_tokens": None}, {}, None),
        (CHAT, {"max_tokens": 7}, {"max_tokens": 7}, 7),
        (CHAT, {"max_tokens": 7.0}, {"max_tokens": 7}, 7),
        (CHAT, {"max_tokens": 7, "max_completion_tokens": 9}, {"max_tokens": 7, "max_completion_tokens": 9}, 9),
        (CHAT, {"max_tokens": -1}, {"max_tokens": -1}, 0),
        (COMPLETIONS, {}, {}, 16),
        (COMPLETIONS, {"max_tokens": None}, {}, None),
        (COMPLETIONS, {"max_tokens": 0}, {"max_tokens": 0}, 0),
        (route("/v1/embeddings"), {"max_tokens": "x"}, {}, None),
    ],
)
def test_output_tokens(route, fields, limits, tokens) -> None:
    assert named_limits(fields, route) == limits
    assert output_tokens(limits, fields, route) == tokens


def test_a_limit_that_is_no_number_is_refused_by_its_name() -> None:
    with pytest.raises(Refused) as refused:
        named_limits({"max_tokens": "many"}, CHAT)
    assert refused.value.refusal.param == "max_tokens"


@pytest.mark.parametrize(
    ("fields", "limit", "param"),
    [
        ({}, None, None),
        ({"ignore_eos": True}, 5, None),
        ({"ignore_eos": False}, None, None),
        ({"ignore_eos": True}, None, "ignore_eos"),
        ({"min_tokens": 5}, 5, None),
        ({"min_tokens": 5}, None, None),
        ({"min_tokens": 6}, 5, "min_tokens"),
        ({"min_tokens": "6"}, 5, "min_tokens"),
    ],
)
def test_a_generation_can_always_end(fields, limit, param) -> None:
    if param is None:
        check_endless(fields, CHAT, limit)
    else:
        with pytest.raises(Refused) as refused:
            check_endless(fields, CHAT, limit)
        assert refused.value.refusal.param == param


def test_where_nothing_is_generated_nothing_has_to_end() -> None:
    check_endless({"ignore_eos": True}, route("/v1/embeddings"), None)
