"""What reading JSON raises for bytes that are none: more than msgspec's own DecodeError (measured with 0.22).

A text of the wrong bytes raises UnicodeDecodeError, one that is nested too deeply RecursionError. Whoever reads what
others wrote, a client or a disk after a crash, expects all of them.
"""

from __future__ import annotations

import msgspec

BAD_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
