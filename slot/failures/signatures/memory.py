"""Failures for want of room: GPU memory, host memory, disk, file descriptors."""

from __future__ import annotations

from slot.failures.signature import PROBE_FIRST, configuration, device

MEMORY = (
    configuration(
        "out-of-resources",
        r"UR_RESULT_ERROR_OUT_OF_RESOURCES",
        "the GPUs could not hold what the engine asked for (Level Zero OUT_OF_RESOURCES)",
        "lower SERVE_GPU_MEMORY_UTILIZATION, SERVE_MAX_NUM_SEQS or the number of captured graph sizes; "
        "check that the host has more RAM than the weights",
    ),
    configuration(
        "context-does-not-fit",
        r"max seq len \((?P<wanted>\d+)\).{0,200}?available KV cache memory \((?P<available>[\d.]+) GiB\)"
        r".{0,200}?estimated maximum model length is (?P<fits>\d+)",
        "a context of {wanted} tokens does not fit into the {available} GiB that are left for the KV cache",
        "set SERVE_MAX_MODEL_LEN={fits} (the largest that fits), or keep the KV cache in fp8",
    ),
    configuration(
        "context-does-not-fit",
        r"To serve at least one request with the models?'s max seq len",
        "the context does not fit into the memory that is left for the KV cache",
        "lower SERVE_MAX_MODEL_LEN, raise SERVE_GPU_MEMORY_UTILIZATION, or keep the KV cache in fp8",
    ),
    configuration(
        "no-kv-cache-memory",
        r"No available memory for the cache blocks",
        "the weights leave no memory for a KV cache",
        "raise SERVE_GPU_MEMORY_UTILIZATION, use more cards, or a smaller quantization",
    ),
    configuration(
        "startup-memory",
        r"Free memory on device (?P<device>\S+) \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than",
        "only {free} of {total} GiB of {device} are free: something else holds GPU memory, or the profile wants it all",
        "find what holds it (a display, a process left behind), or lower SERVE_GPU_MEMORY_UTILIZATION",
    ),
    configuration(
        "gpu-out-of-memory",
        r"XPU out of memory|torch\.OutOfMemoryError",
        "a GPU ran out of memory",
        "lower SERVE_GPU_MEMORY_UTILIZATION, SERVE_MAX_NUM_BATCHED_TOKENS or SERVE_MAX_NUM_SEQS",
    ),
    configuration(
        "host-out-of-memory",
        r"Out of memory: Killed process \d+ \((?P<process>[^)]+)\)|\boom-kill:constraint="
        r"|killed by the OOM killer|Failed with result 'oom-kill'",
        "the host ran out of memory, and the kernel killed {process}",
        "use a checkpoint that is quantized already, or more RAM than the weights need; "
        "probe the cards before the next load (`slotctl recover`)",
    ),
    # It held a card when it was killed, and a card does not always survive that.
    device(
        "worker-killed",
        r"Worker proc .{0,200} died unexpectedly \(exit code: -9\)",
        "a worker was killed (SIGKILL), most likely by the kernel because the host ran out of memory",
        f"{PROBE_FIRST}; look for `Out of memory: Killed process` in the kernel log, "
        "and use a checkpoint that is quantized already",
    ),
    configuration(
        "disk-full",
        r"\[Errno 28\] No space left on device",
        "a disk is full, and the engine writes its compile cache there",
        "make room, or move VLLM_CACHE_ROOT to another disk",
    ),
    configuration(
        "files-limit",
        r"^(?!.*WARNING).*\[Errno 24\] Too many open files",
        "the engine ran out of file descriptors",
        "raise the unit's LimitNOFILE (the shell's `ulimit -n`)",
    ),
    configuration(
        "threads-limit",
        r"RuntimeError: can't start new thread|pthread_create failed",
        "the engine was not allowed another thread or process",
        "raise the unit's TasksMax (the shell's `ulimit -u`)",
    ),
)
