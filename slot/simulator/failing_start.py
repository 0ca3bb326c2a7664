"""How a start fails: what is said, by whom, and how the process ends; and the failures that nobody has to ask for."""

from __future__ import annotations

from slot.simulator import timing
from slot.simulator.failure_texts import Ending, Failure
from slot.simulator.log_lines import ENGINE_CORE, Raw, Say, traceback
from slot.simulator.options import Options
from slot.simulator.script_items import Exit, Hang, Item

DEVICE_GIB, FREE_GIB = 31.89, 30.61  # of one B70 when an engine starts: notes of the B70 host
BYTES_PER_KV_TOKEN = 29_360  # of the c8 profile: 27.48 GiB for 1,004,909 tokens


def failing(failure: Failure) -> list[Item]:
    """What is said, and how it ends."""
    lines: list[Item] = [Say(ENGINE_CORE, "gpu_worker.py:338", line) for line in failure.lines]
    match failure.ending:
        case Ending.CONTINUES:
            return lines
        case Ending.HANG:
            return [*lines, Hang()]
        case Ending.USAGE:
            usage = "usage: vllm [-h] [-v]\n            {chat,complete,serve} ...\nvllm: error: "
            return [Raw(f"{usage}{failure.error}\n"), Exit(2)]
        case Ending.API_SERVER:
            return [*lines, Raw(api_server_traceback(failure.error)), Exit(1)]
        case Ending.ENGINE_CORE:
            said = traceback(
                ENGINE_CORE,
                "core.py:1510",
                "EngineCore failed to start.",
                [
                    '"vllm/v1/engine/core.py", line 1487, in run_engine_core',
                    '"vllm/v1/engine/core.py", line 142, in __init__',
                ],
                failure.error,
            )
            return [*lines, *said, Raw(api_server_traceback(core_failed(1))), Exit(1)]


def core_failed(code: int) -> str:
    """What the API server says of an engine core that ended with `code` before it was ready."""
    seen = "Engine core initialization failed. See root cause above."
    return f"RuntimeError: {seen} Failed core proc(s): {{'EngineCore': {code}}}"


def api_server_traceback(error: str) -> str:
    return f'Traceback (most recent call last):\n  File "vllm/entrypoints/cli/main.py", line 85, in main\n{error}\n'


def natural_failures(options: Options) -> list[Failure]:
    """What the options alone make fail, as it failed on the B70 host."""
    found = (_too_little_memory(options), _does_not_fit(options))
    return [failure for failure in found if failure is not None]


def _too_little_memory(options: Options) -> Failure | None:
    """More of the card's memory than was free on the B70 host: its profiles with 0.96 and 0.97 ended like this."""
    wanted = options.gpu_memory_utilization
    if options.device == "cpu" or wanted * DEVICE_GIB <= FREE_GIB:
        return None
    return Failure(
        "starting",
        f"ValueError: Free memory on device xpu:0 ({FREE_GIB}/{DEVICE_GIB} GiB) on startup is less than desired GPU "
        f"memory utilization ({wanted}, {wanted * DEVICE_GIB:.2f} GiB). Decrease GPU memory utilization or reduce GPU "
        "memory used by other processes.",
    )


def _does_not_fit(options: Options) -> Failure | None:
    """A context larger than the cache fails without anybody asking for it, in the words of vLLM 0.32."""
    length, room = options.max_model_len, timing.kv_tokens(options.timing)
    if length <= room:
        return None
    needed, available = (f"{tokens * BYTES_PER_KV_TOKEN / 2**30:.2f} GiB" for tokens in (length, room))
    return Failure(
        "kv_cache",
        f"ValueError: To serve at least one request with the model's max seq len ({length}), ({needed} KV cache is "
        f"needed, which is larger than the available KV cache memory ({available}). Based on the available memory, the "
        f"estimated maximum model length is {room}. Try increasing `gpu_memory_utilization` (which also controls CPU "
        "memory on the CPU backend) or decreasing `max_model_len` when initializing the engine. See "
        "https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details.",
    )
