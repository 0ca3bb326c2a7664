"""Default deny: what vLLM serves and we do not is 404, and so is every other spelling; the engine sees nothing of it.

The list of vLLM's routes is a recorded fact, `contract/vllm_0_32/routes.txt`; ours is `frontdoor.routes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.frontdoor.recording_engine import RecordingEngine

from frontdoor.routes import ROUTES, Kind

OURS = {(route.method, route.path) for route in ROUTES}
OUR_PATHS = {path for _, path in OURS}


def engines_routes() -> list[tuple[str, str]]:
    """(method, path) of each route of the list, with a word in the place of each `{parameter}`."""
    text = (Path(__file__).parents[2] / "contract/vllm_0_32/routes.txt").read_text()
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return [(method, re.sub(r"{\w+}", "x", path)) for methods, path in rows for method in methods.split("|")]


DENIED = sorted({path for _, path in engines_routes()} - OUR_PATHS)


@pytest.fixture
async def door(recorder, open_door) -> Any:
    door = await open_door(backend_url=recorder.url)
    await door.until_open()
    return door


async def until_all_has_arrived(door, recorder: RecordingEngine) -> None:
    """A request that does go through: whatever was sent to the engine before it is there as well."""
    client = await door.client()
    assert (await client.get("/version")).status == 200
    assert recorder.seen.pop().asked == b"GET /version"


def test_the_list_is_whole() -> None:
    assert len(engines_routes()) > 75
    assert len(DENIED) > 45
    theirs = set(engines_routes())
    assert {
        (route.method, route.path)
        for route in ROUTES
        if route.kind is not Kind.OWN and route.path in {path for _, path in theirs}
    } <= theirs


@pytest.mark.parametrize("path", DENIED)
async def test_a_route_of_the_engine_that_is_not_ours_is_404(door, recorder, path) -> None:
    client = await door.client()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        await client.send(f"{method} {path} HTTP/1.1\r\nHost: door\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        answer = await client.answer()
        assert (answer.status, (await answer.json())["error"]["code"]) == (404, "route_not_found")
    head = await client.get(path, "HEAD")
    assert head.status == 404
    await until_all_has_arrived(door, recorder)
    assert (recorder.seen, recorder.odd) == ([], [])


async def test_a_method_that_is_not_ours_is_405_also_where_the_engine_takes_it(door, recorder) -> None:
    for path in sorted(OUR_PATHS):
        client = await door.client()
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"):
            if (method, path) not in OURS:
                answer = await client.get(path, method)
                assert (answer.status, (await answer.json())["error"]["code"]) == (405, "method_not_allowed")
    await until_all_has_arrived(door, recorder)
    assert (recorder.seen, recorder.odd) == ([], [])


SPELLINGS: dict[str, Callable[[str], str]] = {
    "a slash at the end": lambda path: path + "/",
    "two slashes at the end": lambda path: path + "//",
    "two slashes at the start": lambda path: "/" + path,
    "slashes doubled": lambda path: path.replace("/", "//"),
    "slashes escaped": lambda path: "/" + path[1:].replace("/", "%2f"),
    "slashes escaped in capitals": lambda path: "/" + path[1:].replace("/", "%2F"),
    "a letter escaped": lambda path: f"{path[:-1]}%{ord(path[-1]):02x}",
    "the first letter escaped": lambda path: f"/%{ord(path[1]):02x}{path[2:]}",
    "a dot segment": lambda path: "/." + path,
    "an escaped dot segment": lambda path: "/%2e" + path,
    "up and down": lambda path: "/x/.." + path,
    "up and down, escaped": lambda path: "/x/%2e%2e" + path,
    "up and down, the slash escaped": lambda path: "/x/..%2f" + path[1:],
    "up and down with a parameter": lambda path: "/x/..;a" + path,
    "up from the top": lambda path: "/.." + path,
    "a dot at the end": lambda path: path + "/.",
    "a parameter": lambda path: path + ";a=b",
    "a parameter in the middle": lambda path: path.replace("/", "/;a/", 1),
    "an empty parameter": lambda path: path + ";",
    "capitals": lambda path: path.upper(),
    "a capital at the end": lambda path: path[:-1] + path[-1].upper(),
    "a backslash": lambda path: path.replace("/", "/\\", 1),
    "an escaped NUL": lambda path: path + "%00",
    "an escaped blank": lambda path: path + "%20",
    "an escaped line end": lambda path: path + "%0d%0a",
    "an escaped question mark": lambda path: path + "%3Fa=b",
    "an escaped fragment": lambda path: path + "%23",
    "a file ending": lambda path: path + ".json",
    "an ampersand": lambda path: path + "&a=b",
    "escaped twice": lambda path: f"/%25{ord(path[1]):02x}{path[2:]}",
    "overlong UTF-8": lambda path: "/%c0%af" + path[1:],
    "somebody else's authority": lambda path: "//other" + path,
    "more behind it": lambda path: path + "/x",
    "a route of the engine in its query": lambda path: "/collective_rpc?" + path,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_another_spelling_of_a_path_is_another_path(door, recorder, spelling) -> None:
    for route in ROUTES:
        path = SPELLINGS[spelling](route.path)
        if path in OUR_PATHS:
            continue
        client = await door.client()
        for method in ("GET", "POST"):
            answer = await client.get(path, method)
            assert (answer.status, (await answer.json())["error"]["code"]) == (404, "route_not_found"), path
    await until_all_has_arrived(door, recorder)
    assert (recorder.seen, recorder.odd) == ([], [])


async def test_a_path_of_ours_goes_on_as_it_came(door, recorder) -> None:
    client = await door.client()
    for target in ("/v1/models", "/v1/models?", "/v1/models?a=%2f..%2F//;b&c=%00", "http://door/v1/models"):
        assert await (await client.get(target)).body()
    assert [seen.asked for seen in recorder.seen] == [
        b"GET /v1/models",
        b"GET /v1/models?",
        b"GET /v1/models?a=%2f..%2F//;b&c=%00",
        b"GET /v1/models",
    ]
