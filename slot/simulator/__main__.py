"""`python -m slot.simulator serve MODEL [flags of vllm serve] [--simulator-...]`: exit codes are vLLM's."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time

from slot.profiles.engine_face import EngineFace, faces
from slot.simulator import argv, children
from slot.simulator.faults import FaultName

ENGINE = "vllm 0.32"


def main() -> None:
    began = time.monotonic()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    face = next(face for face in faces() if face.engine.startswith(ENGINE))
    try:
        options = argv.parse(sys.argv[1:], face)
    except argv.UsageError as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(2)
    stubborn = any(fault.name is FaultName.IGNORE_SIGTERM for fault in options.faults)
    # before anything that has threads or an event loop is imported
    family = children.fork(options.children, stubborn=stubborn)

    import uvloop

    from slot.simulator.server import Simulator

    async def run() -> int:
        return await Simulator(options, family, began=began).run(_unknown_environment(face))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(run()))


def _unknown_environment(face: EngineFace) -> list[str]:
    return sorted(name for name in os.environ if name.startswith("VLLM_") and name not in face.environment)


if __name__ == "__main__":
    main()
