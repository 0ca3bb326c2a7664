"""The engine's start, read from its own words: each wording, and whole recorded starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot.state import EngineFacts, LoadPhase
from slot.supervisor import startup_log
from slot.supervisor.startup_log import News

LOGS = Path(__file__).parent / "engine_logs"
WORKER = "(Worker_TP1 pid=661) INFO 11-20 17:47:39 [some.py:1] "
CORE = "(EngineCore pid=581) INFO 11-20 17:48:20 [kv_cache_utils.py:2327] "


@pytest.mark.parametrize(
    ("line", "news"),
    [
        (
            "INFO 07-11 06:18:32 [api_server.py:1] vLLM API server version 0.9.1",
            News(LoadPhase.STARTING, facts=EngineFacts(version="0.9.1")),
        ),
        (
            "(APIServer pid=1) INFO 11-20 17:50:46 [u.py:3]  ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.32.0",
            News(LoadPhase.STARTING, facts=EngineFacts(version="0.32.0")),
        ),
        (
            CORE + "Initializing a V1 LLM engine (v0.20.1) with config: cudagraph_mode=NONE, weights took",
            News(LoadPhase.STARTING, facts=EngineFacts(version="0.20.1")),
        ),
        (WORKER + "Using max model len 2048", News(LoadPhase.STARTING, facts=EngineFacts(max_model_len=2048))),
        (WORKER + "Starting to load model models/tiny-qwen3...", News(LoadPhase.WEIGHTS)),
        (
            "Loading safetensors checkpoint shards:   0% Completed | 0/11 [00:00<?, ?it/s]",
            News(LoadPhase.WEIGHTS, within=0.0),
        ),
        (
            "Loading safetensors checkpoint shards (eager):  45% Completed | 5/11 [00:09<00:11,  1.90s/it]",
            News(LoadPhase.WEIGHTS, within=0.45),
        ),
        ("Loading pt checkpoint shards: 100% Completed | 1/1 [00:00<00:00]", News(LoadPhase.WEIGHTS, within=1.0)),
        (
            "Loading safetensors using Runai Model Streamer:  12% Completed | 60/500 [00:01<00:09]",
            News(LoadPhase.WEIGHTS, within=0.12),
        ),
        (
            WORKER + "Loading weights took 0.73 seconds",
            News(LoadPhase.WEIGHTS, within=1.0, facts=EngineFacts(weights_s=0.73)),
        ),
        (WORKER + "Model loading took 1.98 GiB memory and 1.421093 seconds", News(LoadPhase.WEIGHTS, within=1.0)),
        (WORKER + "Model loading took 1.98 GiB and 1.421093 seconds", News(LoadPhase.WEIGHTS, within=1.0)),
        (WORKER + "[backbone] Starting torch.compile", News(LoadPhase.COMPILE)),
        (WORKER + "Warming up model for the compilation...", News(LoadPhase.COMPILE)),
        (WORKER + "[backbone] Dynamo bytecode transform time: 3.02 s", News(LoadPhase.COMPILE)),
        (WORKER + "Compiling a graph for compile range (1, 2048) takes 67.31 s", News(LoadPhase.COMPILE)),
        (WORKER + "[backbone] Directly load AOT compilation from path CACHE/model", News(LoadPhase.COMPILE)),
        (
            WORKER + "[backbone] torch.compile took 4.12 s in total",
            News(LoadPhase.COMPILE, within=1.0, facts=EngineFacts(compile_s=4.12)),
        ),
        (
            "INFO 07-11 06:18:32 [monitor.py:34] torch.compile takes 31.50 s in total",
            News(LoadPhase.COMPILE, within=1.0, facts=EngineFacts(compile_s=31.5)),
        ),
        (WORKER + "Available KV cache memory: 27.48 GiB", News(LoadPhase.KV_CACHE)),
        (WORKER + "Explicitly set (1.0/17.96) GiB for KV cache on node 0.", News(LoadPhase.KV_CACHE)),
        (
            "INFO 07-11 06:18:32 [kv_cache_utils.py:646] GPU KV cache size: 114,432 tokens",
            News(LoadPhase.KV_CACHE, within=1.0, facts=EngineFacts(kv_cache_tokens=114432)),
        ),
        (
            "INFO 07-11 06:18:32 [kv_cache_utils.py:649] Maximum concurrency for 18,000 tokens per request: 6.36x",
            News(LoadPhase.KV_CACHE, within=1.0, facts=EngineFacts(max_concurrency=6.36)),
        ),
        (
            CORE + "CPU KV cache size: 2,097,152 tokens, Maximum concurrency for 2,048 tokens per request: 1024.00x",
            News(LoadPhase.KV_CACHE, within=1.0, facts=EngineFacts(kv_cache_tokens=2097152, max_concurrency=1024.0)),
        ),
        (
            CORE + "XPU KV cache size: 33,792 tokens, Maximum concurrency for 32,768 tokens per request: 1.03x",
            News(LoadPhase.KV_CACHE, within=1.0, facts=EngineFacts(kv_cache_tokens=33792, max_concurrency=1.03)),
        ),
        (
            "Capturing CUDA graphs (decode, FULL):  45%|████▌     | 9/20 [00:04<00:05,  2.01it/s]",
            News(LoadPhase.GRAPH_CAPTURE, within=0.45),
        ),
        ("Capturing eagle prefill CUDA graphs:   5%|▌| 1/20 [00:04]", News(LoadPhase.GRAPH_CAPTURE, within=0.05)),
        (
            WORKER + "Graph capturing finished in 4 secs, took 0.31 GiB",
            News(LoadPhase.GRAPH_CAPTURE, within=1.0, facts=EngineFacts(graph_capture_s=4.0)),
        ),
        (
            CORE + "init engine (profile, create kv cache, warmup model) took 0.78 s",
            News(LoadPhase.WARMUP, within=1.0, facts=EngineFacts(init_s=0.78)),
        ),
        (
            CORE + "init engine (profile, create kv cache, warmup model) took 19.05 s (compilation: 4.12 s)",
            News(LoadPhase.WARMUP, within=1.0, facts=EngineFacts(init_s=19.05, compile_s=4.12)),
        ),
        ("(APIServer pid=7) INFO 11-20 17:51:06 [entry.py:136] Supported tasks: ['generate']", News(LoadPhase.API)),
        (
            "(APIServer pid=7) INFO 11-20 17:51:07 [entry.py:140] Starting vLLM server on http://127.0.0.1:18090",
            News(LoadPhase.API),
        ),
        ("INFO:     Application startup complete.", News(LoadPhase.API, within=1.0)),
        ("(APIServer pid=7) INFO:     Application startup complete.", News(LoadPhase.API, within=1.0)),
    ],
)
def test_a_wording_tells_its_phase_and_facts(line: str, news: News) -> None:
    assert startup_log.read(line) == news


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Triton is installed, but doesn't include CPU backend. Disabling Triton.",
        "(Worker pid=1) WARNING 11-20 17:51:04 [vllm.py:1703] Enforce eager set, disabling torch.compile, CUDAGraphs",
        'INFO:     127.0.0.1:55522 - "POST /v1/completions HTTP/1.1" 200 OK',
        "(APIServer pid=7) INFO 11-20 17:50:46 [u.py:2] non-default args: {'served': 'GPU KV cache size: 1 tokens'}",
        "(Worker pid=1) INFO 11-20 17:51:05 [w.py:1] Profiling CUDA graph memory: PIECEWISE=4 (largest=8)",
    ],
)
def test_other_lines_tell_nothing(line: str) -> None:
    assert startup_log.read(line) is None


@pytest.mark.parametrize(
    ("line", "advances"),
    [
        ("(Worker pid=1) INFO 11-20 17:51:04 [w.py:1] Starting to load model", True),
        ("anything that a library prints", True),
        (
            "(EngineCore pid=5) INFO 11-20 17:51:04 [shm_broadcast.py:466] No available shared memory broadcast block "
            "found in 60 seconds. This typically happens when some processes are hanging",
            False,
        ),
        ("INFO 11-20 17:51:04 [utils.py:1169] Waiting for 1 local, 0 remote core engine proc(s) to start.", False),
        ('INFO:     127.0.0.1:55522 - "GET /health HTTP/1.1" 200 OK', False),
        ('(APIServer pid=7) INFO:     127.0.0.1:39322 - "POST /v1/completions HTTP/1.1" 500 Failed', False),
    ],
)  # fmt: skip
def test_waiting_aloud_and_answering_probes_is_no_advance(line: str, advances: bool) -> None:
    assert startup_log.shows_advance(line) is advances


@pytest.mark.parametrize(
    ("known", "more", "both"),
    [
        (EngineFacts(), EngineFacts(weights_s=0.7), EngineFacts(weights_s=0.7)),
        (EngineFacts(weights_s=0.7), EngineFacts(), EngineFacts(weights_s=0.7)),
        (EngineFacts(weights_s=0.73), EngineFacts(weights_s=0.71), EngineFacts(weights_s=0.73)),
        (EngineFacts(kv_cache_tokens=900), EngineFacts(kv_cache_tokens=800), EngineFacts(kv_cache_tokens=800)),
        (EngineFacts(max_concurrency=1.0), EngineFacts(max_concurrency=1.5), EngineFacts(max_concurrency=1.0)),
        (EngineFacts(weights_s=0.0), EngineFacts(), EngineFacts(weights_s=0.0)),
    ],
)
def test_of_workers_that_repeat_the_slowest_and_the_smallest_count(
    known: EngineFacts, more: EngineFacts, both: EngineFacts
) -> None:
    assert startup_log.merge(known, more) == both


@pytest.mark.parametrize(
    ("log", "phases", "facts"),
    [
        (
            "cpu-0.32-eager.log",
            ["starting", "weights", "kv_cache", "warmup", "api"],
            EngineFacts(
                version="0.32.0",
                max_model_len=2048,
                kv_cache_tokens=2097152,
                max_concurrency=1024.0,
                weights_s=0.01,
                init_s=3.05,
            ),
        ),
        (
            "cpu-0.32-cold-compile.log",
            ["starting", "weights", "compile", "kv_cache", "warmup", "api"],
            EngineFacts(
                version="0.32.0",
                max_model_len=2048,
                kv_cache_tokens=2097152,
                max_concurrency=1024.0,
                weights_s=0.01,
                init_s=40.47,
            ),
        ),
        (
            "gpu-0.20-tp2-graph.log",
            ["starting", "weights", "compile", "kv_cache", "graph_capture", "warmup", "api"],
            EngineFacts(
                version="0.20.1",
                max_model_len=32768,
                kv_cache_tokens=1004909,
                max_concurrency=30.67,
                weights_s=0.73,
                compile_s=4.12,
                graph_capture_s=4.0,
                init_s=19.05,
            ),
        ),
    ],
)
def test_a_whole_start_tells_its_phases_in_order_and_all_its_facts(
    log: str, phases: list[str], facts: EngineFacts
) -> None:
    told = [news for line in (LOGS / log).read_text().splitlines() if (news := startup_log.read(line))]
    heard = EngineFacts()
    for news in told:
        heard = startup_log.merge(heard, news.facts)
    assert list(dict.fromkeys(news.phase.value for news in told)) == phases
    assert heard == facts
