"""A circuit breaker: an endpoint that does not answer is left alone for a while."""

from __future__ import annotations

from assay.kernel.clock import Clock
from assay.kernel.errors import RemoteFailed

MOST_FAILURES = 3  # calls in a row without an answer
OPEN_SECONDS = 30.0  # for which an endpoint is then left alone


class CircuitBreaker:
    """Counts the calls of one endpoint that were not answered, in this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0  # monotonic seconds

    def check(self) -> None:
        """Raise RemoteFailed while the endpoint is left alone; then let one call try it."""
        left = self._open_until - self._clock.monotonic()
        if self._failures >= MOST_FAILURES and left > 0:
            raise RemoteFailed(
                f"The endpoint did not answer {self._failures} calls in a row; it is not called "
                f"for {left:.0f} more seconds.",
                retry_after=left,
            )

    def answered(self) -> None:
        """Note an answer, whatever it said."""
        self._failures = 0

    def failed(self) -> None:
        """Note a call without an answer."""
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            self._open_until = self._clock.monotonic() + OPEN_SECONDS
