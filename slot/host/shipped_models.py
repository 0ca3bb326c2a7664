"""Makes or fetches the models of the profiles that we ship, with the tools of the engine that will load them.

Fetching happens here rather than in the engine's first start for two reasons: whoever waits sees how far it is, and the
engine's environment holds nothing of the caller's, so behind a proxy the engine itself could not reach the hub.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from slot.doctor.hub_cache import cache_dir, snapshot_of
from slot.doctor.weights import read_weights
from slot.host import terminal
from slot.host.command import CommandFailed, run

TINY_MODEL_DIR = "models/tiny-qwen3"
_RECIPE = Path(__file__).with_name("tiny_model.py")


class NoModel(Exception):
    """The model is not there. The message says why and what can be done."""


def ensure_tiny_model(venv: Path, data_dir: Path) -> Path:
    """The tiny model, made offline in some seconds if it is missing or of an older recipe. Raises NoModel, OSError."""
    model = data_dir / TINY_MODEL_DIR
    recipe = hashlib.sha256(_RECIPE.read_bytes()).hexdigest()
    if not _is_of_recipe(model, recipe):
        terminal.say(f"Making {model}: a model of random weights, offline.")
        model.parent.mkdir(parents=True, exist_ok=True)
        log = model.with_name(f"{model.name}.log")
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(model.parent), "LANG": "C.UTF-8"}
        try:
            run([str(venv / "bin/python"), str(_RECIPE), str(model), recipe], environment=environment, log=log)
        except CommandFailed as failure:
            last = failure.output.strip().splitlines()[-1:] or [str(failure)]
            raise NoModel(f"cannot make {model}: {last[0]}. All that was said: {log}") from failure
    return model


def _is_of_recipe(model: Path, recipe: str) -> bool:
    try:
        return (model / "recipe.sha256").read_text().strip() == recipe
    except FileNotFoundError:
        return False


def ensure_weights(venv: Path, model_id: str, revision: str | None, environment: Mapping[str, str]) -> None:
    """The model in the hub's cache where the engine, with its `environment`, will look; fetched if it is not whole.

    Raises NoModel, OSError.
    """
    cache = cache_dir(environment, Path(environment["HOME"]))
    if _is_whole(snapshot_of(model_id, revision, cache)):
        return
    terminal.say(f"Fetching {model_id} into {cache} (once).")
    command = [str(venv / "bin/hf"), "download", model_id, "--cache-dir", str(cache)]
    command += ["--revision", revision] if revision else []
    # the caller's environment, for proxies, certificates and a token; what the engine's says, wins
    done = subprocess.run(command, env={**os.environ, **environment}, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise NoModel(
            f"{model_id} could not be fetched from the model hub (the reason is above). Connect this machine, or copy "
            f"the model into {cache} from one that is connected; the profiles sim and tiny-cpu need no hub"
        )


def _is_whole(snapshot: Path | None) -> bool:
    return snapshot is not None and (snapshot / "config.json").is_file() and not read_weights(snapshot).faults
