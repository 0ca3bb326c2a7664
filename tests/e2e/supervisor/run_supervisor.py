"""A process that supervises one slot, as the tests start it.

    run_supervisor.py PROFILE RUN_DIR DATA_DIR PORT [--grace-s S] [--serve PROFILE] [--fault SPEC]... [--engine WORD...]

The engine is the simulator. `--grace-s` is a shorter patience than profiles may have, so that the tests are quick;
`--serve` lets the engine serve another profile than the supervisor expects; `--engine` (last) is any program instead.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

from slot.paths import Paths
from slot.profiles.catalog import load_active
from slot.profiles.command import Argument, EngineCommand, engine_command
from slot.profiles.profile import Value
from slot.supervisor import service


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("profile", type=Path)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--grace-s")
    parser.add_argument("--serve", type=Path)
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--engine", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    profile = load_active(options.profile)
    if options.grace_s:
        grace = Value(options.grace_s, "the test", 1, profile.name)
        profile = replace(profile, values={**profile.values, "MODEL_SLOT_STOP_GRACE_S": grace})
    command = engine_command(
        load_active(options.serve) if options.serve else profile,
        data_dir=options.data_dir,
        home=options.data_dir,
        python=sys.executable,
        simulate=True,
        faults=options.fault,
        port=options.port,
    )
    if options.engine:
        argv = tuple(Argument(word, "the test") for word in (*options.engine, "--port", str(options.port)))
        command = EngineCommand(argv, command.environment, Path(options.engine[0]), simulated=True)
    paths = Paths(options.run_dir, options.data_dir, options.data_dir, options.profile)
    return asyncio.run(service.run(profile, command, paths, notify_socket=os.environ.get("NOTIFY_SOCKET")))


if __name__ == "__main__":
    sys.exit(main())
