"""An engine that behaves badly in one way, named by its first argument. It never serves.

detaches     starts a child that detaches itself (own session, no parent) and minds no SIGTERM; both stay
abandons     starts a child that minds no SIGTERM, and exits with code 3
last_words   writes a page of lines and then its reason, and exits at once with code 1
silent       writes one line and stays
waits_aloud  says again and again that it waits, and stays
bars         draws a progress bar, many times a second, and exits with code 0
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import NoReturn


def say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


def stay() -> NoReturn:
    while True:
        signal.pause()


def mind_no_sigterm() -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stay()


def detaches() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            say(f"detached {os.getpid()}")
            mind_no_sigterm()
        os._exit(0)
    os.wait()
    say("main stays")
    stay()


def abandons() -> None:
    ready, ready_end = os.pipe()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(ready_end, b"x")
        stay()
    os.read(ready, 1)
    sys.exit(3)


def last_words() -> None:
    for number in range(3000):
        say(f"(Worker pid=1) INFO 11-20 17:51:04 [w.py:1] line {number}")
    say("RuntimeError: level_zero backend failed with error: 20 (UR_RESULT_ERROR_DEVICE_LOST)")
    sys.exit(1)


def silent() -> None:
    say("(Worker pid=1) INFO 11-20 17:51:04 [gpu_model_runner.py:1] Starting to load model x...")
    stay()


def waits_aloud() -> None:
    while True:
        say("INFO 11-20 17:51:04 [shm.py:1] No available shared memory broadcast block found in 60 seconds.")
        time.sleep(0.05)


def bars() -> None:
    for percent in range(100):
        say(f"Capturing CUDA graphs (decode, FULL): {percent:3d}%|", end="\r")
    say("")


globals()[sys.argv[1]]()
