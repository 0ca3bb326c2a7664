"""The engine's KV cache as blocks of tokens: who holds them, and which of them a later prompt may use again.

A block is in one of four places, and the counts always add up to the size of the cache:

    free     nobody's, nothing worth keeping in it
    own      one running request's alone: generated tokens, and the part of a prompt that fills no block
    shared   whole blocks of a prompt, held by every running request that begins with them
    idle     nobody's, but it still has a prompt's tokens: a later prompt may take it, and the one that nobody wanted
             for longest goes first when a new block is needed

A prompt's last token is always computed, as in vLLM: a prompt that is cached completely reuses all its blocks but the
last.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Holding:
    """The blocks of one request. `cached_tokens`: how many tokens of its prompt it need not compute."""

    shared: list[int] = field(default_factory=list)
    own: int = 0
    cached_tokens: int = 0

    @property
    def blocks(self) -> int:
        return len(self.shared) + self.own


def block_names(prompt: Sequence[int], block_size: int) -> list[int]:
    """A name for every whole block of a prompt; two prompts share names exactly as far as they are the same."""
    names: list[int] = []
    above = 0
    for at in range(0, len(prompt) - block_size + 1, block_size):
        above = hash((above, *prompt[at : at + block_size]))
        names.append(above)
    return names


class KvCache:
    """`tokens`: the size of the cache; `keeps`: whether prompts stay for later ones (prefix caching)."""

    def __init__(self, tokens: int, block_size: int, *, keeps: bool) -> None:
        self.block_size = block_size
        self.size = max(1, tokens // block_size)
        self.keeps = keeps
        self._own = 0
        self._shared: dict[int, int] = {}  # name -> how many requests hold it
        self._idle: OrderedDict[int, None] = OrderedDict()  # wanted least recently first

    def __repr__(self) -> str:
        return f"<KvCache {self._own} own, {len(self._shared)} shared, {len(self._idle)} idle, {self.free} free>"

    @property
    def free(self) -> int:
        return self.size - self._own - len(self._shared) - len(self._idle)

    @property
    def usage(self) -> float:
        """0..1; idle blocks count as unused, as in `vllm:kv_cache_usage_perc`."""
        return (self._own + len(self._shared)) / self.size

    def admit(self, prompt: Sequence[int], tokens: int) -> Holding | None:
        """Blocks for `tokens` tokens that begin with `prompt`, or None where they do not fit now."""
        names = block_names(prompt, self.block_size) if self.keeps else []
        reused = self._known(names, len(prompt))
        room = self.free + len(self._idle) - sum(name in self._idle for name in reused)
        if self._blocks_for(tokens) - len(reused) > room:
            return None
        holding = Holding(cached_tokens=len(reused) * self.block_size)
        for name in reused:
            self._share(name, holding)
        # another request may be computing the same block at this moment: then each has a copy of its own
        for name in names[len(reused) :]:
            if name not in self._shared:
                self._make_room()
                self._share(name, holding)
        self.grow(holding, tokens)
        return holding

    def grow(self, holding: Holding, tokens: int) -> bool:
        """Whether the holding has room for `tokens` tokens, after taking the blocks that were missing."""
        while holding.blocks < self._blocks_for(tokens):
            if not self._make_room():
                return False
            self._own += 1
            holding.own += 1
        return True

    def release(self, holding: Holding) -> None:
        """Gives everything back; releasing twice does nothing."""
        self._own -= holding.own
        holding.own = 0
        # the end of a prompt first: what many prompts have in common is then the last to be forgotten
        while holding.shared:
            name = holding.shared.pop()
            self._shared[name] -= 1
            if not self._shared[name]:
                del self._shared[name]
                self._idle[name] = None

    def _blocks_for(self, tokens: int) -> int:
        return -(-tokens // self.block_size)

    def _known(self, names: Sequence[int], prompt_tokens: int) -> list[int]:
        known: list[int] = []
        for name in names[: max(0, prompt_tokens - 1) // self.block_size]:
            if name not in self._shared and name not in self._idle:
                break
            known.append(name)
        return known

    def _share(self, name: int, holding: Holding) -> None:
        self._idle.pop(name, None)
        self._shared[name] = self._shared.get(name, 0) + 1
        holding.shared.append(name)

    def _make_room(self) -> bool:
        """Whether there is a free block, after forgetting the idle one that was wanted least if there was none."""
        if self.free <= 0 and self._idle:
            self._idle.popitem(last=False)
        return self.free > 0
