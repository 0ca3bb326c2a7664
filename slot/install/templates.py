"""The text of every file that an installation has, from what is wanted: units, drop-ins, polkit's rule, accounts.

The units are shipped as they are read by people; what depends on the host is put into drop-ins beside them, so that
`systemctl cat` shows both, and an admin's own drop-in (any later name) has the last word.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from slot import units
from slot.install import places
from slot.install.wanted import Wanted

MARK = "Written by `slotctl install`"
RESTART_STEPS_SINCE = 254  # systemd's NEWS: before, the two directives are unknown and warned of


def files(wanted: Wanted, *, systemd_version: int, has_polkit: bool) -> dict[Path, str]:
    """Path and text of all that shall be there, but the active profile and the record."""
    found = {places.unit_file(name): _unit(text, wanted.bin_dir) for name, text in wanted.unit_texts.items()}
    found[places.drop_in(units.SLOT)] = _slots(wanted, systemd_version)
    found[places.drop_in(units.SWITCH_TEMPLATE)] = _switchs(wanted)
    found[places.drop_in(units.DOOR)] = _drop_in("Service", wanted.programs.lines())
    found[places.drop_in(units.SOCKET)] = _sockets(wanted.port)
    found[places.SYSUSERS] = _accounts(wanted)
    if has_polkit:
        found[places.POLKIT_RULE] = POLKIT
    if wanted.bin_dir != places.COMMAND_DIR:
        found |= {places.COMMAND_DIR / name: _command(wanted, name) for name in wanted.commands}
    return {path: text for path, text in found.items() if text}


def mode_of(path: Path) -> int:
    return 0o755 if path.parent == places.COMMAND_DIR else 0o644


def _unit(text: str, bin_dir: Path) -> str:
    return text.replace(places.SHIPPED_BIN_DIR, str(bin_dir))


def _slots(wanted: Wanted, systemd_version: int) -> str:
    lines = wanted.engine.lines()
    if wanted.user != places.SLOT_USER:
        # a person's other processes have shared memory too: it must not go when the slot stops
        lines += [f"User={wanted.user}", f"Environment=HOME={wanted.home}", "RemoveIPC=no"]
    if wanted.simulate:
        lines += ["ExecStart=", f"ExecStart={wanted.bin_dir}/slotctl run --simulate"]
    if systemd_version >= RESTART_STEPS_SINCE:
        lines += ["RestartSteps=3", "RestartMaxDelaySec=300"]
    return _drop_in("Service", lines)


def _switchs(wanted: Wanted) -> str:
    # it asks the doctor as the slot's user, who must find the same programs, engines and weights
    lines = wanted.engine.lines()
    if wanted.catalog_dir:
        lines.append(f"Environment=SLOT_CATALOG_DIR={wanted.catalog_dir}")
    return _drop_in("Service", lines)


def _sockets(port: int) -> str:
    listen = [] if port == places.DEFAULT_PORT else ["ListenStream=", f"ListenStream=0.0.0.0:{port}"]
    return _drop_in("Socket", listen)


def _drop_in(section: str, lines: Iterable[str]) -> str:
    """Empty where there is nothing to say: then there is no file."""
    text = "\n".join(lines)
    note = f"# {MARK} for this host, and again by `slotctl upgrade`: a line of your own goes into another file here."
    return f"{note}\n[{section}]\n{text}\n" if text else ""


def _accounts(wanted: Wanted) -> str:
    """sysusers.d(5). The groups of the cards are made where no driver's package has done so: the unit names them."""
    lines = ["g render -", "g video -", f"g {units.OPERATORS} -"]
    if wanted.user == places.SLOT_USER:
        lines.append(f'u {places.SLOT_USER} - "vLLM model slot" {places.DATA_DIR}')
        lines += [f"m {places.SLOT_USER} {group}" for group in ("render", "video")]
    return "\n".join([f"# {MARK}: who the slot runs as, and who may operate it.", *lines, ""])


def _command(wanted: Wanted, name: str) -> str:
    """A command for everybody on this host: without it, somebody's own slot would be meant and not the services'."""
    catalog = f" SLOT_CATALOG_DIR={wanted.catalog_dir}" if wanted.catalog_dir else ""
    own = (
        f"SLOT_RUN_DIR={places.RUN_DIRS[0]} SLOT_DATA_DIR={places.DATA_DIR} SLOT_ACTIVE_PROFILE={places.ACTIVE_PROFILE}"
    )
    return f"""\
#!/bin/sh
# {MARK}: {name} for the slot that runs as a service of this host.
[ -n "$SLOT_RUN_DIR" ] || export {own}{catalog}
exec {wanted.bin_dir}/{name} "$@"
"""


POLKIT = f"""\
// {MARK}: who is in the group {units.OPERATORS} may start, stop and restart the model slot and its
// frontdoor, and start a switch. Nothing else is answered here, and nobody is asked for a password.
polkit.addRule(function (action, subject) {{
    if (action.id != "org.freedesktop.systemd1.manage-units" || !subject.isInGroup("{units.OPERATORS}")) {{
        return polkit.Result.NOT_HANDLED;
    }}
    var unit = action.lookup("unit"), verb = action.lookup("verb");
    var standing = ["{units.SLOT}", "{units.DOOR}"];
    if (standing.indexOf(unit) >= 0 && ["start", "stop", "restart", "try-restart"].indexOf(verb) >= 0) {{
        return polkit.Result.YES;
    }}
    if (verb == "start" && /^b70-slot-switch@[a-z0-9][a-z0-9.:-]*\\.service$/.test(unit)) {{
        return polkit.Result.YES;
    }}
    return polkit.Result.NOT_HANDLED;
}});
"""
