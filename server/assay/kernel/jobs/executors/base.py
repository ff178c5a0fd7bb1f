"""The port behind which tasks run, and what it may say instead of a result."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, ParamSpec, Protocol, TypeVar

from assay.kernel.errors import BadFile

P = ParamSpec("P")
R = TypeVar("R")


class ChildKilledError(BadFile):
    """The task killed two children: its input is refused."""


class PoolClosedError(Exception):
    """The pool was closed before the task ran; nothing is known of the task itself."""


class PoolBrokenError(Exception):
    """No process can be started to run the task; nothing is known of the task itself."""


class AbandonedError(Exception):
    """The task was given up by who asked for it."""


class Executor(Protocol):
    """Where tasks run. A task is a module-level function with picklable arguments."""

    @property
    def parallelism(self) -> int:
        """How many tasks can run at a time."""
        ...

    @property
    def is_usable(self) -> bool:
        """Whether a task that is submitted now can be expected to run."""
        ...

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run the task once, or again when the infrastructure failed under it.

        The future fails with what the task raised, with ChildKilledError when the task itself
        kills its process, with PoolBrokenError when there is nothing to run it on, and with
        PoolClosedError when the executor was closed.
        """
        ...

    def abandon(self, futures: Collection[Future[Any]]) -> None:
        """Give tasks up whose results nobody wants any more, and return at once.

        Those that wait are never run; one that runs is stopped with its process, unless it
        ends by itself very soon. Tasks of others are unharmed.
        """
        ...

    def close(self) -> None:
        """Stop; tasks that have not begun fail with PoolClosedError."""
        ...
