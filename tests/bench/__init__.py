"""What the frontdoor costs in front of a token stream, beside nginx at the same job and beside no proxy at all.

    scripts/bench           runs this package
    __main__.py             the command: what is asked for, progress, the report
    rounds.py               what is measured, and in which order
    client.py               load and its exact times          } asyncio protocols on uvloop: they must not be
    emulator.py             vLLM's face, as a process         } what limits a measurement
    wire.py                 the bytes that those two exchange
    peers.py                the proxies: started on free ports of 127.0.0.1, ended by process id
    process_figures.py      CPU time and memory of other processes
    report.py               medians, ratios, the table: a pure core, tested like one

Figures are for people to judge. No test asserts speed.
"""
