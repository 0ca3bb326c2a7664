"""`frontdoor`: the command line.

    frontdoor --profile current.env --state state.json     serves, beside a slot
    FRONTDOOR_BACKEND_URL=http://127.0.0.1:18080 frontdoor  serves alone, in front of any OpenAI-compatible server
    frontdoor drain --timeout 60                            commands the one that serves

Serving is `start`'s, with its exit codes; the commands are `control_client`'s. Each is imported when it is asked for: a
command answers at once, though a server needs a quarter of a second to come up.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

VERBS = ("pause", "resume", "drain", "cap", "reload", "replace", "status")
LATER = (signal.SIGHUP, signal.SIGUSR2)


def main(argv: Sequence[str] | None = None) -> int:
    """The console script."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in VERBS:
        from frontdoor.admin import control_client

        return control_client.main(words)
    options = _parser().parse_args(words)
    _take_no_signal_amiss()
    from frontdoor.process import start

    return start.run({name: value for name, value in vars(options).items() if value is not None})


def _take_no_signal_amiss() -> None:
    """From the first moment on, what a service may be told is no accident.

    1. Read again, hand over  -> waits until `life` can do it: by default it would end a process that is only starting
    2. Ctrl-C                 -> ends it without a traceback; SIGTERM does so by itself
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, LATER)  # 1
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # 2
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="frontdoor",
        usage="%(prog)s [options]\n       %(prog)s VERB ...",
        description="The OpenAI-compatible door to one engine: admits, relays, and says why not.",
        epilog=f"With a VERB ({', '.join(VERBS)}) it commands the frontdoor that runs: `frontdoor VERB --help`. "
        "Every setting is also a variable FRONTDOOR_*. Example: "
        "FRONTDOOR_BACKEND_URL=http://127.0.0.1:18080 FRONTDOOR_MAX_ACTIVE_GENERATIONS=8 frontdoor --port 8000",
    )
    parser.add_argument("--profile", dest="active_profile", metavar="PATH", help="the active profile to follow")
    parser.add_argument("--state", dest="slot_state", metavar="PATH", help="the supervisor's state.json to follow")
    parser.add_argument("--host", metavar="HOST", help="where to listen (default: the profile's, else 127.0.0.1)")
    parser.add_argument("--port", metavar="PORT", help="where to listen (default: the profile's, else 8000)")
    parser.add_argument("--backend-url", metavar="URL", help="where the engine answers")
    return parser


if __name__ == "__main__":
    sys.exit(main())
