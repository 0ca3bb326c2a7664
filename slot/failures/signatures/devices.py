"""Failures of a card or its driver. None of them was seen by us: they need the cards."""

from __future__ import annotations

from slot.failures.signature import PROBE_FIRST, device

# Reported from B70 and B60 hosts. The kernel's own lines are here too: a service that forwards them is diagnosed alike.
DEVICES = (
    device(
        "device-wedged",
        r"\bWEDGED=",
        "the driver gave a card up (wedged): it answers nobody any more",
        "rebind the card's driver (`slotctl recover`) or reboot; do not reset the PCI function",
    ),
    device(
        "device-lost",
        r"UR_RESULT_ERROR_DEVICE_LOST",
        "a GPU was reset or lost under the engine (Level Zero DEVICE_LOST)",
        f"{PROBE_FIRST}; if this profile does it again, lower its concurrency or turn its graph capture off",
    ),
    device(
        "gpu-page-fault",
        r"Fault response: Unsuccessful|\bCAT error\b",
        "the engine touched GPU memory that is not there (page fault reported by the xe driver)",
        PROBE_FIRST,
    ),
    device(
        "copy-engine-reset",
        r"Engine reset: engine_class=bcs",
        "a card's copy engine was reset: an abrupt end of the engine before, or swapping while weights were loaded",
        f"{PROBE_FIRST}; keep the slot out of swap (MemorySwapMax=0) and let it stop in peace",
    ),
    device(
        "compute-engine-reset",
        r"Engine reset: engine_class=ccs",
        "a card's compute engine was reset by the driver",
        f"{PROBE_FIRST}; lower the speculation depth or the context; look at the GuC firmware (70.72.1 or newer)",
    ),
    device(
        "gpu-job-never-started",
        r"Check job timeout: .{0,200}not started",
        "the GPU's firmware never started a job: the known deadlock of collectives between cards",
        f"{PROBE_FIRST}; set CCL_SYCL_ALLREDUCE_TMP_BUF=1, or CCL_ALLREDUCE=ring to prove the cause",
    ),
    device(
        "gpu-job-timed-out",
        r"Timedout job: seqno=",
        "a job on a card took longer than the driver allows",
        f"{PROBE_FIRST}; look at the GuC firmware (70.72.1 or newer) and at the job timeout (10000 ms)",
    ),
    device(
        "device-coredump",
        r"Xe device coredump has been created",
        "the driver recorded the hang of a card",
        f"save the core dump first (there is room for one), then {PROBE_FIRST}",
    ),
    device(
        "driver-aborted",
        r"linear_stream\.h|Abort at drm_neo\.cpp|^(?!.*xpumd).*Abort was called at \d+ line in file",
        "Intel's compute runtime aborted the process; in linear_stream.h its command stream ran out",
        f"{PROBE_FIRST}; graph capture and multi-token prediction together are known for this: turn one off",
    ),
    device(
        "host-lockup",
        r"watchdog:.{0,200}hard LOCKUP",
        "the host's kernel stood still for seconds, which the xe driver's firmware is known for",
        f"{PROBE_FIRST}; set kernel.hardlockup_panic=0 so that the host survives it",
    ),
)
