"""`python -m slot.simulator serve MODEL [flags of vllm serve] [--simulator-...]`: exit codes are vLLM's."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time

from slot.profiles.engine_face import EngineFace, faces
from slot.simulator import children, help_text, hog, options
from slot.simulator.argv import UsageError
from slot.simulator.faults import FaultName

ENGINE = "vllm 0.32"


def main() -> None:
    began = time.monotonic()
    if help_text.is_asked_for(sys.argv[1:]):
        sys.stdout.write(help_text.text())
        return
    if len(sys.argv) == 1:
        sys.stderr.write(help_text.text())
        sys.exit(2)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    face = next(face for face in faces() if face.engine.startswith(ENGINE))
    try:
        chosen = options.parse(sys.argv[1:], face)
    except UsageError as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(2)
    stubborn = any(fault.name is FaultName.IGNORE_SIGTERM for fault in chosen.faults)
    # before anything that has threads or an event loop is imported
    family = children.fork(chosen.children, stubborn=stubborn)
    hogged = [hog.take(fault) for fault in chosen.faults if fault.name is FaultName.HOG]

    import uvloop

    from slot.simulator.server import Simulator

    async def run() -> int:
        return await Simulator(chosen, family, began=began).run(_unknown_environment(face))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(run())
    del hogged
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        signal.raise_signal(-code)
    sys.exit(code)


def _unknown_environment(face: EngineFace) -> list[str]:
    return sorted(name for name in os.environ if name.startswith("VLLM_") and name not in face.environment)


if __name__ == "__main__":
    main()
