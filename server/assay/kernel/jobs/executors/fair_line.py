"""A line in which owners take turns: next comes the first task of who holds the fewest places."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar


class Owned(Protocol):
    """What waits in a line."""

    @property
    def owner(self) -> str:
        """For whom it is."""
        ...


T = TypeVar("T", bound=Owned)


class FairLine(Generic[T]):
    """Tasks that wait, each owner's in their order; a step costs as much as there are owners."""

    def __init__(self) -> None:
        self._of: dict[str, deque[T]] = {}  # the owner served longest ago first

    def __iter__(self) -> Iterator[T]:
        """Yield all that waits."""
        for tasks in self._of.values():
            yield from tasks

    def __len__(self) -> int:
        """Return how many tasks wait; from any thread."""
        return sum(len(tasks) for tasks in list(self._of.values()))

    def heads(self) -> list[T]:
        """Return the first task of each owner."""
        return [tasks[0] for tasks in self._of.values()]

    def append(self, task: T) -> None:
        """Let a task wait behind its owner's others."""
        self._of.setdefault(task.owner, deque()).append(task)

    def appendleft(self, task: T) -> None:
        """Let a task wait before its owner's others."""
        self._of.setdefault(task.owner, deque()).appendleft(task)

    def take(self, held: Mapping[str, int], most: int) -> T | None:
        """Take out the next task; None when only owners wait who hold `most` places."""
        owner = min(self._of, key=lambda one: held.get(one, 0), default=None)
        if owner is None or held.get(owner, 0) >= most:
            return None
        tasks = self._of.pop(owner)
        task = tasks.popleft()
        if tasks:
            self._of[owner] = tasks  # behind the others
        return task

    def remove(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Take out what is unwanted and return it."""
        gone = [task for task in self if unwanted(task)]
        for owner in {task.owner for task in gone}:
            left = deque(task for task in self._of[owner] if not unwanted(task))
            if left:
                self._of[owner] = left
            else:
                del self._of[owner]
        return gone
