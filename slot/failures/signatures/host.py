"""Failures of the host's set-up: what the engine may not see, open or write there."""

from __future__ import annotations

from slot.failures.signature import configuration

# A cache of what the models are like (registry.py) is tried and done without; the engine goes on.
HOST = (
    configuration(
        "no-gpu-access",
        r"XPU device count is zero|Failed to infer device type|Cannot find any XPU devices",
        "the engine sees no GPU at all",
        "check /dev/dri/renderD*, the render group, the kernel's driver; or a card that hangs (`slotctl check --here`)",
    ),
    configuration(
        "device-directory-missing",
        r"ze_fd_manager\.cpp.{0,200}could not open device directory",
        "oneCCL cannot see /dev/dri/by-path",
        "give the service (or its container) /dev/dri/by-path",
    ),
    configuration(
        "gpu-memory-handles",
        r"mem_to_ipc_handle: device_fd is invalid|zeMemOpenIpcHandle",
        "cards could not open each other's memory: wrong oneCCL, or wrong way to exchange handles",
        "use the oneCCL that belongs to this engine line; set CCL_ZE_IPC_EXCHANGE=pidfd",
    ),
    configuration(
        "context-creation",
        r"UR_RESULT_ERROR_UNKNOWN",
        "the GPUs could not be opened together",
        "try with one card; a newer compute runtime mends the known case",
    ),
    configuration(
        "path-read-only",
        r"^(?!.*(?:WARNING|registry\.py)).*\[Errno 30\] Read-only file system: '(?P<path>[^']+)'",
        "the engine may not write {path}: it is outside of what the unit opens, or mounted read-only",
        "`slotctl upgrade` opens what the profiles name; or move VLLM_CACHE_ROOT below the slot's own directories",
    ),
    configuration(
        "path-denied",
        r"^(?!.*(?:WARNING|registry\.py)).*PermissionError: \[Errno 13\] Permission denied: '(?P<path>[^']+)'",
        "the slot's user may not use {path}",
        "give that user the right to it (`slotctl check --here` reads every shard as the slot would)",
    ),
)
