"""How a process is named to people: by its command, and by the number that ends it."""

from __future__ import annotations


def process_words(command: str, pid: int) -> str:
    """`vllm (pid 42)`; one whose command nobody may see is "a process"."""
    return f"{command or 'a process'} (pid {pid})"
