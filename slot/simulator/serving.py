"""What the handlers share: the options, the engine, the metrics."""

from __future__ import annotations

import secrets
import time
import zlib
from dataclasses import dataclass, replace

from aiohttp import web

from slot.simulator import timing
from slot.simulator.asks import Ask
from slot.simulator.engine import Engine
from slot.simulator.engine_loop import EngineLoop
from slot.simulator.faults import Fault, FaultName, Scope
from slot.simulator.generation import Generation
from slot.simulator.kv_cache import KvCache
from slot.simulator.metrics import Metrics
from slot.simulator.options import Options
from slot.simulator.prompts import Served
from slot.simulator.refusals import Refusal
from slot.simulator.shapes import SERVER_ERROR, Header

VERSION = "0.32.0"


@dataclass(kw_only=True)
class Serving:
    """`is_draining`: what runs may finish, nothing new begins. `load`: requests in flight, if they are tracked."""

    options: Options
    served: Served
    loop: EngineLoop
    metrics: Metrics
    is_draining: bool = False
    load: int = 0

    @classmethod
    def of(cls, options: Options) -> Serving:
        """Everything that the options ask for, ready to run."""
        stall = next((fault for fault in options.faults if fault.name is FaultName.STALL_MID_STREAM), None)
        engine = Engine(
            options.timing,
            KvCache(timing.kv_tokens(options.timing), options.block_size, keeps=options.prefix_caching),
            max_num_seqs=options.max_num_seqs,
            max_batched_tokens=options.max_batched_tokens,
            stands_still_after=None if stall is None else stall.after_tokens,
        )
        metrics = Metrics(
            engine, options.served_names[0], max_model_len=options.max_model_len, log_stats=options.log_stats
        )
        served = Served(options.served_names, options.max_model_len, options.image_limit, options.auto_tool_choice)
        return cls(options=options, served=served, loop=EngineLoop(engine, metrics), metrics=metrics)

    @property
    def stream_fault(self) -> Fault | None:
        """The command line's fault for every stream; standing still is the engine's own affair."""
        streams = (f for f in self.options.faults if f.scope in (Scope.STREAM, Scope.ENGINE))
        return next((fault for fault in streams if fault.name is not FaultName.STALL_MID_STREAM), None)

    def fault_of(self, ask: Ask) -> Fault | None:
        return ask.fault or self.stream_fault

    def with_logprobs_for_nan(self, ask: Ask) -> Ask:
        """Where NaN is asked for it needs some logprob to stand in, whether the client wants any or not."""
        fault = self.fault_of(ask)
        needs_one = fault is not None and fault.is_literal_nan and ask.logprobs is None
        return replace(ask, logprobs=0) if needs_one else ask

    def process_fault(self, name: FaultName) -> Fault | None:
        return next((fault for fault in self.options.faults if fault.name is name), None)

    def generation(self, ask: Ask, fault: Fault | None) -> Generation:
        """Raises Refusal while the engine drains, in the words of its thread pool."""
        if self.is_draining:
            raise Refusal(500, "cannot schedule new futures after shutdown", SERVER_ERROR)
        options = self.options
        return Generation(self.loop, ask, max_model_len=options.max_model_len, seed=options.seed, fault=fault)

    def header(self, request: web.Request, ask: Ask, prefix: str, joint: str = "-") -> Header:
        number = request.headers.get("X-Request-Id") or secrets.token_hex(8)
        fingerprint = zlib.crc32(repr((self.options.model, self.options.seed)).encode())
        return Header(
            id=f"{prefix}{joint}{number}",
            created=int(time.time()),
            model=ask.model,
            fingerprint=f"vllm-{VERSION}-{fingerprint:08x}",
            details=self.options.prompt_tokens_details,
        )
