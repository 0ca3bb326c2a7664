"""`slotctl list`: every profile of the catalog, one row each; a broken one is a row that says so."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from slot.cli.places import catalog_in
from slot.cli.terminal import STATUS_COLORS, console, counted
from slot.profiles.catalog import Catalog
from slot.profiles.problems import ProfileError


@dataclass(frozen=True)
class Row:
    """`context` is tokens; None where the engine takes it from the model. `problems` counts what is wrong."""

    name: str
    status: str
    status_family: str
    modalities: tuple[str, ...]
    context: int | None
    cap: int | None
    purpose: str
    problems: int = 0


def list_profiles(catalog_dir: Path, *, as_json: bool, with_bases: bool) -> None:
    catalog = catalog_in(catalog_dir)
    rows = [row_of(catalog, name) for name in catalog.names()]
    shown = [row for row in rows if with_bases or row.status_family != "base"]
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in shown], indent=2))
    else:
        tell(shown)


def row_of(catalog: Catalog, name: str) -> Row:
    try:
        profile = catalog.load(name)
    except ProfileError as exc:
        count = len(exc.problems)
        purpose = f"{counted(count, 'problem')}: slotctl check {name}"
        return Row(name, "broken", "broken", (), None, None, purpose, count)
    except OSError as exc:  # one file that this user may not read must not hide the others
        return Row(name, "broken", "broken", (), None, None, f"cannot be read: {exc.strerror}", 1)
    return Row(
        name=name,
        status=profile.status,
        status_family=profile.status_family,
        modalities=profile.modalities,
        context=profile.max_model_len,
        cap=profile.max_active_generations,
        purpose=profile.purpose or profile.title,
    )


def tell(rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("NAME", "STATUS", "MODALITIES", "CONTEXT", "CAP", "PURPOSE", box=None, pad_edge=False)
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for row in rows:
        numbers = ("" if number is None else str(number) for number in (row.context, row.cap))
        status = Text(row.status, STATUS_COLORS.get(row.status_family, ""))
        table.add_row(row.name, status, ",".join(row.modalities), *numbers, Text(row.purpose))
    out = console()
    with out.capture() as rendered:
        out.print(table)
    typer.echo("\n".join(line.rstrip() for line in rendered.get().splitlines()))
