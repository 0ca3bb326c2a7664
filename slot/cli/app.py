"""The command line of `slotctl`: its verbs, in the order in which the help shows them.

What each says of itself stands in `model_verbs`, `operation_verbs` and `host_verbs`. A verb's body imports what it
needs when it runs: `slotctl --help` and shell completion load none of it, and no verb loads another's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from slot.cli import host_verbs, model_verbs, operation_verbs

app = typer.Typer(
    name="slotctl",
    no_args_is_help=True,
    # plain help: it is pasted into the docs, and rich would take as long to import as a verb may take to answer
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def say_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(version("b70-model-slot"))
        raise typer.Exit


@app.callback()
def slotctl(
    version: Annotated[
        bool, typer.Option("--version", callback=say_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """The admin's side of the model slot: which model it serves, and how it is."""


VERBS: dict[str, Callable[..., None]] = {
    "list": model_verbs.list_,
    "show": model_verbs.show,
    "check": model_verbs.check,
    "status": operation_verbs.status,
    "switch": operation_verbs.switch,
    "rollback": operation_verbs.rollback,
    "restart": operation_verbs.restart,
    "pause": operation_verbs.pause,
    "resume": operation_verbs.resume,
    "drain": operation_verbs.drain,
    "history": operation_verbs.history,
    "logs": operation_verbs.logs,
    "recover": host_verbs.recover,
    "install": host_verbs.install,
    "upgrade": host_verbs.upgrade,
    "uninstall": host_verbs.uninstall,
    "up": model_verbs.up,
    "run": model_verbs.run,
    "import": model_verbs.import_,
}
# called by the units; people may, and find them in the reference
OF_THE_UNITS: dict[str, Callable[..., None]] = {
    "sweep": host_verbs.sweep,
    "settle": host_verbs.settle,
    "switch-now": host_verbs.switch_now,
}
for name, verb in VERBS.items():
    app.command(name)(verb)
for name, verb in OF_THE_UNITS.items():
    app.command(name, hidden=True)(verb)
