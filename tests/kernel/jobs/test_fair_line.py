"""Turns of owners in a line, and a child more for who would wait behind others' long tasks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from assay.kernel import owner
from assay.kernel.jobs.executors.fair_line import FairLine
from assay.kernel.jobs.executors.process_pool import LocalPool


@dataclass(frozen=True)
class Waiting:
    owner: str
    number: int


def line(*owners: str) -> FairLine[Waiting]:
    made = FairLine[Waiting]()
    for number, one in enumerate(owners):
        made.append(Waiting(one, number))
    return made


def test_owners_take_turns_whoever_came_with_more():
    """One task behind a thousand of another owner comes second."""
    waiting = line(*["much"] * 1_000, "little")
    first, second = waiting.take({}, 9), waiting.take({"much": 1}, 9)
    assert (first, second) == (Waiting("much", 0), Waiting("little", 1_000))


def test_an_owner_with_the_most_places_waits():
    """Nothing is taken while only owners wait who hold as many places as are allowed."""
    waiting = line("a", "a")
    assert waiting.take({"a": 2}, 2) is None
    assert waiting.take({"a": 1}, 2) == Waiting("a", 0)


def test_what_is_removed_leaves_the_rest_in_its_order():
    """Tasks that were given up go, those of the same owner around them stay."""
    waiting = line("a", "b", "a", "a")
    assert waiting.remove(lambda one: one.number in {1, 2}) == [Waiting("a", 2), Waiting("b", 1)]
    assert [waiting.take(Counter(), 9) for _ in range(3)] == [
        Waiting("a", 0), Waiting("a", 3), None,
    ]  # fmt: skip  # a list


@pytest.fixture(scope="module")
def pool():
    made = LocalPool(workers=2)
    made.warm_up()
    yield made
    made.close()


def submit_for(pool: LocalPool, organization: str, seconds: float):
    """Submit a task of an organization that takes some time."""
    made = []

    def submit() -> None:
        owner.work_for(organization)
        made.append(pool.submit(time.sleep, seconds))

    thread = threading.Thread(target=submit)
    thread.start()
    thread.join()
    return made[0]


def test_long_tasks_of_one_organization_do_not_keep_another_waiting(pool):
    """Six tasks that hold both children for long let another organization's short one pass."""
    greedy = [submit_for(pool, "greedy", 60.0) for _ in range(6)]
    submit_for(pool, "modest", 0.01).result(timeout=20)
    assert sum(one.done() for one in greedy) == 0
    assert len(pool.pids()) == 3
    submit_for(pool, "third", 0.01).result(timeout=20)
    pool.abandon(greedy)


def test_a_task_whose_caller_has_gone_does_not_hold_its_child(pool):
    """An awaited task is ended when its waiting is canceled, and its child is free again."""

    async def give_up() -> None:
        async with asyncio.timeout(0.2):
            await pool.run(time.sleep, 60.0)

    for _ in range(4):
        with pytest.raises(TimeoutError):
            asyncio.run(give_up())
    assert asyncio.run(pool.run(abs, -1)) == 1
