"""The clock, passed in as an argument everywhere."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The clock of this machine; passed in, so that tests decide what time it is."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC, to the microsecond."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds of a clock that never jumps; only differences mean anything."""
        return time.monotonic()
