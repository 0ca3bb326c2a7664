"""Is the model there, all of it?

In this order, and the first that fails is the only one worth reading:
1. the directory exists, and this user may look into it; if not: is it missing, or is its disk not mounted?
2. `config.json` is there and is JSON
3. a tokenizer is there
4. every file of the weights is there, whole
"""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path

from slot.doctor.finding import Finding, fail, ok
from slot.doctor.mounts import Mounts
from slot.doctor.weights import Weights
from slot.size_words import size_words

CHECK = "model_dir"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tekken.json", "vocab.json", "vocab.txt", "*.tiktoken")
WHOLE = "config.json, a tokenizer and every file of the weights"


def check(model_dir: Path, mounts: Mounts, weights: Weights) -> Finding:
    """`weights` is what `read_weights(model_dir)` found."""
    looked_at = str(model_dir)
    try:
        if not model_dir.is_dir():
            return absent(model_dir, mounts)  # 1
        next(model_dir.iterdir(), None)
    except PermissionError:
        return forbidden(model_dir)  # 1
    if (fault := config_fault(model_dir / "config.json")) is not None:  # 2
        return fail(CHECK, looked_at, fault, WHOLE, "copy the model again, or correct MODEL_SLOT_MODEL_DIR")
    if not any(next(model_dir.glob(name), None) for name in TOKENIZERS):  # 3
        return fail(CHECK, looked_at, "no tokenizer", f"one of {', '.join(TOKENIZERS)}", "copy the model again")
    if weights.faults:  # 4
        return fail(CHECK, looked_at, several(weights.faults), WHOLE, "finish the download or copy these files again")
    number = len(weights.files)
    return ok(
        CHECK, looked_at, f"{size_words(weights.bytes_on_disk)} of weights in {number} file{'s' * (number != 1)}", WHOLE
    )


def absent(model_dir: Path, mounts: Mounts) -> Finding:
    """A symbolic link may lead to another disk, so both the path and where it leads are looked up."""
    leads_to = Path(os.path.realpath(model_dir))
    disk = mounts.missing_under(model_dir) or mounts.missing_under(leads_to)
    if disk is not None:
        found = f"the directory is not there, and the disk of {disk} is not mounted"
        return fail(CHECK, str(model_dir), found, f"{disk} mounted, as fstab declares it", f"mount {disk}")
    if model_dir.exists():
        return fail(
            CHECK, str(model_dir), "not a directory", "a directory with the model", "correct MODEL_SLOT_MODEL_DIR"
        )
    nearest = next(path for path in leads_to.parents if path.exists())
    return fail(
        CHECK,
        str(model_dir),
        f"the directory is missing; {nearest} is there",
        "a directory with the model",
        "download the model there, or correct MODEL_SLOT_MODEL_DIR",
    )


def forbidden(model_dir: Path) -> Finding:
    """The engine would be told that there is no such file."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    do = f"let {user} read it: chmod -R a+rX {model_dir}, and a+x on the directories above it"
    return fail(CHECK, str(model_dir), f"{user} may not look into it", WHOLE, do)


def config_fault(config: Path) -> str | None:
    try:
        return None if isinstance(json.loads(config.read_bytes()), dict) else "config.json is not a JSON object"
    except FileNotFoundError:
        return "no config.json"
    except (OSError, ValueError) as exc:
        return f"config.json cannot be read: {exc}"


def several(faults: tuple[str, ...], shown: int = 3) -> str:
    more = len(faults) - shown
    return "; ".join(faults[:shown]) + (f"; and {more} more" if more > 0 else "")
