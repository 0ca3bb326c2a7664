"""What a failure means: each known text, whole logs of engines that failed, and honesty about the rest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.failures import catalogue
from slot.failures.diagnosis import DETAIL_LENGTH, Diagnosis, by_kernel, diagnose
from slot.failures.signature import Kind, Signature
from slot.failures.trouble import (
    Crashed,
    FaultBefore,
    LeftOver,
    LoadTimedOut,
    NotStarted,
    Stalled,
    Taken,
    Trouble,
    Wedged,
    WrongModel,
)
from slot.simulator.failure_texts import FAILURES, Ending
from slot.state import LoadPhase

LOGS = (Path(__file__).parents[1] / "slot_supervisor/engine_logs", Path(__file__).parent / "engine_logs")
AT = 1_750_000_000.0


def crash(*lines: str, status: int = 1) -> Diagnosis:
    return diagnose(Crashed(status), lines, LoadPhase.WEIGHTS, AT)


# The text as it was reported or recorded, and what it is called here. At least one for each signature.
TEXTS = [
    ("xe 0000:03:00.0: [drm] device wedged, needs recovery WEDGED=rebind", "device-wedged"),
    ("RuntimeError: level_zero backend failed with error: 20 (UR_RESULT_ERROR_DEVICE_LOST)", "device-lost"),
    ("xe 0000:03:00.0: [drm] Fault response: Unsuccessful -ENOENT", "gpu-page-fault"),
    ("xe 0000:03:00.0: [drm] GT0: GuC reported CAT error [18]", "gpu-page-fault"),
    ("xe 0000:03:00.0: [drm] GT0: Engine reset: engine_class=bcs, logical_mask: 0x1, guc_id=5", "copy-engine-reset"),
    ("xe 0000:03:00.0: [drm] GT0: Engine reset: engine_class=ccs, logical_mask: 0x1", "compute-engine-reset"),
    ("xe 0000:03:00.0: [drm] GT0: Check job timeout: seqno=429, not started", "gpu-job-never-started"),
    ("xe 0000:03:00.0: [drm] GT0: Timedout job: seqno=429, guc_id=5, flags=0x0", "gpu-job-timed-out"),
    ("xe 0000:03:00.0: [drm] Xe device coredump has been created", "device-coredump"),
    ("Abort was called at 84 line in file: shared/source/command_stream/linear_stream.h", "driver-aborted"),
    ("Abort at drm_neo.cpp:120", "driver-aborted"),
    ("Abort was called at 15 line in file: shared/source/gmm_helper/resource_info.cpp", "driver-aborted"),
    ("watchdog: CPU3: Watchdog detected hard LOCKUP on cpu 3", "host-lockup"),
    ("RuntimeError: level_zero backend failed with error: 40 (UR_RESULT_ERROR_OUT_OF_RESOURCES)", "out-of-resources"),
    (
        "ERROR 07-11 06:23:05 [core.py:390] ValueError: To serve at least one request with the models's max seq len "
        "(118000), (6.30 GiB KV cache is needed, which is larger than the available KV cache memory (6.11 GiB). Based "
        "on the available memory, the estimated maximum model length is 114432. Try increasing "
        "`gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
        "context-does-not-fit",
    ),
    ("ValueError: To serve at least one request with the model's max seq len (8)", "context-does-not-fit"),
    ("ValueError: No available memory for the cache blocks. Try increasing", "no-kv-cache-memory"),
    (
        "ValueError: Free memory on device xpu:0 (30.61/31.89 GiB) on startup is less than desired GPU memory "
        "utilization (0.97, 30.93 GiB). Decrease GPU memory utilization",
        "startup-memory",
    ),
    ("torch.OutOfMemoryError: XPU out of memory. Tried to allocate 2.00 GiB", "gpu-out-of-memory"),
    ("Out of memory: Killed process 4711 (VLLM::Worker_TP) total-vm:200000kB, anon-rss:1kB", "host-out-of-memory"),
    ("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=VLLM::Worker_TP,pid=4711", "host-out-of-memory"),
    ("b70-vllm-slot.service: A process of this unit has been killed by the OOM killer.", "host-out-of-memory"),
    ("b70-vllm-slot.service: Failed with result 'oom-kill'.", "host-out-of-memory"),
    ("ERROR Worker proc VllmWorker-2 died unexpectedly (exit code: -9), shutting down executor.", "worker-killed"),
    ("OSError: [Errno 28] No space left on device: 'cache/model'", "disk-full"),
    ("OSError: [Errno 24] Too many open files", "files-limit"),
    ("RuntimeError: can't start new thread", "threads-limit"),
    ("OpenBLAS blas_thread_init: pthread_create failed for thread 3 of 4: Resource temp", "threads-limit"),
    ("vllm: error: unrecognized arguments: --async-engine", "unknown-flag"),
    ("vllm serve: error: argument --max-model-len: invalid value: 'x'", "bad-flag-value"),
    (
        "  Value error, User-specified max_model_len (4000) is greater than the derived max_model_len "
        "(max_position_embeddings=2048.0 or model_max_length=None in model's config.json).",
        "context-longer-than-model",
    ),
    (
        "  Value error, The model type 'gemma3_text' does not support float16. Reason: Numerical instability.",
        "dtype-not-supported",
    ),
    (
        "  Value error, Total number of attention heads (16) must be divisible by tensor parallel size (3).",
        "cards-do-not-divide",
    ),
    (
        "ValueError: Weight input_size_per_partition = 192 is not divisible by weight quantization block_k = 128.",
        "cards-do-not-divide",
    ),
    ("  Value error, World size (4) is larger than the number of available GPUs (3) in this node.", "too-few-cards"),
    ("OSError: [Errno 30] Read-only file system: '/mnt/fast-ai/vllm-cache-exp/x'", "path-read-only"),
    ("PermissionError: [Errno 13] Permission denied: '/mnt/fast-ai/llm-models/x/config.json'", "path-denied"),
    ("ImportError: _C.abi3.so: undefined symbol: _ZNR5torch7Library4_defEON3c1014", "kernels-do-not-match"),
    ("AttributeError: '_OpNamespace' '_C' object has no attribute 'rms_norm'", "kernels-do-not-match"),
    ("AssertionError: Handler already registered for <function current_stream at 0x7f>", "duplicate-handler"),
    ("RuntimeError: XPU device count is zero! Please check your hardware", "no-gpu-access"),
    ("RuntimeError: Failed to infer device type, please set the environment variable", "no-gpu-access"),
    (
        "ze_fd_manager.cpp:155 init_device_fds: EXCEPTION: opendir failed: could not open device directory",
        "device-directory-missing",
    ),
    ("ze_ipc: mem_to_ipc_handle: device_fd is invalid", "gpu-memory-handles"),
    ("RuntimeError: level_zero backend failed with error: 2147483646 (UR_RESULT_ERROR_UNKNOWN)", "context-creation"),
    ("RuntimeError: Cannot find any model weights with `models/half`", "weights-missing"),
    ("huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot", "weights-missing"),
    ("HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name'", "weights-missing"),
    ("OSError: models/x does not appear to have a file named config.json.", "weights-missing"),
    (
        "(Worker pid=1) ERROR FileNotFoundError: No such file or directory: models/x/model-00001-of-2.safetensors",
        "weights-unreadable",
    ),
    ("safetensors_rust.SafetensorError: Error while deserializing header: InvalidHeader", "weights-damaged"),
    ("ValueError: Transformers does not recognize this architecture: gemma4_unified", "model-not-supported"),
    ("NotImplementedError: Qwen4Exp currently supports CUDA and ROCm only", "model-not-supported"),
    ("OverflowError: Python int too large to convert to C long", "pointer-overflow"),
    ("RuntimeError: could not set scales primitive attribute", "fp8-not-supported"),
    ("RuntimeError: could not create a primitive", "primitive-not-supported"),
    ("Exception: CPU Offloading is currently only supported on CUDA-alike GPUs", "offload-not-supported"),
    (
        "AssertionError: Workspace is locked but allocation from turboquant_attn.py:_decode_attention requires "
        "0.19 MB, current size is 0.00 MB.",
        "workspace-locked",
    ),
    ("ValueError: Found 1 <|image|> tokens in the prompt but no images were passed", "image-limits"),
    ("RuntimeError: The XPU Graph is empty. XPUGraph.cpp", "graph-empty"),
    ('  File "VENV/torch/xpu/graphs.py", line 71, in capture_end', "graph-capture-of-draft"),
    ("ValueError: Unknown vLLM environment variable detected: VLLM_XPU_ENABLE_XPU_GRAPH", "unknown-variable"),
    ("ModuleNotFoundError: No module named 'vllm'", "module-missing"),
    ("ValueError: Out of range float values are not JSON compliant: nan", "nan-logits"),
    ("HarmonyError: Harmony parser ended in a non-terminal state", "garbage-tokens"),
    ("OSError: [Errno 98] Address already in use", "port-busy"),
    ("ReadTimeoutError: HTTPSConnectionPool(host='hub', port=443): Read timed out.", "download-stalled"),
    ("IGC: Internal Compiler Error: Floating point exception", "compiler-crashed"),
    ("Build failed with error code: -11", "compiler-crashed"),
    ("TimeoutError: RPC call to execute_model timed out.", "worker-hangs"),
    ("ERROR Worker proc VllmWorker-2 died unexpectedly (exit code: 1), shutting down executor.", "worker-died"),
    ("vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.", "engine-core-died"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name"), TEXTS)
def test_a_known_text_is_known(text: str, name: str) -> None:
    diagnosis = crash("an ordinary line", text, "another one")
    assert diagnosis.name == name
    assert diagnosis.failure.detail == text.strip()[:DETAIL_LENGTH]
    assert diagnosis.failure.cause
    assert diagnosis.failure.remedy
    assert "{" not in diagnosis.failure.cause


@pytest.mark.parametrize("path", [path for place in LOGS for path in place.glob("failed-*.log")], ids=lambda p: p.stem)
def test_what_an_unknown_end_shows_is_the_reason_of_whoever_failed_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "FATAL", ())
    detail = diagnose(Crashed(1), path.read_text().splitlines(), LoadPhase.STARTING, AT).failure.detail
    assert "See root cause above" not in detail
    assert "validation error for" not in detail
    assert detail


def test_each_signature_has_a_text() -> None:
    assert {signature.name for signature in catalogue.FATAL} == {name for _, name in TEXTS}


@pytest.mark.parametrize("name", [name for name, failure in FAILURES.items() if failure.ending is not Ending.CONTINUES])
def test_each_failure_that_the_simulator_can_have_is_known(name: str) -> None:
    failure = FAILURES[name]
    usage = "vllm: error: " if failure.ending is Ending.USAGE else ""
    trouble = Stalled(600.0) if failure.ending is Ending.HANG else Crashed(1)
    diagnosis = diagnose(trouble, [*failure.lines, usage + failure.error], LoadPhase.WEIGHTS, AT)
    assert diagnosis.name not in ("unknown", "stalled")


@pytest.mark.parametrize(
    ("log", "name", "exit_code", "part_of_cause", "part_of_remedy"),
    [
        ("context-does-not-fit", "context-does-not-fit", 1, "4000000 tokens", "SERVE_MAX_MODEL_LEN=2097024"),
        ("context-longer-than-model", "context-longer-than-model", 1, "2048 tokens", "SERVE_MAX_MODEL_LEN to 2048"),
        ("weights-missing", "weights-missing", 1, "models/half", "mount the disk"),
        ("model-not-here", "weights-missing", 1, "not on this host", "mount the disk"),
        ("weights-unreadable", "weights-unreadable", 1, "models/locked/model.safetensors", "let the slot's user read"),
        ("path-read-only", "path-read-only", 1, "/srv/vllm-cache/torch_compile_cache", "VLLM_CACHE_ROOT"),
        ("cards-do-not-divide", "cards-do-not-divide", 1, "attention heads (4)", "SERVE_TENSOR_PARALLEL_SIZE"),
        ("dtype-not-supported", "dtype-not-supported", 1, "type gemma3_text", "SERVE_DTYPE=bfloat16"),
        ("unknown-flag", "unknown-flag", 2, "does not know --async-engine", "remove it"),
        ("port-busy", "port-busy", 1, "port is taken", "SERVE_PORT"),
    ],
)
def test_the_whole_log_of_a_real_failed_start(
    log: str, name: str, exit_code: int, part_of_cause: str, part_of_remedy: str
) -> None:
    [path] = [place / f"failed-{log}.log" for place in LOGS if (place / f"failed-{log}.log").exists()]
    lines = path.read_text().splitlines()
    diagnosis = diagnose(Crashed(exit_code), lines, LoadPhase.STARTING, AT)
    assert diagnosis.name == name
    assert part_of_cause in diagnosis.failure.cause
    assert part_of_remedy in diagnosis.failure.remedy
    assert diagnosis.failure.exit_code == exit_code
    assert (diagnosis.kind is Kind.CONFIGURATION) is (name != "port-busy")


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        # a lost device drags the worker, the engine core and the API server along
        (
            [
                "RuntimeError: level_zero backend failed with error: 40 (UR_RESULT_ERROR_OUT_OF_RESOURCES)",
                "RuntimeError: level_zero backend failed with error: 20 (UR_RESULT_ERROR_DEVICE_LOST)",
                "ERROR Worker proc VllmWorker-2 died unexpectedly (exit code: 1), shutting down executor.",
                "EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.",
            ],
            "device-lost",
        ),
        # a compiler crash is mostly survived, so whatever else is there is the cause
        (
            ["IGC: Internal Compiler Error: Floating point exception", "torch.OutOfMemoryError: XPU out of memory."],
            "gpu-out-of-memory",
        ),
        (["vllm: error: unrecognized arguments: --async-engine"], "unknown-flag"),  # not the wider bad-flag-value
        (["ERROR Worker proc W died unexpectedly (exit code: -9), shutting"], "worker-killed"),  # not worker-died
    ],
)
def test_the_most_severe_signature_wins(lines: list[str], name: str) -> None:
    assert crash(*lines).name == name


@pytest.mark.parametrize(
    "line",
    [
        "WARNING [x.py:1] Found ulimit of 20000 and failed with error like `OSError: [Errno 24] Too many open files`.",
        "WARNING [x.py:1] User-specified max_model_len (4000) is greater than the derived max_model_len (a=2048.0",
        "WARNING [x.py:1] Unknown vLLM environment variable detected: VLLM_X",
        "WARNING [x.py:1] Address already in use. Retrying with a new port.",
        "INFO topology recognition shows PCIe connection between devices",
        "INFO pidfd is not supported, fallbacks to drmfd exchange mode",
        "WARNING Feature x is not yet supported on XPU and will be disabled",
        "INFO ARK backend is unavailable for MoE layer",
        "ERROR 11-21 [registry.py:1041] OSError: [Errno 30] Read-only file system: '/srv/vllm-cache/modelinfos'",
        "xpumd[812]: Abort was called at 15 line in file: gmm_helper/resource_info.cpp",
        "WARNING [x.py:1] cannot keep the cache: PermissionError: [Errno 13] Permission denied: '/x'",
        "WARNING xpu_host_register failed - transfers will still work but may be slower",
        "No available shared memory broadcast block found in 60 seconds",
    ],
)
def test_benign_notes_are_never_the_cause(line: str) -> None:
    assert crash(line).name == "unknown"


@pytest.mark.parametrize(
    ("text", "kind", "restart_can_help"),
    [
        ("UR_RESULT_ERROR_DEVICE_LOST", Kind.DEVICE, False),
        ("vllm: error: unrecognized arguments: --async-engine", Kind.CONFIGURATION, False),
        ("Out of range float values are not JSON compliant", Kind.QUALITY, False),
        ("EngineCore encountered an issue", Kind.ENGINE, True),
    ],
)
def test_the_kind_says_who_must_act(text: str, kind: Kind, restart_can_help: bool) -> None:
    diagnosis = crash(text)
    assert diagnosis.kind is kind
    assert diagnosis.failure.restart_can_help is restart_can_help


EVERY = (*catalogue.FATAL, *catalogue.HANGS, *catalogue.NOTED)


@pytest.mark.parametrize("signature", EVERY, ids=lambda each: each.name)
def test_each_signature_has_a_cause_a_remedy_and_an_answer_to_whether_a_restart_helps(signature: Signature) -> None:
    assert signature.cause
    assert signature.remedy
    assert signature.restart_can_help is (signature.kind is Kind.ENGINE)


def test_nothing_benign_ever_ends_an_engine() -> None:
    assert [each.name for each in (*catalogue.FATAL, *catalogue.HANGS) if each.kind is Kind.BENIGN] == []


def test_a_failure_carries_its_name_and_kind() -> None:
    failure = crash("UR_RESULT_ERROR_DEVICE_LOST").failure
    assert (failure.name, failure.kind) == ("device-lost", "device")


@pytest.mark.parametrize(
    ("lines", "name", "kind"),
    [
        (["the last line"], "wedged", Kind.ENGINE),
        ([], "wedged", Kind.ENGINE),
        (["No available shared memory broadcast block found in 60 seconds."], "worker-silent", Kind.DEVICE),
        (["TimeoutError: RPC call to execute_model timed out."], "worker-hangs", Kind.DEVICE),
        (["UR_RESULT_ERROR_DEVICE_LOST"] + ["line"] * 50, "device-lost", Kind.DEVICE),
        (["ValueError: Out of range float values are not JSON compliant: nan"], "wedged", Kind.ENGINE),
    ],
)
def test_a_wedge_is_a_cards_if_the_log_says_so(lines: list[str], name: str, kind: Kind) -> None:
    diagnosis = diagnose(Wedged(120.0, 3), lines, None, AT)
    assert (diagnosis.name, diagnosis.kind) == (name, kind)


def test_a_wedge_tells_how_long_and_how_many() -> None:
    failure = diagnose(Wedged(120.0, 3), [], None, AT).failure
    assert failure.cause == "the engine stopped generating: nothing moved for 120 s, with 3 requests in flight"
    assert failure.restart_can_help


RESET = "xe 0000:03:00.0: [drm] GT0: Engine reset: engine_class=bcs, logical_mask: 0x1, guc_id=5"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ([], None),
        (["usb 1-2: new device"], None),
        # what only an engine says is no fault when the kernel says it, whoever wrote it there
        (["torch.OutOfMemoryError: XPU out of memory"], None),
        (["usb 1-2: new device", RESET, "usb 1-2: gone"], "copy-engine-reset"),
        ([RESET, "xe 0000:03:00.0: [drm] device wedged, WEDGED=rebind"], "device-wedged"),
    ],
)
def test_what_the_kernel_tells_of_the_cards(lines: list[str], name: str | None) -> None:
    found = by_kernel(lines)
    assert (found and found.name) == name
    assert found is None or found.kind is Kind.DEVICE


def test_a_fault_that_the_kernel_alone_told_of_is_a_devices() -> None:
    diagnosis = diagnose(FaultBefore("copy-engine-reset", RESET), [], None, AT)
    assert (diagnosis.name, diagnosis.kind, diagnosis.failure.detail) == ("fault-before", Kind.DEVICE, RESET)
    assert "copy-engine-reset" in diagnosis.failure.cause
    assert not diagnosis.failure.restart_can_help


def test_what_is_left_over_is_named_and_nothing_is_started_beside_it() -> None:
    diagnosis = diagnose(LeftOver("4711 VLLM::Worker holds 28 GiB of 0000:03:00.0"), ["UR_RESULT_ERROR"], None, AT)
    assert (diagnosis.name, diagnosis.kind) == ("left-over", Kind.DEVICE)
    assert "4711 VLLM::Worker holds 28 GiB of 0000:03:00.0" in diagnosis.failure.cause
    assert not diagnosis.failure.restart_can_help


@pytest.mark.parametrize(("status", "part"), [(-11, "two oneAPI runtimes"), (-6, "last lines"), (3, "last lines")])
def test_a_segfault_without_a_word_has_a_known_suspect(status: int, part: str) -> None:
    assert part in crash("x", status=status).failure.remedy


@pytest.mark.parametrize(
    ("status", "lines", "phase", "cause", "detail"),
    [
        (
            3,
            ["one", "ValueError: a reason that nobody has seen", "INFO later", "resource_tracker: 1 leaked"],
            LoadPhase.COMPILE,
            "the engine exited with code 3 while it loaded (compile); its log shows no cause that is known here",
            "ValueError: a reason that nobody has seen",
        ),
        (
            0,
            ["one", "the last words", "  warnings.warn('resource_tracker: There appear to be %d '"],
            None,
            "the engine exited with code 0 while it served; its log shows no cause that is known here",
            "the last words",
        ),
        (
            -11,
            [],
            None,
            "the engine crashed with SIGSEGV while it served; its log shows no cause that is known here",
            "",
        ),
        (
            -40,
            ["x"],
            None,
            "the engine crashed with signal 40 while it served; its log shows no cause that is known here",
            "x",
        ),
    ],
)
def test_what_is_not_known_is_said_honestly(
    status: int, lines: list[str], phase: LoadPhase | None, cause: str, detail: str
) -> None:
    diagnosis = diagnose(Crashed(status), lines, phase, AT)
    assert diagnosis.name == "unknown"
    assert diagnosis.failure.cause == cause
    assert diagnosis.failure.detail == detail
    assert diagnosis.kind is not Kind.CONFIGURATION


@pytest.mark.parametrize(("status", "signal"), [(-9, "SIGKILL"), (-15, "SIGTERM"), (-2, "SIGINT")])
def test_a_signal_from_outside_is_the_cause_whatever_the_log_says(status: int, signal: str) -> None:
    diagnosis = diagnose(Crashed(status), ["IGC: Internal Compiler Error", "the last line"], None, AT)
    assert diagnosis.name == "killed"
    assert signal in diagnosis.failure.cause
    assert (diagnosis.failure.signal, diagnosis.failure.exit_code) == (signal, None)
    assert diagnosis.failure.detail == "the last line"
    assert diagnosis.failure.restart_can_help


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["INFO world_size=4 rank=2 local_rank=2 distributed_init_method=tcp://x backend=xccl"], "collective-hang"),
        (["INFO world_size=1 rank=0 local_rank=0 distributed_init_method=file://x backend=gloo"], "stalled"),
        (["INFO world_size=4 rank=0 backend=xccl"] + ["line"] * 20, "stalled"),  # it got past it
        (["No available shared memory broadcast block found in 60 seconds."], "worker-silent"),
        (["Fetching 12 files:   0%|          | 0/12 [00:00<?, ?it/s]"], "hub-hang"),
        (["level_zero backend failed with error: 20 (UR_RESULT_ERROR_DEVICE_LOST)"] + ["line"] * 50, "device-lost"),
        (["IGC: Internal Compiler Error: Floating point exception"], "stalled"),  # survived, so not the reason
        ([], "stalled"),
    ],
)
def test_a_hang_is_about_what_was_said_last(lines: list[str], name: str) -> None:
    assert diagnose(Stalled(600.0), lines, LoadPhase.STARTING, AT).name == name


def test_patience_that_ran_out_names_the_phase_and_the_key() -> None:
    stalled = diagnose(Stalled(600.0), ["the last line"], LoadPhase.COMPILE, AT).failure
    too_slow = diagnose(LoadTimedOut(2400.0), ["the last line"], LoadPhase.WEIGHTS, AT).failure
    assert stalled.cause == "the engine's log did not advance for 600 s while it loaded (compile)"
    assert "MODEL_SLOT_STALL_TIMEOUT_S" in stalled.remedy
    assert too_slow.cause == "the engine was not ready after 2400 s; it was still loading (weights)"
    assert "MODEL_SLOT_LOAD_TIMEOUT_S" in too_slow.remedy
    assert stalled.detail == too_slow.detail == "the last line"


def test_the_wrong_model_says_what_was_found_and_expected() -> None:
    diagnosis = diagnose(WrongModel("SERVE_MAX_MODEL_LEN", "2048", "4096"), ["UR_RESULT_ERROR_DEVICE_LOST"], None, AT)
    assert diagnosis.kind is Kind.CONFIGURATION
    assert "SERVE_MAX_MODEL_LEN found 2048, expected 4096" in diagnosis.failure.cause


def test_an_engine_that_cannot_be_executed_is_a_configuration_error() -> None:
    diagnosis = diagnose(NotStarted("no such file: venv/bin/vllm"), [], LoadPhase.STARTING, AT)
    assert diagnosis.kind is Kind.CONFIGURATION
    assert "venv/bin/vllm" in diagnosis.failure.cause
    assert diagnosis.failure.at == AT


@pytest.mark.parametrize("length", [DETAIL_LENGTH - 1, DETAIL_LENGTH, DETAIL_LENGTH + 1])
def test_the_detail_is_cut(length: int) -> None:
    assert len(crash("x" * length).failure.detail) == min(length, DETAIL_LENGTH)


def test_no_control_sequence_reaches_a_terminal() -> None:
    assert crash("\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202eback\ttab").failure.detail == "red  ]0;title   back tab"


PIECES = st.sampled_from([text for text, _ in TEXTS]) | st.text(max_size=30)
LINES = st.lists(st.lists(PIECES, min_size=1, max_size=3).map(" ".join), max_size=5)
TROUBLES = st.one_of(
    st.builds(Crashed, st.integers(-64, 255)),
    st.builds(NotStarted, st.text()),
    st.builds(WrongModel, st.text(), st.text(), st.text()),
    st.builds(Stalled, st.floats(0, 1e6)),
    st.builds(LoadTimedOut, st.floats(0, 1e6)),
    st.builds(Wedged, st.floats(0, 1e6), st.integers(0, 99)),
    st.builds(LeftOver, st.text()),
    st.builds(FaultBefore, st.text(), st.text()),
    st.builds(Taken, st.sampled_from(["slot", "port"]), st.text()),
)


@given(TROUBLES, LINES, st.sampled_from([None, *LoadPhase]))
def test_whatever_the_log_says_there_is_a_cause_and_a_remedy(
    trouble: Trouble, lines: list[str], phase: LoadPhase | None
) -> None:
    diagnosis = diagnose(trouble, lines, phase, AT)
    failure = diagnosis.failure
    assert failure.cause
    assert failure.remedy
    assert diagnosis.kind is not Kind.BENIGN
    assert failure.restart_can_help is (diagnosis.kind is Kind.ENGINE)
    assert all(letter.isprintable() for letter in failure.detail)


@pytest.mark.parametrize("signature", EVERY, ids=lambda each: each.name)
def test_no_pattern_searches_for_minutes_in_what_a_client_made_the_engine_write(signature: Signature) -> None:
    for part in _alternatives(signature.pattern.pattern):
        endless = re.search(r"\.[*+]\??(?!\)?$)", part.removeprefix(r"^(?!.*").removeprefix("^"))
        assert part.startswith("^") or endless is None, part
        assert not re.match(r"(?:\(\?P<\w+>)?(?:\\[wSsd]|\[[^\]]*\])[*+]", part), part


def _alternatives(pattern: str) -> list[str]:
    """Those on the first level, without the group around all of them."""
    depth, parts = 0, [""]
    for letter in re.sub(r"^\(\?P<what>(.*)\)$", r"\1", pattern):
        depth += {"(": 1, ")": -1}.get(letter, 0) if not parts[-1].endswith("\\") else 0
        if letter == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
