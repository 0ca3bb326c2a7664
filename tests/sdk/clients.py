"""Who the tests are parametrized with: an SDK and the API that it speaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sdk import places
from sdk.apis import CHAT, COMPLETION, MESSAGE, RESPONSE, Api
from sdk.places import Sdk
from sdk.sdk_process import Outcome

Ask = Callable[..., Outcome]


@dataclass(frozen=True)
class Client:
    """One SDK that speaks one API."""

    sdk: Sdk
    api: Api

    def __str__(self) -> str:
        return f"{self.sdk}-{self.api}".replace(" ", "-").replace("-python", "")

    @property
    def is_anthropic(self) -> bool:
        return self.api is MESSAGE


PYTHON_CHATS = [Client(sdk, CHAT) for sdk in places.OPENAI]
# Where Node is. That it is missing is told once, by test_whole_answers
NODE_CHATS = [Client(places.OPENAI_NODE, CHAT)] if places.OPENAI_NODE.is_installed else []
CHATS = [*PYTHON_CHATS, *NODE_CHATS]
MESSAGES = Client(places.ANTHROPIC, MESSAGE)
EVERY_SDK = [*CHATS, MESSAGES]
EVERY_API = [*EVERY_SDK, *(Client(sdk, api) for sdk in places.OPENAI for api in (COMPLETION, RESPONSE))]


def named(name: str, client: Client) -> str:
    """The id of a request: what it is for, and who asks."""
    return f"{name}-{client.sdk.name}"
