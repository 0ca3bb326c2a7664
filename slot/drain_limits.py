"""How long a switch waits for running generations: what it is where nobody says it, and the most that may be said.

A leaf of its own: the command line's options need the two numbers, and must not import the switch for them.
"""

DRAIN_TIMEOUT_S = 300
LONGEST_DRAIN_S = 86_400
