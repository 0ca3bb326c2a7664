"""What the engine says when it ends: asked to, or because its core died."""

from __future__ import annotations

from slot.simulator.engine_loop import EngineDead
from slot.simulator.log_lines import API_SERVER, ENGINE_CORE, Line, Say, traceback, uvicorn

FINISHED = (uvicorn("Waiting for application shutdown."), uvicorn("Application shutdown complete."))


def asked(timeout_s: float) -> list[Line]:
    """After SIGTERM. `timeout_s`: --shutdown-timeout."""
    mode = "drain" if timeout_s else "abort"
    said = f"[shutdown] API server: stopping engine client mode={mode} timeout={timeout_s:.0f}s"
    return [
        Say(API_SERVER, "launcher.py:254", "[shutdown] API server: shutdown triggered"),
        Say(API_SERVER, "launcher.py:270", said),
        Say(ENGINE_CORE, "core.py:1454", "[shutdown] EngineCore: trigger received signal=SIGTERM"),
        Say(ENGINE_CORE, "core.py:1635", f"[shutdown] EngineCore: start mode={mode} timeout={timeout_s:.0f}s"),
    ]


def stopped() -> list[Line]:
    processed = "[shutdown] EngineCore: request processing complete; starting resource teardown"
    return [
        Say(ENGINE_CORE, "core.py:1666", processed),
        Say(ENGINE_CORE, "core.py:1499", "[shutdown] EngineCore: exiting busy loop"),
        Say(API_SERVER, "launcher.py:279", "[shutdown] API server: engine client stopped"),
        Say(API_SERVER, "launcher.py:304", "[shutdown] API server: shutting down FastAPI HTTP server"),
        uvicorn("Shutting down"),
    ]


def died(cause: str | None) -> list[Line]:
    """`cause`: the last line of the engine core's traceback, None where it was killed and could say nothing."""
    unexpected = "[shutdown] MPClient: engine core exited unexpectedly; starting cleanup"
    seen = f"vllm.v1.engine.exceptions.EngineDeadError: {EngineDead()}"
    return [
        *([] if cause is None else _fatal(cause)),
        Say(API_SERVER, "core_client.py:817", unexpected, "WARNING"),
        *traceback(
            API_SERVER,
            "async_llm.py:906",
            "AsyncLLM output_handler failed.",
            ['"vllm/v1/engine/async_llm.py", line 849, in output_handler'],
            seen,
        ),
        uvicorn("Shutting down"),
    ]


def _fatal(cause: str) -> list[Line]:
    """The stack of the B70 host's notes: a copy to the device, in the middle of preparing a step."""
    frames = [
        '"vllm/v1/engine/core.py", line 1487, in run_engine_core',
        '"vllm/v1/worker/gpu_model_runner.py", line 1764, in _prepare_inputs',
        '"vllm/v1/worker/block_table.py", line 168, in commit_block_table',
        '"vllm/v1/utils.py", line 142, in copy_to_gpu',
    ]
    return traceback(ENGINE_CORE, "core.py:1512", "EngineCore encountered a fatal error.", frames, cause)
