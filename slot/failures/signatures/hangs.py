"""What the last words say of an engine that lives and does not get on. None of them is an error by itself."""

from __future__ import annotations

from slot.failures.signature import PROBE_FIRST, configuration, device

HANGS = (
    configuration(
        "hub-hang",
        r"Fetching \d+ files: ",
        "fetching the weights from the hub stands still",
        "fetch the weights before serving; HF_HUB_DISABLE_XET=1 avoids the known stall",
    ),
    device(
        "collective-hang",
        r"world_size=(?P<world>\d+) rank=\d+ .{0,400}backend=xccl",
        "the first collective between the {world} cards never came back",
        f"{PROBE_FIRST}; set CCL_SYCL_ALLREDUCE_TMP_BUF=1 and check that oneCCL is the engine line's own",
    ),
    device(
        "worker-silent",
        r"No available shared memory broadcast block found in \d+ second",
        "a worker stopped answering the others",
        f"if it was compiling, raise MODEL_SLOT_STALL_TIMEOUT_S; otherwise {PROBE_FIRST}",
    ),
)
