"""Questions that only the engine's own code can answer; runs inside the engine's venv.

This file is executed by the *engine's* Python, never imported by ours, so it uses the standard library and vLLM alone.
It reads one JSON object from stdin and writes one JSON object as the last line of stdout:

    {"argv": ["MODEL", "--max-model-len", "2048"], "environment": ["VLLM_XPU_GRAPH"]}
    -> {"version": "0.32.0", "rejected": "unrecognized arguments: --async-engine" | null,
        "unknown_environment": ["VLLM_XPU_GRAPH"]}

With `--dump` it reads nothing and writes the engine's face: every flag of `vllm serve` with its kind, and every
`VLLM_*` name the engine knows. `slot/profiles/engine_faces/` holds such dumps: a typo is found without vLLM.

Source: `vllm/entrypoints/launchers/cli_args.py` and `vllm/envs.py` of vLLM 0.32.0; the older
module path is that of 0.20.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any


def serve_parser() -> Any:
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    try:
        from vllm.entrypoints.launchers.cli_args import make_arg_parser
    except ImportError:  # before vLLM moved its launchers
        from vllm.entrypoints.openai.cli_args import make_arg_parser
    return make_arg_parser(FlexibleArgumentParser(prog="vllm serve"))


def rejection(argv: list[str]) -> str | None:
    """What the parser says against these arguments, or None."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            serve_parser().parse_args(argv)
    except SystemExit:
        return said.getvalue().strip().rpartition("error: ")[2] or "the engine's parser refused the arguments"
    except Exception as refusal:  # a flag's own type may raise anything; its text is the answer
        return f"{type(refusal).__name__}: {refusal}"
    return None


def kind_of(action: Any) -> str:
    if type(action).__name__ == "BooleanOptionalAction":
        return "bool"
    if action.nargs == 0:
        return "switch"
    convert = action.type
    name = getattr(convert, "__name__", "")
    if name == "_optional_type":  # vLLM wraps `T | None`; the wrapped type is the closure's only cell
        convert = convert.__closure__[0].cell_contents
        name = getattr(convert, "__name__", "")
    if name == "human_readable_int_or_auto":
        return "int_or_auto"
    if name in ("int", "human_readable_int"):
        return "int"
    if name == "float":
        return "float"
    if name in ("parse_dataclass", "loads", "_parse_type", "union_dict_and_str"):
        return "json"
    return "str"


def face() -> dict[str, Any]:
    import vllm
    import vllm.envs

    flags: dict[str, dict[str, Any]] = {}
    for action in serve_parser()._actions:
        for option in action.option_strings:
            if not option.startswith("--") or option.startswith("--no-") or option == "--help":
                continue
            flag: dict[str, Any] = {"kind": kind_of(action)}
            if action.choices:
                flag["choices"] = [str(choice) for choice in action.choices]
            if action.nargs in ("+", "*"):
                flag["many"] = True
            flags[option.removeprefix("--")] = flag
    return {
        "engine": f"vllm {vllm.__version__}",
        "flags": dict(sorted(flags.items())),
        "environment": sorted(vllm.envs.environment_variables),
    }


def answer(question: dict[str, Any]) -> dict[str, Any]:
    import vllm
    import vllm.envs

    return {
        "version": vllm.__version__,
        "rejected": rejection(question["argv"]),
        "unknown_environment": sorted(set(question["environment"]) - set(vllm.envs.environment_variables)),
    }


def main() -> None:
    # vLLM logs to stdout while it is imported: the answer is the last line, whatever came before
    reply = face() if "--dump" in sys.argv[1:] else answer(json.load(sys.stdin))
    print(json.dumps(reply, indent=1 if "--dump" in sys.argv[1:] else None))


if __name__ == "__main__":
    main()
