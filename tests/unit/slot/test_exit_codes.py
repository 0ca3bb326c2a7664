from __future__ import annotations

import os

from slot.exit_codes import ExitCode


def test_the_codes_are_those_of_sysexits() -> None:
    assert (ExitCode.NO_INPUT, ExitCode.UNAVAILABLE) == (os.EX_NOINPUT, os.EX_UNAVAILABLE)
    assert (ExitCode.CANNOT_CREATE, ExitCode.IO_ERROR, ExitCode.CONFIG) == (os.EX_CANTCREAT, os.EX_IOERR, os.EX_CONFIG)
    assert ExitCode.OVERRULED == os.EX_TEMPFAIL


def test_the_codes_are_those_of_every_program() -> None:
    assert (ExitCode.OK, ExitCode.FAILED, ExitCode.USAGE) == (0, 1, 2)
