"""Where the model hub's client would find a model that is served by its id.

Source: the cache layout of huggingface_hub (`models--ORG--NAME/refs/main`, `snapshots/COMMIT`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from slot.doctor.finding import Finding, warn


def cache_dir(environment: Mapping[str, str], home: Path) -> Path:
    """`environment` is the engine's. The client's own order: HF_HUB_CACHE, HF_HOME/hub, the default."""
    if explicit := environment.get("HF_HUB_CACHE"):
        return Path(explicit)
    return Path(environment.get("HF_HOME") or home / ".cache/huggingface") / "hub"


def snapshot_of(model_id: str, revision: str | None, cache: Path) -> Path | None:
    """The directory of a model that was downloaded before, or None."""
    model = cache / f"models--{model_id.replace('/', '--')}"
    try:
        commit = (model / "refs" / (revision or "main")).read_text().strip()
    except OSError:
        commit = revision or ""
    snapshot = model / "snapshots" / commit
    return snapshot if commit and snapshot.is_dir() else None


def not_downloaded(model_id: str, cache: Path) -> Finding:
    return warn(
        "model_dir",
        f"{model_id} in {cache}",
        "not downloaded yet",
        "the model in the hub's cache, or MODEL_SLOT_MODEL_DIR",
        "the engine downloads it at its first start: that needs a connection to the model hub, room, and patience",
    )
