import pytest

from slot.doctor.engine_environment import EngineNames, check
from slot.doctor.finding import Level
from slot.doctor.patches import Patch, patch_in, read_patches
from slot.paths import shipped

GRAPHS = Patch("graphs", "0.20", "graphs are on unless eager", frozenset({"VLLM_XPU_FORCE_GRAPH_WITH_COMM"}))
NEW = EngineNames("0.32", {"VLLM_CACHE_ROOT", "VLLM_XPU_INC_WNA16_BACKEND"}, "vLLM 0.32.0 itself")
OLD = EngineNames("0.20.1", {"VLLM_CACHE_ROOT"}, "our list")


@pytest.mark.parametrize(
    ("name", "engine", "named", "level", "said"),
    [
        ("VLLM_CACHE_ROOT", NEW, (), Level.OK, "all known"),
        ("VLLM_XPU_SPEC_DECODE_MAX_QLEN", NEW, (), Level.OK, "all known"),
        ("VLLM_XPU_FORCE_GRAPH_WITH_COMM", OLD, ("graphs",), Level.OK, "all known"),
        ("VLLM_XPU_FORCE_GRAPH_WITH_COMM", OLD, (), Level.WARN, "which MODEL_SLOT_PATCHES does not name"),
        ("VLLM_XPU_FORCE_GRAPH_WITH_COMM", NEW, ("graphs",), Level.WARN, "of line 0.20; vLLM 0.32 ignores it"),
        ("VLLM_CACHE_ROOTS", NEW, ("graphs",), Level.WARN, "unknown to vLLM 0.32 (vLLM 0.32.0 itself)"),
    ],
)
def test_every_name_must_be_known_to_somebody(
    name: str, engine: EngineNames, named: tuple[str, ...], level: Level, said: str
) -> None:
    (finding,) = check([name], engine, named, {"graphs": GRAPHS})
    assert finding.level == level
    assert said in finding.found


@pytest.mark.parametrize(
    ("name", "do"),
    [
        ("VLLM_CACHE_ROOTS", "did you mean VLLM_CACHE_ROOT?"),
        ("VLLM_NOTHING_LIKE_IT_AT_ALL", "remove it, or name the patch that reads it in MODEL_SLOT_PATCHES"),
        ("VLLM_XPU_FORCE_GRAPH_WITH_COMM", "graphs are on unless eager"),
    ],
)
def test_what_to_do_is_said(name: str, do: str) -> None:
    assert check([name], NEW, (), {"graphs": GRAPHS})[0].do == do


def test_each_unread_name_is_a_finding() -> None:
    assert [finding.looked_at for finding in check(["VLLM_B", "VLLM_A", "VLLM_CACHE_ROOT"], NEW, (), {})] == [
        "VLLM_A",
        "VLLM_B",
    ]


def test_a_patch_that_nobody_describes_is_said() -> None:
    (finding,) = check(["VLLM_CACHE_ROOT"], NEW, ["graphs", "grafs"], {"graphs": GRAPHS})
    assert (finding.looked_at, finding.level) == ("grafs", Level.WARN)


def test_a_patch_may_say_little() -> None:
    assert patch_in("p", "") == Patch("p", "", "", frozenset())


def test_the_shipped_patches_are_read() -> None:
    patches = read_patches(shipped("patches"))
    assert patches
    assert all(patch.engine_line for patch in patches.values())
    assert any("VLLM_XPU_FORCE_GRAPH_WITH_COMM" in patch.environment for patch in patches.values())
