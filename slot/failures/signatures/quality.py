"""Quality alarms: the engine answers, and what it answers is nonsense."""

from __future__ import annotations

from slot.failures.signature import quality

QUALITY = (
    quality(
        "nan-logits",
        r"Out of range float values are not JSON compliant",
        "the model computes NaN",
        "take the profile out of service and run its canaries; look at FP8, graph capture and prefix caching first",
    ),
    quality(
        "garbage-tokens",
        r"Harmony parser ended in a non-terminal state",
        "the model writes garbage, as gpt-oss does with graphs that went wrong",
        "set SERVE_ENFORCE_EAGER=true and run the canaries",
    ),
)
