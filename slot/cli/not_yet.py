"""Verbs whose module is still to come say so, instead of failing on an import."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode


def verb_of(module: str, function: str | None = None) -> Callable[..., Any]:
    """The function of `slot.cli.MODULE`, by default of the same name. Raises Refused where there is no such module."""
    name = f"slot.cli.{module}"
    if find_spec(name) is None:
        facts = (("found", f"no {name} in this version"),)
        raise Refused(ExitCode.UNAVAILABLE, f"not yet: slotctl {(function or module).replace('_', '-')}", facts)
    found: Callable[..., Any] = getattr(import_module(name), function or module)
    return found
