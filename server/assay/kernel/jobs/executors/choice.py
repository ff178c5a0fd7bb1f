"""The executors of one run: where each of its tasks goes, and where they are given up."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
from typing import Any

from assay.kernel.jobs.executors.base import Executor
from assay.kernel.jobs.executors.reserved_pools import ReservedPools
from assay.kernel.jobs.kind import JobView, Stage


class ExecutorChoice:
    """Chooses among the processes of all, those that wait for the network, and those kept for a key."""

    def __init__(
        self, executor: Executor, network: Executor, reserved: ReservedPools | None
    ) -> None:
        self._executor, self._network, self._reserved = executor, network, reserved
        self._used: set[Executor] = {executor, network}

    def of(self, stage: Stage[Any, Any], view: JobView[Any]) -> Executor:
        """Return where a task of a stage runs: on processes kept for it, where there are such."""
        if stage.waits(view):
            return self._network
        key = stage.reserved(view)
        kept = self._reserved.find(key) if key and self._reserved is not None else None
        if kept is None:
            return self._executor
        self._used.add(kept)
        return kept

    def abandon(self, futures: Collection[Future[Any]]) -> None:
        """Give tasks up, wherever they run."""
        for executor in self._used:
            executor.abandon(futures)
