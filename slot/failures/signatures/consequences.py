"""What is left when no root cause is in the log: what the root causes drag along, and what comes from outside."""

from __future__ import annotations

from slot.failures.signature import PROBE_FIRST, device, engine

CONSEQUENCES = (
    engine(
        "port-busy",
        r"\[Errno 98\] (?:Address already in use|error while attempting to bind)",
        "the engine's port is taken by another process",
        "stop what listens there, or change SERVE_PORT",
    ),
    engine(
        "download-stalled",
        r"Read timed out|Connection broken|xet.{0,200}(?:stalled|timed out)",
        "fetching from the hub broke off",
        "fetch the weights before serving; HF_HUB_DISABLE_XET=1 avoids the known stall",
    ),
    engine(
        "compiler-crashed",
        r"IGC: Internal Compiler Error|Build failed with error code: -11|ocloc.{0,200}\b245\b",
        "Intel's graphics compiler crashed, which is often survived and this time was not",
        "keep the log, use a fresh VLLM_CACHE_ROOT, and do not promote the profile",
    ),
    # Both may be a card's doing: the probe before the next load tells.
    device(
        "worker-hangs",
        r"RPC call to (?P<call>\w+) timed out",
        "a worker did not answer ({call}): it hangs, or a card does",
        f"{PROBE_FIRST}; look for xe messages in the kernel log",
    ),
    device(
        "worker-died",
        r"Worker proc (?P<worker>\S+) died unexpectedly \(exit code: (?P<code>-?\d+)\)",
        "worker {worker} died with exit code {code}",
        f"{PROBE_FIRST}; look at the kernel log, and at the lines before this one",
    ),
    engine(
        "engine-core-died",
        r"EngineCore encountered an issue|EngineDeadError|EngineCore encountered a fatal error",
        "the engine's core died and took the API server with it",
        "the lines before this one say why; a restart usually helps",
    ),
)
