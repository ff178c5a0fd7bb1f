"""Pools of processes that are kept for tasks of one key, with what these need loaded."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assay.kernel.clock import Clock
from assay.kernel.jobs.executors.base import Executor
from assay.kernel.jobs.executors.process_pool import LocalPool, PoolCounts

Key = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """What is kept under one key."""

    least: int  # processes, started at once; 1 or more
    most: int  # while tasks wait for one
    warm: bytes  # the pickled call that each makes before its first task


@dataclass(frozen=True, kw_only=True)
class ReservedCounts:
    """What the processes of one key do at one moment."""

    pool: PoolCounts
    stopping: int  # processes of former reservations that still end


class ReservedPools:
    """One pool a key. `keep` is called by one thread, all else by any."""

    def __init__(self, *, memory_bytes: int | None = None, clock: Clock | None = None) -> None:
        self._memory_bytes, self._clock = memory_bytes, clock
        self._pools: Mapping[Key, tuple[Reservation, LocalPool]] = {}
        self._closing: dict[threading.Thread, tuple[Key, LocalPool]] = {}

    def keep(self, wanted: Mapping[Key, Reservation]) -> None:
        """Keep what is wanted and nothing else; what changes is started anew.

        A former pool ends after its current tasks; those that wait in it are given back.
        """
        pools: dict[Key, tuple[Reservation, LocalPool]] = {}
        for key, reservation in wanted.items():
            held = self._pools.get(key)
            if held is None or held[0] != reservation:
                held = reservation, self._started(reservation)
            pools[key] = held
        gone = [
            (key, pool)
            for key, (reservation, pool) in self._pools.items()
            if wanted.get(key) != reservation
        ]
        self._pools = pools
        for key, pool in gone:
            thread = threading.Thread(target=pool.close, name="assay-pool-end", daemon=True)
            self._closing[thread] = (key, pool)
            thread.start()
        self._closing = {
            thread: ended for thread, ended in self._closing.items() if thread.is_alive()
        }

    def find(self, key: Key) -> Executor | None:
        """Return the processes that are kept under a key; None: none are, or none can run."""
        held = self._pools.get(key)
        return held[1] if held is not None and held[1].counts().ready else None

    def counts(self) -> dict[Key, ReservedCounts]:
        """Return what the processes of each key do now."""
        closing = list(self._closing.values())
        found = {
            key: ReservedCounts(pool=pool.counts(), stopping=_living(key, closing))
            for key, (_, pool) in self._pools.items()
        }
        for key, _ in closing:
            if key not in found and (living := _living(key, closing)):
                found[key] = ReservedCounts(pool=PoolCounts(), stopping=living)
        return found

    def close(self) -> None:
        """End all processes after their current tasks, and wait for it."""
        self.keep({})
        for thread in list(self._closing):
            thread.join()

    def _started(self, reservation: Reservation) -> LocalPool:
        return LocalPool(
            workers=max(reservation.least, reservation.most),
            least=reservation.least,
            warm=reservation.warm,
            name="engine",
            memory_bytes=self._memory_bytes,
            clock=self._clock,
        )


def _living(key: Key, closing: Iterable[tuple[Key, LocalPool]]) -> int:
    return sum(len(pool.pids()) for of, pool in closing if of == key)
