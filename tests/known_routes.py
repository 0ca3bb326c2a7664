"""Rows of the frontdoor's route table, by their path."""

from __future__ import annotations

from frontdoor.routes import Route, find


def route(path: str, method: str = "POST") -> Route:
    found = find(method, path)
    assert isinstance(found, Route)
    return found


CHAT = route("/v1/chat/completions")
COMPLETIONS = route("/v1/completions")
