"""What must be on this host before a profile that we ship can be served. Decides; `python -m slot.host` acts."""

from __future__ import annotations

from dataclasses import dataclass

from slot.host.engines import SHIPPED, Engine
from slot.host.shipped_models import TINY_MODEL_DIR
from slot.profiles.profile import Profile


@dataclass(frozen=True)
class Preparation:
    """One engine, and at most one model. What other profiles need is their owner's affair: `slotctl check --here`."""

    engine: Engine
    tiny_model: bool = False
    hub_model: bool = False


def preparation_for(profile: Profile) -> Preparation | None:
    """What to prepare; None: nothing that we could.

    1. a simulated engine, or one that is not ours: nothing
    2. the model that we make ourselves
    3. no model directory: the model is served by its id, so it is fetched into the hub's cache
    4. any other model directory is not ours to fill
    """
    engine = next((engine for engine in SHIPPED.values() if engine.directory == profile.venv), None)
    if profile.engine == "simulator" or engine is None:
        return None
    if profile.model_dir is not None:
        return Preparation(engine, tiny_model=profile.model_dir == TINY_MODEL_DIR)
    return Preparation(engine, hub_model=bool(profile.hf_id))
