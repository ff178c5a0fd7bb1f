"""The clock, passed in as an argument everywhere."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from; passed in, so that tests decide what time it is."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC, to the microsecond."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never jumps; only differences mean anything."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the wall-clock time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds of the machine's monotonic clock."""
        return time.monotonic()
