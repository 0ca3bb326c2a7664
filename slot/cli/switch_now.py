"""`slotctl switch-now`: one switch, as its unit runs it. Who asked for it watches from outside, or is gone."""

from __future__ import annotations

import logging
import sys

from slot.cli.refusal import Refused
from slot.cli.systemd import refuse_without_systemd
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.switch.journal import UnreadableJournal
from slot.switch.request import BadRequest, parse
from slot.switch.transaction import Noted, Transaction, ignore
from slot.switch.world import world_at


def switch_now(request: str, paths: Paths, *, noted: Noted = ignore) -> ExitCode:
    """Raises Refused, OSError. `noted` is for the test that kills it at each step."""
    log_to_stderr()
    try:
        asked = parse(request)
    except BadRequest as exc:
        raise Refused(ExitCode.USAGE, f"not a request: {exc}") from exc
    refuse_without_systemd()
    try:
        return Transaction(asked, world_at(paths), noted=noted).run()
    except UnreadableJournal as exc:
        raise Refused(ExitCode.IO_ERROR, str(exc)) from exc


def log_to_stderr() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
