"""Writes `docs/reference/`, and the table of `docs/failures.md`, from the code: `scripts/docs`.

With `--check` it compares, and fails where they differ.

Whatever has a name for the outside (a profile key, a setting, a verb, a metric, a route, a failure) is told here by the
code that implements it, so that none can be undocumented.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import ProcessCollector

from frontdoor import routes
from frontdoor.admission.admission import Admission, Limits
from frontdoor.record.counts import Counts
from frontdoor.record.events import EventLog
from frontdoor.record.metrics import HISTOGRAMS, Reading, counters
from frontdoor.refusal import Reason
from frontdoor.routes import ROUTES
from frontdoor.settings import Settings, variable
from frontdoor.view.gauges import gauges
from frontdoor.view.occupancy import Occupancy
from frontdoor.watch.slot_watch import SlotWatch, Sources
from slot.cli.app import app
from slot.failures.catalogue import FATAL, HANGS, NOTED
from slot.failures.diagnosis import diagnose
from slot.failures.signature import Kind, Signature
from slot.failures.signatures.notes import NOTES
from slot.failures.trouble import (
    Crashed,
    FaultBefore,
    LeftOver,
    LoadTimedOut,
    NotStarted,
    Stalled,
    Taken,
    Wedged,
    WrongModel,
)
from slot.profiles import engine_flags, keys, refused
from slot.profiles.engine_face import faces
from slot.simulator import help_text
from slot.simulator.failure_texts import FAILURES
from slot.state import Lifecycle, LoadPhase, ProfileFacts, SlotState

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by scripts/docs from the code; do not edit. -->\n\n"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def code(text: object) -> str:
    return f"`{text}`" if text not in (None, "") else ""


def profile_keys() -> str:
    def rows(table_of_keys: Iterable[keys.Key]) -> list[tuple[str, str, str, str]]:
        return [(code(key.name), key.doc, key.kind.expected, key.default or "") for key in table_of_keys]

    head = ("key", "meaning", "takes", "if absent")
    ranges = [
        (code(engine_flags.key_of(name)), code(f"--{name}"), kind.expected)
        for name, kind in engine_flags.RANGES.items()
    ]
    return (
        "# Keys of a profile\n\n"
        "How to write one: [profiles](../profiles.md). The prefix of a key says who reads it.\n\n"
        "## `MODEL_SLOT_*`: the slot\n\n"
        + table(head, rows(keys.MODEL_SLOT.values()))
        + "\n## `FRONTDOOR_*`: the frontdoor\n\n"
        + table(head, rows(keys.FRONTDOOR.values()))
        + "\n## `SERVE_*`: the engine's command line\n\n"
        "`SERVE_MAX_MODEL_LEN=32768` becomes `--max-model-len 32768`; `true` and `false` become `--flag` and "
        "`--no-flag`; JSON stays one argument. Every flag of the vLLM releases whose faces are shipped is known, "
        f"with its kind ({', '.join(code(face.engine) for face in faces())}). These also have a range:\n\n"
        + table(("key", "flag", "takes"), ranges)
        + "\n## The engine's environment\n\n"
        f"Exported as written: names that begin with {', '.join(code(prefix) for prefix in keys.ENGINE_PREFIXES)}.\n\n"
        "## Refused by name\n\n" + table(("name", "why"), ((code(n), why) for n, why in refused.REFUSED.items()))
    )


def frontdoor_settings() -> str:
    rows = (
        (
            code(variable(name)),
            field.description,
            "" if field.default is None else code(field.default),
            "profile, environment" if variable(name) in keys.FRONTDOOR else "environment",
        )
        for name, field in Settings.model_fields.items()
    )
    return (
        "# Settings of the frontdoor\n\n"
        "The command line wins over the active profile, the profile over the environment, the environment over the "
        "default. A value that the profile overrides is logged once. What belongs to the host and not to the model has "
        "its place in the environment only; `slotctl up` and `scripts/serve` pass that on, and take the rest from the "
        "profile alone.\n\n"
        + table(("setting", "takes", "default", "may stand in"), rows)
        + "\n## Command line\n\n```\n"
        + help_of("frontdoor.__main__", "frontdoor")
        + "```\n"
    )


def help_of(module: str, *words: str) -> str:
    # a fixed width and no terminal: the same text on every machine
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"}
    command = [sys.executable, "-m", module, *words[1:], "--help"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def slotctl() -> str:
    verbs = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    parts = [f"## slotctl {verb}\n\n```\n{help_of('slot.cli', 'slotctl', verb)}```\n" for verb in verbs]
    return "# slotctl\n\n```\n" + help_of("slot.cli", "slotctl") + "```\n\n" + "\n".join(parts)


def metrics() -> str:
    rows = [
        (
            code(r.name),
            "counter" if r.name.endswith("_total") else "gauge",
            r.documentation,
            ", ".join(map(code, r.labels)),
        )
        for r in (*_readings_of_a_loading_slot(), *counters(Counts()))
    ]
    rows += [(code(h.name), "histogram", h.documentation, "`profile`, `route`") for h in HISTOGRAMS]
    rows += [
        (code(f.name + ("_total" if f.type == "counter" else "")), f.type, f.documentation, "")
        for f in ProcessCollector(registry=None).collect()
    ]
    return (
        "# Metrics\n\nAt `/metrics` of the frontdoor; what to make of them: [monitoring](../monitoring.md). "
        "Label values come from the profile, the route table and closed sets, never from a request. "
        "`frontdoor_*kv_token*` are there where tokens are counted (`FRONTDOOR_TOKEN_ADMISSION`), `slot_*` where a "
        "supervisor's state is followed.\n\n" + table(("metric", "type", "meaning", "labels"), rows)
    )


def _readings_of_a_loading_slot() -> list[Reading]:
    watch = SlotWatch(Sources({}, {}), Settings(), None, EventLog())
    watch.slot = SlotState(
        state=Lifecycle.LOADING,
        since=time.time(),
        updated_at=time.time(),
        phase=LoadPhase.WEIGHTS,
        progress=0.5,
        profile=ProfileFacts(name="", title="", hf_id="", modalities="", status="", sha256=""),
        served_model_name="",
        engine_url="",
        supervisor_pid=0,
    )
    admission = Admission(Limits(1, kv_tokens=1))
    return gauges(watch, Occupancy(now=0.0, started=0.0, address=("", 0), generations=admission, pooling=admission))


def http_routes() -> str:
    rows = ((code(f"{route.method} {route.path}"), route.kind, route.doc) for route in ROUTES)
    denied = ((code(path), why) for path, why in routes.REFUSED.items())
    return (
        "# HTTP routes\n\nExact method and path; everything else is 404 and never reaches the engine. `generation` "
        "counts against the cap.\n\n"
        + table(("route", "kind", "what"), rows)
        + "\n## Not here, on purpose\n\n"
        + table(("path of the engine", "why"), denied)
        + "\n## Why a request was refused\n\nThe `reason` of `frontdoor_rejected_total`, of events and of `/status`: "
        + ", ".join(code(reason) for reason in Reason)
        + ".\n"
    )


def failures() -> str:
    searched = (
        ("The engine ended", "Searched in its last lines; the first of this order that is there is the cause.", FATAL),
        (
            "It lives and does not get on",
            "Searched are those of the kind `device` above, and in its very last lines these:",
            HANGS,
        ),
        ("It goes on", "Searched in each line.", NOTED),
    )
    return (
        "# How the supervisor recognises a failure\n\nWhat each means, and what to do: [failures](../failures.md).\n"
        + (
            "".join(
                f"\n## {title}\n\n{where}\n\n" + table(("name", "kind", "in the log"), _patterns(known))
                for title, where, known in searched
            )
        )
    )


def _patterns(known: Iterable[Signature]) -> Iterable[tuple[str, ...]]:
    return ((each.name, each.kind, code(each.pattern.pattern)) for each in known)


def failures_by_class() -> str:
    """The table of `docs/failures.md`: whatever can stand in `failure` and `warnings` of the state."""
    without_a_line = (diagnose(trouble, [], LoadPhase.WEIGHTS, 0.0) for trouble in TROUBLES)
    found = [
        *((each.name, each.kind, each.failure.cause, each.failure.remedy) for each in without_a_line),
        *((each.name, each.kind, _blank(each.cause), _blank(each.remedy)) for each in (*FATAL, *HANGS)),
        *((each.name, each.kind, f"note: {_blank(each.cause)}", _blank(each.remedy)) for each in NOTES),
    ]
    head = ("failure", "what `slotctl status` says", "what to do")
    parts = []
    for kind in Kind:
        rows = [row for row in found if row[1] is kind]
        parts.append(f"### {kind}\n\n" + table(head, ((code(name), said, do) for name, _, said, do in rows)))
    return "\n".join(parts)


# One of each kind of trouble that needs no line of the log to be told, with figures as an example.
TROUBLES = (
    NotStarted("no such file: venv/bin/vllm"),
    WrongModel("SERVE_MAX_MODEL_LEN", "2048", "4096"),
    FaultBefore("copy-engine-reset", "xe 0000:03:00.0: [drm] GT0: Engine reset: engine_class=bcs"),
    LeftOver("4711 VLLM::Worker_TP0 holds 28 GiB of 0000:03:00.0"),
    Taken("port", "port 18080 on 127.0.0.1 is busy: held by python (pid 4711)"),
    Taken("slot", "its lock is held by process 4711, and no supervisor tells how the slot is"),
    Wedged(120, 3),
    Stalled(600),
    LoadTimedOut(2400),
    Crashed(-signal.SIGKILL),
    Crashed(-signal.SIGSEGV),
    Crashed(1),
)


def _blank(text: str) -> str:
    """With `...` where the line of the log puts in what it says."""
    return re.sub(r"\{\w+\}", "...", text).replace("{{", "{").replace("}}", "}")


def simulator() -> str:
    rows = ((code(name), f.phase, f.ending.value, code(f.error or " ".join(f.lines))) for name, f in FAILURES.items())
    return (
        "# The simulator\n\n"
        "An engine with vLLM 0.32's face and no GPU: its routes, stream framing, errors, metrics and log lines, with "
        "the timing that a profile measured (`MODEL_SLOT_MEASURED_*`). `slotctl up NAME --simulate` puts it in the "
        "place of that profile's engine; `python -m slot.simulator serve MODEL` runs it alone, with vLLM's flags. "
        "The same seed (`--seed`; alone: `--simulator-seed`) and prompt give the same text.\n\n"
        "## Faults\n\n"
        "`--fault NAME[:key=value,...]` for the whole engine (repeatable; alone: `--simulator-fault`), or "
        '`"simulator_fault": "NAME[:...]"` in the body of one request.\n\n```\n'
        + help_text.faults_table()
        + "\n```\n\n## Failures of the start: `--fault crash_loading:text=NAME`\n\n"
        + table(("name", "phase", "how it goes on", "last line"), rows)
    )


PAGES = {
    "simulator.md": simulator,
    "profile-keys.md": profile_keys,
    "frontdoor-settings.md": frontdoor_settings,
    "slotctl.md": slotctl,
    "metrics.md": metrics,
    "http-routes.md": http_routes,
    "failures.md": failures,
}


BEGIN, END = "<!-- Written by scripts/docs from the code: begin -->\n\n", "\n<!-- Written by scripts/docs: end -->"


def pages() -> Iterator[tuple[Path, str]]:
    """Each page and what it should be. Of a page that a person writes too, only the part between the marks is ours."""
    yield from ((REFERENCE / name, NOTE + write()) for name, write in PAGES.items())
    page = REFERENCE.parent / "failures.md"
    before, _, rest = page.read_text().partition(BEGIN)
    yield page, before + BEGIN + failures_by_class() + END + rest.partition(END)[2]


def main() -> int:
    outdated = []
    for page, text in pages():
        if "--check" in sys.argv[1:]:
            if not page.exists() or page.read_text() != text:
                outdated.append(page.name)
        else:
            page.write_text(text)
    if outdated:
        sys.stderr.write(f"the documentation is not what the code says ({', '.join(outdated)}): run scripts/docs\n")
    return 1 if outdated else 0


if __name__ == "__main__":
    sys.exit(main())
