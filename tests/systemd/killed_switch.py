"""Run by the switch's unit in place of `slotctl switch-now`: the same, but it is killed when it comes to a step.

`python killed_switch.py FILE REQUEST`. FILE names the steps, one to a line; each is struck out before it kills, so that
whoever takes up the switch comes past it.
"""

import os
import signal
import sys
from pathlib import Path

from slot.cli.places import paths_here
from slot.cli.switch_now import switch_now
from slot.switch.steps import Step


def kill_at_the_steps_of(file: Path, step: Step) -> None:
    steps = file.read_text().split()
    if step in steps:
        file.write_text("\n".join(each for each in steps if each != step))
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    marked = Path(sys.argv[1])
    sys.exit(switch_now(sys.argv[2], paths_here(), noted=lambda step: kill_at_the_steps_of(marked, step)))
