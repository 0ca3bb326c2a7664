"""What an engine says while it goes on: what is worth a line to the admin, and what only looks like a failure.

None of them ends anything. One that names a setting is of the kind of failure which that setting would cause.
"""

from __future__ import annotations

from slot.failures.signature import benign, configuration, quality

SPECULATION = "old-runner-speculates"
"""The note that stands only where the profile speculates; without that the same line is about `old-runner`."""

NOTES = (
    configuration(
        "offload-not-pinned",
        r"xpu_host_register failed",
        "the KV cache's place in host memory could not be pinned, so moving it is slow",
        "raise the unit's LimitMEMLOCK, and the size of /dev/shm",
    ),
    configuration(
        "handles-not-by-pidfd",
        r"pidfd is not supported, fallbacks to drmfd exchange mode",
        "CCL_ZE_IPC_EXCHANGE=pidfd is ignored: the process may not call pidfd_getfd",
        "allow it in the unit's SystemCallFilter, and kernel.yama.ptrace_scope of 0 or 1",
    ),
    configuration(
        "variable-ignored",
        r"Unknown vLLM environment variable detected: (?P<variable>\w+)",
        "this engine does not know {variable} and ignores it",
        "remove it from the profile",
    ),
    configuration(
        "tools-not-enabled",
        r"\"auto\" tool choice requires --enable-auto-tool-choice",
        "clients ask for tools, and the profile does not enable them",
        "set SERVE_ENABLE_AUTO_TOOL_CHOICE=true and the model's SERVE_TOOL_CALL_PARSER",
    ),
    quality(
        SPECULATION,
        r"Model Runner V2 does not yet support .{0,400}; using the V1 model runner instead",
        "speculation runs on vLLM's old model runner, which is known to write `!!!!` with hybrid models",
        "remove what the new runner does not support, or SERVE_SPECULATIVE_CONFIG; run the canaries",
    ),
    benign(
        "old-runner",
        r"Model Runner V2 does not yet support .{0,400}; using the V1 model runner instead",
        "vLLM's old model runner serves, since the new one does not support all of this profile",
        "nothing, as long as the profile does not speculate",
    ),
    benign(
        "compiler-error-survived",
        r"IGC: Internal Compiler Error|Build failed with error code: -11|ocloc.{0,200}\b245\b",
        "Intel's graphics compiler failed on a kernel, and the engine took another one",
        "keep the log; use a fresh VLLM_CACHE_ROOT before the profile is promoted",
    ),
    benign(
        "pcie-topology",
        r"topology recognition shows PCIe connection between devices",
        "the cards are connected by PCIe, as B70 cards are",
        "nothing",
    ),
    benign(
        "fusion-off",
        r"Feature .{0,200} is not yet supported on XPU and will be disabled",
        "an optimisation is off that XPU does not have",
        "nothing",
    ),
    benign(
        "graph-without-sleep",
        r"XPU Graph is not compatible with sleep mode",
        "graphs are off because the profile allows sleeping",
        "remove SERVE_ENABLE_SLEEP_MODE if graphs are wanted",
    ),
    benign(
        "no-ark-kernels",
        r"ARK backend is unavailable for (?:MoE )?layer",
        "AutoRound's own kernels are missing, so the generic ones serve",
        "nothing; compare the tokens per second",
    ),
    benign(
        "monitor-aborted",
        r"xpumd.{0,200}(?:SIGABRT|Abort was called)|xpumd.{0,200}gmm_helper/resource_info\.cpp",
        "the cards' monitoring daemon (xpumd) crashed, which the cards do not notice",
        "use xpu-smi 2.x",
    ),
)
