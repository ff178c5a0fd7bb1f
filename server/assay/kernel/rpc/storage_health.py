"""The health of the storage: whether writes would find space, looked at every few seconds.

It is a service of its own in gRPC's health protocol. A server whose storage is full still answers
reads, so that its own health, by which balancers go, stays SERVING.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from assay.kernel.errors import AssayError
from assay.kernel.threads import RunInThread

log = logging.getLogger(__name__)

STORAGE = "assay.storage"  # the name of the service in the health protocol
LOOK_SECONDS = 5.0


class StorageHealth:
    """Reports on the storage until it is stopped. Lives on one event loop."""

    def __init__(
        self,
        checks: Sequence[Callable[[], None]],
        run_in_thread: RunInThread,
        report: Callable[[str, bool], Awaitable[None]],
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Take what raises while the storage cannot be written to, and who is told by service."""
        self._checks, self._run_in_thread, self._report = checks, run_in_thread, report
        self._look_seconds = look_seconds
        self._is_well = True
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Report what is true now, and whatever changes."""
        await self._look()
        self._task = asyncio.create_task(self._looks())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _looks(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            await self._look()

    async def _look(self) -> None:
        wrong = await self._run_in_thread(self._check)
        if (wrong is None) != self._is_well:
            self._is_well = wrong is None
            log.warning("storage: %s", wrong or "it can be written to again")
        await self._report(STORAGE, self._is_well)

    def _check(self) -> str | None:
        try:
            for check in self._checks:
                check()
        except (AssayError, OSError) as error:
            return str(error)
        return None
