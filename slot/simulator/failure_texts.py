"""What a start that fails says, by short name: the texts of real machines, word for word.

Each is what an operator sees in the log, since the supervisor's diagnosis reads these very lines.
The prefixes and the traceback around an error are added by `failing_start`.

Sources: the published notes of the B70 host (device_lost, out_of_resources, startup_memory, abi_mismatch, aot_handler,
igc, mamba_pointer, fp8_primitive, locked_workspace, kv_offload, multimodal_limits); the sources of vLLM 0.32
(context_does_not_fit, worker_died, no_device, shards_missing); one report each for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Ending(Enum):
    """How the start goes on after the text."""

    ENGINE_CORE = "the engine core fails, the API server reports it and exits 1"
    API_SERVER = "the API server fails before there is an engine core, and exits 1"
    USAGE = "the command line is refused, exit 2"
    HANG = "silence: the process stays and never gets on"
    CONTINUES = "frightening, but the start goes on"


@dataclass(frozen=True)
class Failure:
    """`lines` are printed as they are, then `error` as the last line of a traceback (empty: no traceback).

    `phase`: where it happens unless the fault says otherwise.
    """

    phase: str
    error: str
    lines: tuple[str, ...] = ()
    ending: Ending = Ending.ENGINE_CORE


_IGC = (
    "IGC: Internal Compiler Error: Floating point exception",
    "Build failed with error code: -11",
    "Command was: ocloc compile -file /tmp/tmpsd8n_k3v/triton_red_fused_0.spv -spirv_input -device bmg",
)

DEVICE_LOST = "RuntimeError: level_zero backend failed with error: 20 (UR_RESULT_ERROR_DEVICE_LOST)"
# a mistake in the scheduler: no card and no setting has to do with it
CRASH = "KeyError: 'cmpl-7c1b2a90e5d34f6c-0'"

FAILURES: Mapping[str, Failure] = {
    "device_lost": Failure("warmup", DEVICE_LOST),
    "out_of_resources": Failure(
        "graph_capture", "RuntimeError: level_zero backend failed with error: 40 (UR_RESULT_ERROR_OUT_OF_RESOURCES)"
    ),
    "oom": Failure(
        "kv_cache",
        "torch.OutOfMemoryError: XPU out of memory. Tried to allocate 1.17 GiB. GPU 0 has a total capacity of 31.89 "
        "GiB.",
    ),
    "startup_memory": Failure(
        "starting",
        "ValueError: Free memory on device xpu:0 (30.61/31.89 GiB) on startup is less than desired GPU memory "
        "utilization (0.97, 30.93 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
    ),
    "context_does_not_fit": Failure(
        "kv_cache",
        "ValueError: To serve at least one request with the model's max seq len (33792), (1.99 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (1.93 GiB). Based on the available memory, the estimated "
        "maximum model length is 32768. Try increasing `gpu_memory_utilization` (which also controls CPU memory on the "
        "CPU backend) or decreasing `max_model_len` when initializing the engine. See "
        "https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details.",
    ),
    "abi_mismatch": Failure(
        "starting",
        "ImportError: vllm_xpu_kernels/_C.abi3.so: undefined symbol: _ZNR5torch7Library4_defEON3c1014FunctionSchema",
        ending=Ending.API_SERVER,
    ),
    "aot_handler": Failure(
        "compile", "AssertionError: Handler already registered for <function current_stream at 0x7f1c2c5d3ec0>"
    ),
    "mamba_pointer": Failure(
        "warmup", "OverflowError: Python int too large to convert to C long", ("vllm/v1/worker/mamba_utils.py",)
    ),
    "fp8_primitive": Failure("warmup", "RuntimeError: could not set scales primitive attribute"),
    "locked_workspace": Failure(
        "warmup",
        "AssertionError: Workspace is locked but allocation from turboquant_attn.py:_decode_attention requires 0.19 "
        "MB, current size is 0.00 MB.",
    ),
    "kv_offload": Failure("kv_cache", "Exception: CPU Offloading is currently only supported on CUDA-alike GPUs"),
    "multimodal_limits": Failure(
        "compile", "ValueError: Found 1 <|image|> tokens in the text but no images were passed."
    ),
    "worker_died": Failure(
        "weights",
        "RuntimeError: Worker proc VllmWorker-0 died unexpectedly (exit code: -9), shutting down executor.",
    ),
    "no_device": Failure(
        "starting",
        "RuntimeError: Failed to infer device type, please set the environment variable `VLLM_LOGGING_LEVEL=DEBUG` to "
        "turn on verbose logging to help debug the issue.",
        ending=Ending.API_SERVER,
    ),
    "weights_missing": Failure(
        "starting",
        "OSError: /models/simulated does not appear to have a file named config.json. Checkout "
        "'https://huggingface.co//models/simulated/tree/main' for available files.",
        ending=Ending.API_SERVER,
    ),
    "shards_missing": Failure("weights", "RuntimeError: Cannot find any model weights with `/models/simulated`"),
    "port_busy": Failure("starting", "OSError: [Errno 98] Address already in use", ending=Ending.API_SERVER),
    "unknown_flag": Failure("starting", "unrecognized arguments: --async-engine", ending=Ending.USAGE),
    "hub_hang": Failure(
        "starting", "", ("Fetching 12 files:   0%|          | 0/12 [00:00<?, ?it/s]",), ending=Ending.HANG
    ),
    "collective_hang": Failure(
        "weights",
        "",
        ("world_size=4 rank=0 local_rank=0 distributed_init_method=tcp://127.0.0.1:41273 backend=xccl",),
        ending=Ending.HANG,
    ),
    "igc": Failure("compile", "RuntimeError: ocloc failed with error code 245", _IGC),
    "igc_nonfatal": Failure("compile", "", _IGC, ending=Ending.CONTINUES),
}
