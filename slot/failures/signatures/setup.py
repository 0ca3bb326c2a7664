"""Failures of the set-up: a profile, weights or a venv that this engine cannot serve with."""

from __future__ import annotations

from slot.failures.signature import configuration

SETUP = (
    configuration(
        "unknown-flag",
        r"unrecognized arguments: (?P<flags>.+)",
        "this engine does not know {flags}",
        "remove it from the profile, or use the engine line on which the profile was proven",
    ),
    configuration(
        "bad-flag-value",
        r"vllm(?: serve)?: error: (?P<what>.+)",
        "the engine refuses its command line: {what}",
        "correct the value in the profile (`slotctl check --here` asks the engine's own parser)",
    ),
    configuration(
        "context-longer-than-model",
        # without "Value error" it is a warning, and allowed
        r"Value ?[Ee]rror[,:] User-specified max_model_len \((?P<wanted>\d+)\) is greater than the derived "
        r"max_model_len \(\w+=(?P<most>\d+)",
        "SERVE_MAX_MODEL_LEN={wanted} is more than the {most} tokens that the model was made for",
        "lower SERVE_MAX_MODEL_LEN to {most}",
    ),
    configuration(
        "dtype-not-supported",
        r"The model type '(?P<model>[^']+)' does not support float16",
        "models of type {model} do not run in float16",
        "set SERVE_DTYPE=bfloat16",
    ),
    configuration(
        "cards-do-not-divide",
        r"(?P<what>Total number of attention heads \(\d+\) must be divisible by tensor parallel size \(\d+\)"
        r"|\b\w{1,60} = \d+ is not divisible by weight quantization block_\w = \d+)",
        "the model cannot be split over this many cards: {what}",
        "lower SERVE_TENSOR_PARALLEL_SIZE to a number that divides it (1, 2, 4), or use another checkpoint",
    ),
    configuration(
        "too-few-cards",
        r"World size \((?P<wanted>\d+)\) is larger than the number of available \w+ \((?P<found>\d+)\)",
        "the profile wants {wanted} cards, and the engine sees {found}",
        "look for the missing ones (`slotctl check --here`, ZE_AFFINITY_MASK), or lower SERVE_TENSOR_PARALLEL_SIZE",
    ),
    configuration(
        "kernels-do-not-match",
        r"undefined symbol: (?P<symbol>\S+)|'_OpNamespace' '_C' object has no attribute",
        "compiled kernels of the engine's venv were built for another torch (ABI mismatch)",
        "install vllm-xpu-kernels that match this torch, or build them after torch is installed",
    ),
    configuration(
        "duplicate-handler",
        r"Handler already registered for <function current_stream",
        "this torch registers a compile handler twice (nightlies of May 2026)",
        "use the torch that the engine line names (2.11.0+xpu for 0.20, 2.14.0+xpu for 0.31 and newer)",
    ),
    configuration(
        "weights-missing",
        r"Cannot find any model weights with `(?P<where>[^`]*)`",
        "there are no weights in {where}: not downloaded, or its disk is not mounted",
        "mount the disk or fetch the weights (`slotctl check --here` tells which)",
    ),
    configuration(
        "weights-missing",
        r"LocalEntryNotFoundError|Repo id must be in the form|Invalid repository ID or local directory"
        r"|is not a local folder and is not a valid model identifier|does not appear to have a file named config\.json",
        "the model is not on this host: not downloaded, or its disk is not mounted",
        "mount the disk or fetch the weights (`slotctl check --here` tells which)",
    ),
    # safetensors says the same of a file that is not there and of one that it may not read (0.32: recorded)
    configuration(
        "weights-unreadable",
        r"FileNotFoundError: No such file or directory: (?P<file>\S+\.safetensors)",
        "{file} is not there, or the slot's user may not read it",
        "fetch it, or let the slot's user read it (`slotctl check --here` tells which)",
    ),
    configuration(
        "weights-damaged",
        r"SafetensorError|incomplete metadata, file not fully covered",
        "a weights file is damaged or was not downloaded to its end",
        "fetch the weights again",
    ),
    configuration(
        "model-not-supported",
        r"does not recognize this architecture|Model architectures \[.{0,200}\] are not supported"
        r"|currently supports CUDA and ROCm only",
        "this engine does not know the model's architecture",
        "use the engine line and patches that the profile names, or another model",
    ),
    configuration(
        "pointer-overflow",
        r"Python int too large to convert to C long|Overflow when unpacking long long",
        "GPU addresses above 2^63 overflow in this vLLM (mamba state copies)",
        "use vLLM 0.31 or newer, or the pointer patch of the 0.20 line",
    ),
    configuration(
        "fp8-not-supported",
        r"could not set scales primitive attribute",
        "this stack cannot run the checkpoint's FP8 layers on XPU",
        "use kernels 0.1.12 or newer, or another quantization",
    ),
    configuration(
        "primitive-not-supported",
        r"could not create a primitive",
        "oneDNN has no kernel for what was asked, as with SDPA in a vision encoder",
        "remove the attention backend that the profile forces on the vision encoder",
    ),
    configuration(
        "offload-not-supported",
        r"CPU Offloading is currently only supported on CUDA-alike GPUs",
        "this vLLM cannot offload its KV cache on XPU",
        "remove SERVE_KV_OFFLOADING_SIZE, or use 0.31 or newer",
    ),
    configuration(
        "workspace-locked",
        r"Workspace is locked but allocation from (?P<where>\S+) requires",
        "TurboQuant asks for workspace after it was locked ({where})",
        "use an fp8 KV cache instead of TurboQuant, or a vLLM that reserves it (0.32)",
    ),
    configuration(
        "image-limits",
        r"no images were passed",
        "the engine cannot profile a multimodal model with a limit of zero for video or audio",
        'leave zero limits out of SERVE_LIMIT_MM_PER_PROMPT ({{"image":4}} alone works)',
    ),
    configuration(
        "graph-empty",
        r"The XPU Graph is empty",
        "graph capture recorded nothing, which goes with corrupt output",
        "set SERVE_ENFORCE_EAGER=true",
    ),
    configuration(
        "graph-capture-of-draft",
        r"torch/xpu/graphs\.py",
        "capturing the draft model's graph failed",
        'put "enforce_eager":true into SERVE_SPECULATIVE_CONFIG, or set SERVE_ENFORCE_EAGER=true',
    ),
    configuration(
        "unknown-variable",
        r"ValueError: Unknown vLLM environment variable detected: (?P<variable>\w+)",  # otherwise only a warning
        "this engine does not know {variable}",
        "remove it from the profile",
    ),
    configuration(
        "module-missing",
        r"ModuleNotFoundError: No module named '(?P<module>[^']+)'|PackageNotFoundError: (?P<package>.+)",
        "the engine's venv is incomplete",
        "install it again; a venv is one engine line's and is never mended by hand",
    ),
)
