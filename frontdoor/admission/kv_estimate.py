"""How much of the engine's KV cache a request may come to need, before anybody has tokenised it.

An estimate that is too low admits what the engine then has to preempt; one that is too high leaves places empty. So the
prompt is estimated from its bytes, with a factor that the profile may correct, and the output at its limit: most
generations end before it, which makes up for prompts that are denser than expected.
"""

from __future__ import annotations

from math import ceil


def kv_tokens(
    *, prompt_bytes: int, output_tokens: int | None, generations: int, tokens_per_byte: float, max_model_len: int | None
) -> int:
    """Tokens of all its generations together, at least 1. `output_tokens` None: as many as fit into the context.

    No sequence is longer than `max_model_len`, where that is known; generations of one prompt share its tokens.
    """
    prompt = ceil(prompt_bytes * tokens_per_byte)
    if max_model_len is not None:
        prompt = min(prompt, max_model_len)
        room = max_model_len - prompt
        output = room if output_tokens is None else min(output_tokens, room)
    else:
        output = output_tokens or 0
    return max(prompt + output * generations, 1)
