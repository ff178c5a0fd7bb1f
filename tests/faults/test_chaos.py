"""Processes are killed at random while jobs run; then the history is read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from assay.client.types import JobEvent
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.execution import WINDOW
from assay.kernel.jobs.job import Event, Job, NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState, check_transition
from assay.records import encode
from tests.support.chaos import MOST_JOBS, ORG, WAIT, City
from tests.support.job_kinds import keys

ROWS = 1500
BATCH_BYTES = 16 * 1024
MODEL = "m"


@dataclass
class Work:
    """Jobs of three kinds, what their watchers heard, and what became of them."""

    city: City
    name: str
    tasks: int  # of each job of the kind for tests
    seconds: float  # that one of those takes
    numbers: Iterator[int] = field(default_factory=itertools.count)
    pairs: int = 0  # of evaluations
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(64))
    jobs: dict[str, str] = field(default_factory=dict)  # name → job
    heard: dict[str, Future[list[int]]] = field(default_factory=dict)  # name → sequences
    pairings: list[Future[None]] = field(default_factory=list)

    def start(self, *, steps: int, pairs: int) -> None:
        """Submit everything; uploads and comparisons go on in threads."""
        for _ in range(steps):
            self.steps()
        for _ in range(pairs):
            self.pairings.append(self.threads.submit(self.pair, 2 * self.pairs))
            self.pairs += 1

    def more(self, busy: int) -> None:
        """Keep at least `busy` jobs going, one of three of them an upload."""
        if sum(not one.done() for one in (*self.pairings, *list(self.heard.values()))) < busy:
            self.start(steps=2, pairs=1)

    def steps(self) -> None:
        """Submit a job of the kind for tests."""
        number = next(self.numbers)
        spec = {
            "tasks": self.tasks, "seconds": self.seconds,
            "starts": str(self.city.folder / f"{self.name}-{number}.starts"),
        }  # fmt: skip  # one spec
        new = NewJob(kind="steps", spec=encode(spec), max_attempts=1000)
        with self.city.store.write() as uow:
            job_id = uow[Jobs].submit(ORG, new).job_id
        self.watch(f"steps-{number}", job_id)

    def pair(self, first: int) -> None:
        """Upload two evaluations of the same rows and have them compared."""
        versions = []
        with self.city.client() as client:
            for number in (first, first + 1):
                random = np.random.default_rng([7, number])
                truth = np.random.default_rng([7, first]).integers(0, 3, ROWS)
                scores = random.dirichlet(np.ones(3), ROWS)
                version = client.versions.create(MODEL).version_id
                done = client.evaluate(
                    MODEL,
                    version,
                    y_true=[f"c{code}" for code in truth],
                    y_pred=[f"c{code}" for code in scores.argmax(axis=1)],
                    scores=scores,
                    labels=["c0", "c1", "c2"],
                    row_id=[f"row-{row}" for row in range(ROWS)],
                    batch_bytes=BATCH_BYTES,
                )
                versions.append(version)
                self.watch(f"evaluation-{number}", done.job_id)
            found = client.comparisons.paired(MODEL, *versions)
            assert found.paired_tests.job_id is not None
            self.watch(f"comparison-{first}", found.paired_tests.job_id)

    def watch(self, name: str, job_id: str) -> None:
        """Follow a job from its first event to its last, over as many connections as it takes."""
        self.jobs[name] = job_id
        self.heard[name] = self.threads.submit(self._watch, job_id)

    def _watch(self, job_id: str) -> list[int]:
        with self.city.client() as client:
            told = client.jobs.watch(job_id)
            return [item.sequence for item in told if isinstance(item, JobEvent)]

    def results(self) -> dict[str, bytes]:
        """Return the result of each job; every one must have succeeded."""
        found = {}
        with self.city.store.read() as uow:
            for name, job_id in self.jobs.items():
                job = uow[Jobs].get(ORG, job_id)
                assert job.state is JobState.SUCCEEDED, (name, job)
                assert job.result is not None
                found[name] = job.result
        return found

    def finish(self) -> None:
        """Wait until all has ended; raise what went wrong."""
        for task in self.pairings:
            task.result(2 * WAIT)
        for heard in list(self.heard.values()):
            heard.result(2 * WAIT)
        self.threads.shutdown()


@pytest.fixture
def city(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[City]:
    """A city with one model; its runners have as many children as the test asks for."""
    city = City(tmp_path, seed=20261122, children=request.param)
    with city.client() as client:
        client.models.create("Chaos", "classification", model_id=MODEL)
    yield city
    city.close()


def history(city: City, job_id: str) -> tuple[Job, list[Event]]:
    """Return a job and its whole log."""
    with city.store.read() as uow:
        job = uow[Jobs].get(ORG, job_id)
        events: list[Event] = []
        while found := uow[Events].after(ORG, job_id, len(events)):
            events += found
    return job, events


def check_history(work: Work, name: str) -> None:
    """The log is gapless, follows the state table, and is what its watcher heard."""
    job, events = history(work.city, work.jobs[name])
    numbers = list(range(1, job.last_sequence + 1))
    assert [event.sequence for event in events] == numbers, name
    assert work.heard[name].result() == numbers, name
    changes = [event.data for event in events if event.kind == "state"]
    assert changes[-1]["to"] == "SUCCEEDED"
    for before, after in itertools.pairwise(changes):
        assert before["to"] == after["from"], name
        check_transition(JobState(after["from"]), JobState(after["to"]))


def executions(work: Work, name: str) -> int:
    """Return how often tasks of a job were begun; none after it was checkpointed."""
    _, events = history(work.city, work.jobs[name])
    finished = [event for event in events if event.kind == "finished"]
    assert sorted(event.data["task"] for event in finished) == keys(work.tasks), name
    at = {event.data["task"]: event.at.timestamp() for event in finished}
    file = work.city.folder / f"{work.name}-{name.removeprefix('steps-')}.starts"
    began = [line.split() for line in file.read_text().splitlines()]
    assert {key for key, _ in began} == set(at), name
    assert all(float(start) <= at[key] for key, start in began), name
    return len(began)


def play(city: City, *, kills: int, steps: int, pairs: int, tasks: int, busy: int = 1) -> None:
    """Work in chaos, work in peace, and compare."""
    rough = Work(city, "rough", tasks=tasks, seconds=0.05)
    rough.start(steps=steps, pairs=pairs)
    while sum(city.killed.values()) < kills:
        city.commits(city.random.randint(1, 12))
        rough.more(busy)
        city.kill_one()
    rough.finish()
    calm = Work(city, "calm", tasks=tasks, seconds=0.0)
    calm.start(steps=1, pairs=rough.pairs)
    calm.finish()

    found, expected = rough.results(), calm.results()
    for name, result in found.items():
        twin = "steps-0" if name.startswith("steps") else name
        assert result == expected[twin], name
        check_history(rough, name)
    ran = [name for name in found if name.startswith("steps")]
    again = sum(executions(rough, name) for name in ran) - len(ran) * tasks
    in_flight = WINDOW * city.children * MOST_JOBS  # of one runner
    most = city.killed["runner"] * in_flight + city.killed["child"]
    print(f"killed {dict(city.killed)}; {len(found)} jobs, {again} of {len(ran) * tasks} again")
    assert again <= most
    assert sum(city.killed.values()) >= kills


@pytest.mark.slow
@pytest.mark.parametrize("city", [1], indirect=True)
def test_a_few_kills_change_nothing(city: City):
    """Killed at random, processes lose no event and no result, and run only what was in flight."""
    play(city, kills=3, steps=2, pairs=1, tasks=30)
    assert set(city.killed) == {"server", "runner", "child"}


@pytest.mark.slow
@pytest.mark.parametrize("city", [2], indirect=True)
def test_fifty_kills_change_nothing(city: City):
    """Fifty kills during twenty jobs leave the results of an undisturbed run, to the byte."""
    play(city, kills=50, steps=11, pairs=3, tasks=60, busy=3)
    assert set(city.killed) == {"server", "runner", "child"}
