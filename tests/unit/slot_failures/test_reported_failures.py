"""The failures that were collected from reports of B70 hosts, number by number, and what each is called here.

Those that no line of a log can tell are here too, with the sentence why.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from slot.failures.diagnosis import diagnose
from slot.failures.notes import read
from slot.failures.signature import Kind
from slot.failures.trouble import Crashed, Stalled
from slot.state import LoadPhase

DEVICE, CONFIGURATION, QUALITY, ENGINE, BENIGN = Kind


@dataclass(frozen=True)
class Ended:
    """The engine ended after this line."""

    text: str
    name: str
    kind: Kind


@dataclass(frozen=True)
class Hung:
    """This line came, and then nothing."""

    text: str
    name: str
    kind: Kind


@dataclass(frozen=True)
class WentOn:
    """This line came, and the engine went on."""

    text: str
    name: str
    kind: Kind


@dataclass(frozen=True)
class NoLine:
    """Nothing in a log tells it."""

    because: str


L0 = "RuntimeError: level_zero backend failed with error:"

REPORTED: dict[int, Ended | Hung | WentOn | NoLine] = {
    1: Ended(f"{L0} 20 (UR_RESULT_ERROR_DEVICE_LOST)", "device-lost", DEVICE),
    2: Ended(f"{L0} 40 (UR_RESULT_ERROR_OUT_OF_RESOURCES)", "out-of-resources", CONFIGURATION),
    3: Ended(f"{L0} 2147483646 (UR_RESULT_ERROR_UNKNOWN)", "context-creation", CONFIGURATION),
    4: Ended("xe 0000:03:00.0: [drm] Timedout job: seqno=1, lrc_seqno=1, guc_id=5", "gpu-job-timed-out", DEVICE),
    5: Ended("xe: [drm] Check job timeout: seqno=429, guc_id=5, not started", "gpu-job-never-started", DEVICE),
    6: Ended("xe: [drm] GT0: Engine reset: engine_class=ccs, logical_mask: 0x1", "compute-engine-reset", DEVICE),
    7: Ended("xe: [drm] GT0: Engine reset: engine_class=bcs, logical_mask: 0x1", "copy-engine-reset", DEVICE),
    8: Ended("xe: [drm] Fault response: Unsuccessful -EINVAL", "gpu-page-fault", DEVICE),
    9: Ended("xe: [drm] GT0: GuC reported CAT error [18]", "gpu-page-fault", DEVICE),
    10: Ended("xe: [drm] Xe device coredump has been created", "device-coredump", DEVICE),
    11: Ended("change@/devices/pci0000:00/0000:03:00.0/drm/card1 WEDGED=rebind", "device-wedged", DEVICE),
    12: Ended("watchdog: CPU3: Watchdog detected hard LOCKUP on cpu 3", "host-lockup", DEVICE),
    13: Hung(
        "world_size=4 rank=0 local_rank=0 distributed_init_method=tcp://x backend=xccl", "collective-hang", DEVICE
    ),
    14: Hung("No available shared memory broadcast block found in 60 seconds.", "worker-silent", DEVICE),
    15: Ended("TimeoutError: RPC call to sample_tokens timed out.", "worker-hangs", DEVICE),
    16: Ended("EngineDeadError: EngineCore encountered an issue. See stack trace", "engine-core-died", ENGINE),
    17: Ended(
        "ValueError: Free memory on device xpu:0 (30.61/31.89 GiB) on startup is less than desired GPU memory "
        "utilization (0.97, 30.93 GiB).",
        "startup-memory",
        CONFIGURATION,
    ),
    18: Ended(
        "ValueError: To serve at least one request with the model's max seq len (33792), (1.99 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (1.93 GiB). Based on the available memory, the estimated "
        "maximum model length is 32768.",
        "context-does-not-fit",
        CONFIGURATION,
    ),
    19: Ended("XPU out of memory. Tried to allocate 1.17 GiB", "gpu-out-of-memory", CONFIGURATION),
    20: WentOn("WARNING xpu_host_register failed — transfers will still work", "offload-not-pinned", CONFIGURATION),
    21: Ended(
        "AssertionError: Workspace is locked but allocation from turboquant_attn.py:_decode_attention requires 0.19 MB",
        "workspace-locked",
        CONFIGURATION,
    ),
    22: WentOn("ValueError: Out of range float values are not JSON compliant: nan", "nan-logits", QUALITY),
    23: Ended("RuntimeError: Overflow when unpacking long long", "pointer-overflow", CONFIGURATION),
    24: Ended("RuntimeError: The XPU Graph is empty", "graph-empty", CONFIGURATION),
    25: Ended('  File "VENV/torch/xpu/graphs.py", line 71, in synchronize', "graph-capture-of-draft", CONFIGURATION),
    26: Ended("Abort was called at 84 line in file: command_stream/linear_stream.h", "driver-aborted", DEVICE),
    27: NoLine("the text is nonsense and well-formed: a canary sees it, a log does not"),
    28: WentOn("HarmonyError: Harmony parser ended in a non-terminal state", "garbage-tokens", QUALITY),
    29: NoLine("a runaway of newlines is an answer like any other: a canary sees it, a log does not"),
    30: Ended("RuntimeError: could not set scales primitive attribute", "fp8-not-supported", CONFIGURATION),
    31: Ended("RuntimeError: could not create a primitive", "primitive-not-supported", CONFIGURATION),
    32: Ended(
        "ze_fd_manager.cpp:155 init_device_fds: EXCEPTION: opendir failed: could not open device directory",
        "device-directory-missing",
        CONFIGURATION,
    ),
    33: Ended("ze_ipc: mem_to_ipc_handle: device_fd is invalid", "gpu-memory-handles", CONFIGURATION),
    34: WentOn("pidfd is not supported, fallbacks to drmfd exchange mode", "handles-not-by-pidfd", CONFIGURATION),
    35: WentOn("topology recognition shows PCIe connection between devices", "pcie-topology", BENIGN),
    36: Ended("RuntimeError: XPU device count is zero! Please check", "no-gpu-access", CONFIGURATION),
    37: Ended("ImportError: _C.abi3.so: undefined symbol: _ZNR5torch7Library", "kernels-do-not-match", CONFIGURATION),
    38: Ended(
        "AssertionError: Handler already registered for <function current_stream at 0x7f>",
        "duplicate-handler",
        CONFIGURATION,
    ),
    39: WentOn("IGC: Internal Compiler Error: Floating point exception", "compiler-error-survived", BENIGN),
    40: WentOn("Unknown vLLM environment variable detected: VLLM_X", "variable-ignored", CONFIGURATION),
    41: Ended("vllm: error: unrecognized arguments: --async-engine", "unknown-flag", CONFIGURATION),
    42: WentOn('"auto" tool choice requires --enable-auto-tool-choice', "tools-not-enabled", CONFIGURATION),
    43: Ended(
        "ValueError: Found 1 <|image|> tokens in the text but no images were passed", "image-limits", CONFIGURATION
    ),
    44: WentOn("Feature 'x' is not yet supported on XPU and will be disabled.", "fusion-off", BENIGN),
    45: WentOn("ARK backend is unavailable for MoE layer x", "no-ark-kernels", BENIGN),
    46: WentOn(
        "Model Runner V2 does not yet support x; using the V1 model runner instead", "old-runner-speculates", QUALITY
    ),
    47: Ended("memory: oom-kill:constraint=CONSTRAINT_MEMCG,task=vllm", "host-out-of-memory", CONFIGURATION),
    48: Ended("Out of memory: Killed process 4711 (VLLM::Worker_TP)", "host-out-of-memory", CONFIGURATION),
    49: Hung("Fetching 12 files:   0%|          | 0/12 [00:00<?, ?it/s]", "hub-hang", CONFIGURATION),
    50: NoLine("descriptors leak in silence; when none is left the engine says so, which is `files-limit`"),
    51: WentOn("xpumd: Abort was called at 15 line in file: gmm_helper/resource_info.cpp", "monitor-aborted", BENIGN),
    52: NoLine("the hang is told by the kernel's lines, which are 4 and 5"),
    53: Ended(
        "NotImplementedError: Qwen4Exp currently supports CUDA and ROCm only", "model-not-supported", CONFIGURATION
    ),
}


def test_none_is_missing() -> None:
    assert list(REPORTED) == list(range(1, 54))


@pytest.mark.parametrize("number", REPORTED)
def test_a_reported_failure_has_its_name(number: int) -> None:
    match REPORTED[number]:
        case Ended(text, name, kind):
            found = diagnose(Crashed(1), [text, "an ordinary line"], LoadPhase.WEIGHTS, 0.0)
            assert (found.name, found.kind) == (name, kind)
        case Hung(text, name, kind):
            found = diagnose(Stalled(600.0), [text], LoadPhase.WEIGHTS, 0.0)
            assert (found.name, found.kind) == (name, kind)
        case WentOn(text, name, kind):
            note = read(text)
            assert note is not None
            assert (note.name, note.kind) == (name, kind)
        case NoLine(because):
            assert because


NEVER_BEFORE_A_PROBE = (1, *range(4, 12), 13, 26)
CONFIGURATION_ERRORS = (2, *range(17, 20), *range(23, 26), *range(30, 35), *range(36, 39), 40, 41, 42, 43, 47, 48, 53)


def test_the_classes_are_those_of_the_reports() -> None:
    kinds = {number: row.kind for number, row in REPORTED.items() if not isinstance(row, NoLine)}
    assert {kinds[number] for number in NEVER_BEFORE_A_PROBE} == {DEVICE}
    assert {kinds[number] for number in CONFIGURATION_ERRORS} == {CONFIGURATION}
    assert {kinds[number] for number in (22, 28, 46)} == {QUALITY}
    assert {kinds[number] for number in (35, 44, 45)} == {BENIGN}
