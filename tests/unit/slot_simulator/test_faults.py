from __future__ import annotations

import pytest

from slot.simulator import faults
from slot.simulator.failure_texts import FAILURES, Ending
from slot.simulator.faults import Fault, FaultName, Scope, UnknownFault


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("nan", Fault(FaultName.NAN, how="literal")),
        ("nan:how=vllm", Fault(FaultName.NAN, how="vllm")),
        ("garbage", Fault(FaultName.GARBAGE)),
        ("slow_start:seconds=1.5", Fault(FaultName.SLOW_START, seconds=1.5, phase="weights")),
        ("slow_start:seconds=0,phase=warmup", Fault(FaultName.SLOW_START, seconds=0.0, phase="warmup")),
        ("crash_loading", Fault(FaultName.CRASH_LOADING, text="device_lost")),
        ("crash_loading:text=igc,phase=weights", Fault(FaultName.CRASH_LOADING, text="igc", phase="weights")),
        ("die_mid_stream:after_tokens=0", Fault(FaultName.DIE_MID_STREAM, after_tokens=0, how="fin")),
        ("die_mid_stream:how=rst", Fault(FaultName.DIE_MID_STREAM, after_tokens=3, how="rst")),
        ("pause:seconds=0.5,how=ids", Fault(FaultName.PAUSE, after_tokens=3, seconds=0.5, how="ids")),
        ("die_before_head", Fault(FaultName.DIE_BEFORE_HEAD, how="fin")),
        ("stall_mid_stream:after_tokens=7", Fault(FaultName.STALL_MID_STREAM, after_tokens=7)),
        ("wedge:how=zero,after_tokens=1", Fault(FaultName.WEDGE, after_tokens=1, how="zero")),
        ("crash", Fault(FaultName.CRASH, after_tokens=3)),
        ("slow_prefill:seconds=0.5", Fault(FaultName.SLOW_PREFILL, seconds=0.5)),
        ("slow_metrics:seconds=1", Fault(FaultName.SLOW_METRICS, seconds=1.0)),
        ("wedge_card:card=2,how=faulty", Fault(FaultName.WEDGE_CARD, card=2, how="faulty")),
        ("hog:bytes=1000,tasks=3", Fault(FaultName.HOG, bytes=1000, tasks=3)),
        ("say:line=one, two=2", Fault(FaultName.SAY, phase="warmup", line="one, two=2")),
        ("say:phase=weights,line=a,b", Fault(FaultName.SAY, phase="weights", line="a,b")),
    ],
)
def test_parse(spec: str, expected: Fault) -> None:
    assert faults.parse(spec) == expected


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "unknown fault ''"),
        ("garbge", "did you mean garbage?"),
        ("garbage:after_tokens=1", "garbage takes nothing"),
        ("slow_start:minutes=1", "slow_start takes seconds, phase"),
        ("slow_start:seconds", "found 'seconds'"),
        ("slow_start:seconds=soon", "not a number"),
        ("slow_start:seconds=-1", "negative"),
        ("slow_start:phase=lunch", "unknown phase 'lunch'"),
        ("crash_loading:text=device_los", "did you mean device_lost?"),
        ("die_mid_stream:how=loudly", "how='loudly'"),
        ("wedge:how=wedged", "how='wedged'"),
        ("hog:bytes=1.5", "not a number"),
        ("hog:tasks=-1", "negative"),
    ],
)
def test_parse_refuses(spec: str, said: str) -> None:
    with pytest.raises(UnknownFault, match=None) as caught:
        faults.parse(spec)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", FaultName)
def test_a_request_may_ask_for_its_own_faults_only(name: FaultName) -> None:
    if faults.parse(name).scope in (Scope.STREAM, Scope.ENGINE):
        assert faults.for_request(name) == faults.parse(name)
    else:
        with pytest.raises(UnknownFault, match="on the command line"):
            faults.for_request(name)


def test_no_fault_asked_for() -> None:
    assert faults.for_request(None) is None


@pytest.mark.parametrize("name", FAILURES)
def test_every_failure_says_something_in_a_known_phase(name: str) -> None:
    failure = FAILURES[name]
    assert failure.phase in faults.PHASES
    assert failure.error or failure.lines
    assert bool(failure.error) == (failure.ending not in (Ending.HANG, Ending.CONTINUES))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("device_lost", "error: 20 (UR_RESULT_ERROR_DEVICE_LOST)"),
        ("out_of_resources", "error: 40 (UR_RESULT_ERROR_OUT_OF_RESOURCES)"),
        ("startup_memory", "on startup is less than desired GPU memory utilization"),
        ("context_does_not_fit", "To serve at least one request with the model's max seq len"),
        ("abi_mismatch", "undefined symbol: _ZNR5torch7Library4_def"),
        ("aot_handler", "Handler already registered for <function current_stream"),
        ("unknown_flag", "unrecognized arguments: --async-engine"),
        ("locked_workspace", "Workspace is locked but allocation from turboquant_attn.py:_decode_attention"),
        ("fp8_primitive", "could not set scales primitive attribute"),
        ("mamba_pointer", "Python int too large to convert to C long"),
        ("kv_offload", "CPU Offloading is currently only supported on CUDA-alike GPUs"),
        ("port_busy", "Address already in use"),
    ],
)
def test_failures_are_quoted(name: str, said: str) -> None:
    assert said in FAILURES[name].error
