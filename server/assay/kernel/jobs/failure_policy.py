"""Failure policy: the cause of a failed task, and how long its job then waits.

What the work itself raises is its answer, and the same each time: it fails the job at once. What
it runs on (a process that dies, a store that cannot be reached) says nothing of the work: the job
is tried again, each time later, and fails only when that goes on and on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from assay.kernel.errors import AssayError, Internal, Unavailable
from assay.kernel.jobs.executors.base import ChildKilledError, PoolBrokenError, PoolClosedError
from assay.kernel.jobs.job import JobError

Jitter = Callable[[], float]  # returns a number from 0 up to, but not including, 1

MOST_RETRIES = 10  # in a row without a task finished: some minutes
UNKNOWN = "The job failed for a reason of our own, which was logged. Submit it again."


def system_jitter() -> Jitter:
    """Return the random numbers of this process."""
    return random.Random().random  # noqa: S311 - it spreads retries and guards nothing


class FailureCause(Enum):
    """The cause of a failure."""

    OWN = auto()  # the work's: it would fail again
    DEADLY = auto()  # the work ended its process, or somebody else did: each try is an attempt
    STORE = auto()  # what the work reads or writes could not be reached
    POOL = auto()  # there was nothing to run it on, here

    @classmethod
    def of(cls, cause: BaseException) -> FailureCause:
        """Return the cause that an exception stands for."""
        if isinstance(cause, ChildKilledError):
            return cls.DEADLY
        if isinstance(cause, (PoolClosedError, PoolBrokenError)):
            return cls.POOL
        return cls.STORE if isinstance(cause, Unavailable) else cls.OWN


class TaskError(Exception):
    """What a task of the work raised, with the name of the task."""

    def __init__(self, task_name: str, cause: BaseException) -> None:
        super().__init__(task_name)
        self.task_name, self.cause = task_name, cause
        self.cause_kind = FailureCause.of(cause)


@contextmanager
def told_as(task_name: str) -> Iterator[None]:
    """Raise what is raised inside as a failure of a named piece of the work."""
    try:
        yield
    except Exception as error:
        raise TaskError(task_name, error) from error


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Waits that double, half of each by chance."""

    first: float = 1.0  # seconds
    most: float = 60.0  # seconds

    def seconds(self, number: int, jitter: Jitter) -> float:
        """Return how long to wait before try `number`, which is 1 for the first one again."""
        whole = min(self.most, self.first * 2.0 ** min(number - 1, 30))
        return whole / 2 * (1 + jitter())


def own_error(cause: BaseException) -> JobError | None:
    """Return what is told of a failure that is the work's own; None: nothing may be told."""
    if isinstance(cause, AssayError) and not isinstance(cause, Internal):
        return JobError.of(cause)
    return None


def deadly_error(task_name: str, attempts: int) -> JobError:
    """Return the error of a job of which one task ends each process that runs it."""
    return JobError(
        reason=ChildKilledError.reason,
        message=(
            f"In each of {attempts} attempts {task_name} ended its compute process without a word; it "
            "is not tried again. Check that the input is whole and correct, and send it in "
            "smaller pieces if it is large."
        ),
        metadata={"task_name": task_name, "attempts": str(attempts)},
    )


def unreachable_error(task_name: str, cause: BaseException, retries: int) -> JobError:
    """Return the error of a job that could not reach what it needs, however often it was tried."""
    why = cause.message if isinstance(cause, AssayError) else "It could not be reached."
    return JobError(
        reason=Unavailable.reason,
        message=f"{task_name} failed, and {retries} times more: {why} Submit the job again later.",
        metadata={"task_name": task_name, "retries": str(retries)},
    )
