"""The one clock."""

import time


def clock() -> int:
    """Return now in whole milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000
