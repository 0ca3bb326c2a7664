"""The failures that have been seen, as data: what the log says, what it means, what to do, and whether a restart helps.

Collected from public reports about vLLM on Arc Pro B70 (2026), from vLLM's own sources (0.20 to 0.33), and from making
a real vLLM 0.32 fail on purpose. None of the device failures was seen by us: they need the cards.

Order is severity: a root cause stands before what it drags along. One lost device makes a worker die, which makes the
engine core fail, which makes the API server say that its engine is gone; the first of these is the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Who must act, and when a new start makes sense."""

    DEVICE = "device"
    """A card or its driver: nothing may be started on it before somebody has probed it."""

    CONFIGURATION = "configuration"
    """The profile, the weights, the engine's venv or the host's set-up: the same start ends the same way."""

    QUALITY = "quality"
    """The engine computes nonsense: a restart hides it for a while."""

    ENGINE = "engine"
    """The engine fell: another start may well work."""


@dataclass(frozen=True)
class Signature:
    """`pattern` is searched in each line; its named groups may be used in `cause` and `remedy` as {name}."""

    name: str
    kind: Kind
    pattern: re.Pattern[str]
    cause: str
    remedy: str
    restart_can_help: bool = False


def _device(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.DEVICE, re.compile(pattern), cause, remedy)


def _configuration(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.CONFIGURATION, re.compile(pattern), cause, remedy)


def _quality(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.QUALITY, re.compile(pattern), cause, remedy)


def _engine(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.ENGINE, re.compile(pattern), cause, remedy, restart_can_help=True)


_PROBE_FIRST = "stop everything that uses the cards, save the kernel log, probe each card, and only then load again"

# Reported from B70 and B60 hosts. The kernel's own lines are here too: a service that forwards them is diagnosed alike.
_DEVICES = (
    _device(
        "device-wedged",
        r"\bWEDGED=",
        "the driver gave a card up (wedged): it answers nobody any more",
        "rebind the card's driver or reboot; do not reset the PCI function",
    ),
    _device(
        "device-lost",
        r"UR_RESULT_ERROR_DEVICE_LOST",
        "a GPU was reset or lost under the engine (Level Zero DEVICE_LOST)",
        f"{_PROBE_FIRST}; if this profile does it again, lower its concurrency or turn its graph capture off",
    ),
    _device(
        "gpu-page-fault",
        r"Fault response: Unsuccessful|\bCAT error\b",
        "the engine touched GPU memory that is not there (page fault reported by the xe driver)",
        _PROBE_FIRST,
    ),
    _device(
        "copy-engine-reset",
        r"Engine reset: engine_class=bcs",
        "a card's copy engine was reset: an abrupt end of the engine before, or swapping while weights were loaded",
        f"{_PROBE_FIRST}; keep the slot out of swap (MemorySwapMax=0) and let it stop in peace",
    ),
    _device(
        "compute-engine-reset",
        r"Engine reset: engine_class=ccs",
        "a card's compute engine was reset by the driver",
        f"{_PROBE_FIRST}; lower the speculation depth or the context; look at the GuC firmware (70.72.1 or newer)",
    ),
    _device(
        "gpu-job-never-started",
        r"Check job timeout: .*not started",
        "the GPU's firmware never started a job: the known deadlock of collectives between cards",
        f"{_PROBE_FIRST}; set CCL_SYCL_ALLREDUCE_TMP_BUF=1, or CCL_ALLREDUCE=ring to prove the cause",
    ),
    _device(
        "gpu-job-timed-out",
        r"Timedout job: seqno=",
        "a job on a card took longer than the driver allows",
        f"{_PROBE_FIRST}; look at the GuC firmware (70.72.1 or newer) and at the job timeout (10000 ms)",
    ),
    _device(
        "device-coredump",
        r"Xe device coredump has been created",
        "the driver recorded the hang of a card",
        f"save the core dump first (there is room for one), then {_PROBE_FIRST}",
    ),
    _device(
        "driver-aborted",
        r"linear_stream\.h|Abort at drm_neo\.cpp",
        "Intel's compute runtime aborted the process (its command stream ran out)",
        f"{_PROBE_FIRST}; graph capture and multi-token prediction together are known for this: turn one off",
    ),
    _device(
        "host-lockup",
        r"watchdog:.*hard LOCKUP",
        "the host's kernel stood still for seconds, which the xe driver's firmware is known for",
        "wait, and set kernel.hardlockup_panic=0 so that the host survives it; then probe the cards",
    ),
)

_MEMORY = (
    _configuration(
        "out-of-resources",
        r"UR_RESULT_ERROR_OUT_OF_RESOURCES",
        "the GPUs could not hold what the engine asked for (Level Zero OUT_OF_RESOURCES)",
        "lower SERVE_GPU_MEMORY_UTILIZATION, SERVE_MAX_NUM_SEQS or the number of captured graph sizes; "
        "check that the host has more RAM than the weights",
    ),
    _configuration(
        "context-does-not-fit",
        r"max seq len \((?P<wanted>\d+)\).*?available KV cache memory \((?P<available>[\d.]+) GiB\)"
        r".*?estimated maximum model length is (?P<fits>\d+)",
        "a context of {wanted} tokens does not fit into the {available} GiB that are left for the KV cache",
        "set SERVE_MAX_MODEL_LEN={fits} (the largest that fits), or keep the KV cache in fp8",
    ),
    _configuration(
        "context-does-not-fit",
        r"To serve at least one request with the models?'s max seq len",
        "the context does not fit into the memory that is left for the KV cache",
        "lower SERVE_MAX_MODEL_LEN, raise SERVE_GPU_MEMORY_UTILIZATION, or keep the KV cache in fp8",
    ),
    _configuration(
        "no-kv-cache-memory",
        r"No available memory for the cache blocks",
        "the weights leave no memory for a KV cache",
        "raise SERVE_GPU_MEMORY_UTILIZATION, use more cards, or a smaller quantization",
    ),
    _configuration(
        "startup-memory",
        r"Free memory on device (?P<device>\S+) \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than",
        "only {free} of {total} GiB of {device} are free: something else holds GPU memory, or the profile wants it all",
        "find what holds it (a display, a process left behind), or lower SERVE_GPU_MEMORY_UTILIZATION",
    ),
    _configuration(
        "gpu-out-of-memory",
        r"XPU out of memory|torch\.OutOfMemoryError",
        "a GPU ran out of memory",
        "lower SERVE_GPU_MEMORY_UTILIZATION, SERVE_MAX_NUM_BATCHED_TOKENS or SERVE_MAX_NUM_SEQS",
    ),
    _engine(
        "worker-killed",
        r"Worker proc .* died unexpectedly \(exit code: -9\)",
        "a worker was killed (SIGKILL), most likely by the kernel because the host ran out of memory",
        "look for `Out of memory: Killed process` in the kernel log; use a checkpoint that is quantized already",
    ),
    _configuration(
        "disk-full",
        r"\[Errno 28\] No space left on device",
        "a disk is full, and the engine writes its compile cache there",
        "make room, or move VLLM_CACHE_ROOT to another disk",
    ),
    _configuration(
        "files-limit",
        r"^(?!.*WARNING).*\[Errno 24\] Too many open files",
        "the engine ran out of file descriptors",
        "raise the unit's LimitNOFILE (the shell's `ulimit -n`)",
    ),
)

_ENGINE_SETUP = (
    _configuration(
        "unknown-flag",
        r"unrecognized arguments: (?P<flags>.+)",
        "this engine does not know {flags}",
        "remove it from the profile, or use the engine line on which the profile was proven",
    ),
    _configuration(
        "bad-flag-value",
        r"vllm(?: serve)?: error: (?P<what>.+)",
        "the engine refuses its command line: {what}",
        "correct the value in the profile (`slotctl check --here` asks the engine's own parser)",
    ),
    _configuration(
        "context-longer-than-model",
        # without "Value error" it is a warning, and allowed
        r"Value ?[Ee]rror[,:] User-specified max_model_len \((?P<wanted>\d+)\) is greater than the derived "
        r"max_model_len \(\w+=(?P<most>\d+)",
        "SERVE_MAX_MODEL_LEN={wanted} is more than the {most} tokens that the model was made for",
        "lower SERVE_MAX_MODEL_LEN to {most}",
    ),
    _configuration(
        "kernels-do-not-match",
        r"undefined symbol: (?P<symbol>\S+)|'_OpNamespace' '_C' object has no attribute",
        "compiled kernels of the engine's venv were built for another torch (ABI mismatch)",
        "install vllm-xpu-kernels that match this torch, or build them after torch is installed",
    ),
    _configuration(
        "duplicate-handler",
        r"Handler already registered for <function current_stream",
        "this torch registers a compile handler twice (nightlies of May 2026)",
        "use the torch that the engine line names (2.11.0+xpu for 0.20, 2.14.0+xpu for 0.31 and newer)",
    ),
    _configuration(
        "no-gpu-access",
        r"XPU device count is zero|Failed to infer device type|Cannot find any XPU devices",
        "the engine sees no GPU at all",
        "check /dev/dri/renderD*, the render group, the kernel's driver; or a card that hangs (`slotctl check --here`)",
    ),
    _configuration(
        "device-directory-missing",
        r"ze_fd_manager\.cpp.*could not open device directory",
        "oneCCL cannot see /dev/dri/by-path",
        "give the service (or its container) /dev/dri/by-path",
    ),
    _configuration(
        "gpu-memory-handles",
        r"mem_to_ipc_handle: device_fd is invalid|zeMemOpenIpcHandle",
        "cards could not open each other's memory: wrong oneCCL, or wrong way to exchange handles",
        "use the oneCCL that belongs to this engine line; set CCL_ZE_IPC_EXCHANGE=pidfd",
    ),
    _configuration(
        "context-creation",
        r"UR_RESULT_ERROR_UNKNOWN",
        "the GPUs could not be opened together",
        "try with one card; a newer compute runtime mends the known case",
    ),
    _configuration(
        "weights-missing",
        r"Cannot find any model weights with `(?P<where>[^`]*)`",
        "there are no weights in {where}: not downloaded, or its disk is not mounted",
        "mount the disk or fetch the weights (`slotctl check --here` tells which)",
    ),
    _configuration(
        "weights-missing",
        r"LocalEntryNotFoundError|Repo id must be in the form|Invalid repository ID or local directory"
        r"|is not a local folder and is not a valid model identifier|does not appear to have a file named config\.json",
        "the model is not on this host: not downloaded, or its disk is not mounted",
        "mount the disk or fetch the weights (`slotctl check --here` tells which)",
    ),
    _configuration(
        "weights-damaged",
        r"SafetensorError|incomplete metadata, file not fully covered",
        "a weights file is damaged or was not downloaded to its end",
        "fetch the weights again",
    ),
    _configuration(
        "model-not-supported",
        r"does not recognize this architecture|Model architectures \[.*\] are not supported"
        r"|currently supports CUDA and ROCm only",
        "this engine does not know the model's architecture",
        "use the engine line and patches that the profile names, or another model",
    ),
    _configuration(
        "pointer-overflow",
        r"Python int too large to convert to C long|Overflow when unpacking long long",
        "GPU addresses above 2^63 overflow in this vLLM (mamba state copies)",
        "use vLLM 0.31 or newer, or the pointer patch of the 0.20 line",
    ),
    _configuration(
        "fp8-not-supported",
        r"could not set scales primitive attribute",
        "this stack cannot run the checkpoint's FP8 layers on XPU",
        "use kernels 0.1.12 or newer, or another quantization",
    ),
    _configuration(
        "primitive-not-supported",
        r"could not create a primitive",
        "oneDNN has no kernel for what was asked, as with SDPA in a vision encoder",
        "remove the attention backend that the profile forces on the vision encoder",
    ),
    _configuration(
        "offload-not-supported",
        r"CPU Offloading is currently only supported on CUDA-alike GPUs",
        "this vLLM cannot offload its KV cache on XPU",
        "remove SERVE_KV_OFFLOADING_SIZE, or use 0.31 or newer",
    ),
    _configuration(
        "workspace-locked",
        r"Workspace is locked but allocation from (?P<where>\S+) requires",
        "TurboQuant asks for workspace after it was locked ({where})",
        "use an fp8 KV cache instead of TurboQuant, or a vLLM that reserves it (0.32)",
    ),
    _configuration(
        "image-limits",
        r"no images were passed",
        "the engine cannot profile a multimodal model with a limit of zero for video or audio",
        'leave zero limits out of SERVE_LIMIT_MM_PER_PROMPT ({{"image":4}} alone works)',
    ),
    _configuration(
        "graph-empty",
        r"The XPU Graph is empty",
        "graph capture recorded nothing, which goes with corrupt output",
        "set SERVE_ENFORCE_EAGER=true",
    ),
    _configuration(
        "graph-capture-of-draft",
        r"torch/xpu/graphs\.py",
        "capturing the draft model's graph failed",
        'put "enforce_eager":true into SERVE_SPECULATIVE_CONFIG, or set SERVE_ENFORCE_EAGER=true',
    ),
    _configuration(
        "unknown-variable",
        r"ValueError: Unknown vLLM environment variable detected: (?P<variable>\w+)",  # otherwise only a warning
        "this engine does not know {variable}",
        "remove it from the profile",
    ),
    _configuration(
        "module-missing",
        r"ModuleNotFoundError: No module named '(?P<module>[^']+)'|PackageNotFoundError: (?P<package>.+)",
        "the engine's venv is incomplete",
        "install it again; a venv is one engine line's and is never mended by hand",
    ),
)

_QUALITY = (
    _quality(
        "nan-logits",
        r"Out of range float values are not JSON compliant",
        "the model computes NaN",
        "take the profile out of service and run its canaries; look at FP8, graph capture and prefix caching first",
    ),
    _quality(
        "garbage-tokens",
        r"Harmony parser ended in a non-terminal state",
        "the model writes garbage, as gpt-oss does with graphs that went wrong",
        "set SERVE_ENFORCE_EAGER=true and run the canaries",
    ),
)

# What is left when no root cause is in the log.
_CONSEQUENCES = (
    _engine(
        "port-busy",
        r"\[Errno 98\] (?:Address already in use|error while attempting to bind)",
        "the engine's port is taken by another process",
        "stop what listens there, or change SERVE_PORT",
    ),
    _engine(
        "download-stalled",
        r"Read timed out|Connection broken|xet.*(?:stalled|timed out)",
        "fetching from the hub broke off",
        "fetch the weights before serving; HF_HUB_DISABLE_XET=1 avoids the known stall",
    ),
    _engine(
        "compiler-crashed",
        r"IGC: Internal Compiler Error|Build failed with error code: -11|ocloc.*\b245\b",
        "Intel's graphics compiler crashed, which is often survived and this time was not",
        "keep the log, use a fresh VLLM_CACHE_ROOT, and do not promote the profile",
    ),
    _engine(
        "worker-hangs",
        r"RPC call to (?P<call>\w+) timed out",
        "a worker did not answer ({call}): it hangs, or a card does",
        "look at the kernel log for xe messages before the next load",
    ),
    _engine(
        "worker-died",
        r"Worker proc (?P<worker>\S+) died unexpectedly \(exit code: (?P<code>-?\d+)\)",
        "worker {worker} died with exit code {code}",
        "look at the kernel log, and at the lines before this one",
    ),
    _engine(
        "engine-core-died",
        r"EngineCore encountered an issue|EngineDeadError|EngineCore encountered a fatal error",
        "the engine's core died and took the API server with it",
        "the lines before this one say why; a restart usually helps",
    ),
)

FATAL = _DEVICES + _MEMORY + _ENGINE_SETUP + _QUALITY + _CONSEQUENCES
"""Searched when the engine has ended."""

# Searched in the last lines when the engine lives and nothing happens: these are no errors by themselves.
HANGS = (
    _configuration(
        "hub-hang",
        r"Fetching \d+ files: ",
        "fetching the weights from the hub stands still",
        "fetch the weights before serving; HF_HUB_DISABLE_XET=1 avoids the known stall",
    ),
    _device(
        "collective-hang",
        r"world_size=(?P<world>\d+) rank=\d+ .*backend=xccl",
        "the first collective between the {world} cards never came back",
        f"{_PROBE_FIRST}; set CCL_SYCL_ALLREDUCE_TMP_BUF=1 and check that oneCCL is the engine line's own",
    ),
    _device(
        "worker-silent",
        r"No available shared memory broadcast block found in \d+ second",
        "a worker stopped answering the others",
        f"if it was compiling, raise MODEL_SLOT_STALL_TIMEOUT_S; otherwise {_PROBE_FIRST}",
    ),
)
