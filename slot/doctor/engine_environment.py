"""Does anybody read the `VLLM_*` variables of a profile?

A name that the engine does not know is only a warning in its log, and the setting is lost in silence: a graph profile
runs without graphs. So every name must be known to somebody:
1. to the engine itself (`vllm/envs.py`), or to the kernels that it loads
2. to a patch that the profile names in MODEL_SLOT_PATCHES, on the engine line that the patch was made for
3. to a patch made for another line: this engine ignores the name, and the patch's note says what is there instead
4. to nobody: probably a typo
A patch that the profile names and nobody describes is said too: what it reads cannot be known.

Source of `KERNEL_NAMES`: strings in the vllm-xpu-kernels 0.1.15.4 and 0.1.16.2 wheels; `envs.py` lists none of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from slot.doctor.finding import Finding, ok, warn
from slot.doctor.installed_engine import line_of
from slot.doctor.patches import Patch, declaring
from slot.profiles.problems import nearest

CHECK = "engine_environment"
KERNEL_NAMES = frozenset(
    {
        "VLLM_MHC_USE_TF32",
        "VLLM_XPU_FORCE_XE_DEFAULT_KERNEL",
        "VLLM_XPU_FUSED_MOE_NATIVE_BLOCK_FP8",
        "VLLM_XPU_FUSED_MOE_NATIVE_MXFP8",
        "VLLM_XPU_FUSED_MOE_USE_MXFP4_FP8",
        "VLLM_XPU_FUSED_MOE_USE_REF",
        "VLLM_XPU_SPEC_DECODE_MAX_QLEN",
    }
)


@dataclass(frozen=True)
class EngineNames:
    """The variables that an engine knows. `source` says how we know them: asked, or from a shipped list."""

    line: str
    known: Collection[str]
    source: str


def check(
    used: Collection[str], engine: EngineNames, named: Collection[str], patches: Mapping[str, Patch]
) -> list[Finding]:
    """`used` are the profile's `VLLM_*` names, `named` its MODEL_SLOT_PATCHES, `patches` all that are described."""
    findings = [finding for name in sorted(used) if (finding := unread(name, engine, named, patches)) is not None]
    findings += [undescribed(name) for name in named if name not in patches]
    if findings:
        return findings
    expected = "every name known to the engine, its kernels or the profile's patches"
    return [ok(CHECK, f"{len(used)} VLLM_* names, {engine.source}", "all known", expected)]


def undescribed(patch: str) -> Finding:
    do = f"describe it in patches/{patch}.toml, or correct MODEL_SLOT_PATCHES"
    return warn(CHECK, patch, "a patch that is described nowhere", "a patch of patches/", do)


def unread(name: str, engine: EngineNames, named: Collection[str], patches: Mapping[str, Patch]) -> Finding | None:
    if name in engine.known or name in KERNEL_NAMES:  # 1
        return None
    patch = declaring(name, patches.values())
    if patch is None:  # 4
        near = nearest(name, engine.known)
        found = f"unknown to vLLM {engine.line} ({engine.source}) and to every patch"
        do = f"did you mean {near}?" if near else "remove it, or name the patch that reads it in MODEL_SLOT_PATCHES"
        return warn(CHECK, name, found, "a name that somebody reads", do)
    if line_of(patch.engine_line) != line_of(engine.line):  # 3
        found = f"read by patch {patch.name} of line {patch.engine_line}; vLLM {engine.line} ignores it"
        return warn(CHECK, name, found, "a name of this engine's line", patch.upstream or "remove it")
    if patch.name not in named:
        found = f"read by patch {patch.name}, which MODEL_SLOT_PATCHES does not name"
        return warn(CHECK, name, found, "a patch that the profile names", f"add {patch.name} to MODEL_SLOT_PATCHES")
    return None  # 2
