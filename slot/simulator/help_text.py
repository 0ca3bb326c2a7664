"""What `python -m slot.simulator --help` says: what this is, how it is started, and what it can be told beyond vLLM."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from slot.simulator import faults, options

# beside each flag of `argv.OWN_FLAGS`: what it takes, and what it does
OWN: Mapping[str, tuple[str, str]] = {
    "simulator-timing": ("JSON", 'measured figures, such as {"load_s":5,"ttft_s":0.2,"decode_tokens_per_s":{"1":50}}'),
    "simulator-fault": ("NAME[:key=value,...]", "something goes wrong, see below; may be given several times"),
    "simulator-seed": ("N", "the same seed and prompt give the same text"),
    "simulator-children": ("N", "how many processes there are beside the API server"),
    "simulator-device": ("gpu|xpu|cpu", "what it pretends to run on"),
}


def is_asked_for(words: Sequence[str]) -> bool:
    return any(word in ("-h", "--help") or word.startswith("--help=") for word in words)


def text() -> str:
    """What it says, with its newline."""
    own = "\n".join(f"  --{name} {takes}\n        {does}" for name, (takes, does) in OWN.items())
    return f"""\
usage: python -m slot.simulator serve [MODEL] [flags of vllm serve] [--simulator-...]

An engine with vLLM 0.32's face, without a GPU and without a model: its routes, streams, errors, metrics, log lines.

  python -m slot.simulator serve tiny --port 18080
  curl http://127.0.0.1:18080/v1/models
  FRONTDOOR_BACKEND_URL=http://127.0.0.1:18080 frontdoor --port 8000

It takes every flag of `vllm serve`, and checks it as vLLM does. These change what it does, and some more: --host (by
default {options.DEFAULT_HOST}), --port, --served-model-name, --max-model-len, --max-num-seqs, --max-num-batched-tokens,
--block-size, --api-key, --runner pooling, --limit-mm-per-prompt, --shutdown-timeout.

Its own flags:

{own}

Faults, for the whole engine, or for one request with "simulator_fault": "NAME[:...]" in its body:

{faults_table()}

Exit codes are vLLM's: 2 for a command line that makes no sense, 1 for an engine that failed.
"""


def faults_table() -> str:
    """That of `faults`, at the left margin."""
    return textwrap.dedent("    name   " + (faults.__doc__ or "").partition("    name   ")[2]).rstrip()
