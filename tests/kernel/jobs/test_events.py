"""Logs and levels: what ports_jobs.Events and ports_jobs.StatusUpdates promise."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from assay.kernel.errors import EventsTrimmed, NotFound
from assay.kernel.jobs.events import Events, StatusUpdates
from assay.kernel.jobs.job import NewEvent
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from tests.support.store_rows import ORG, add_job, claimed
from tests.support.threads import together

SERVER = Path(__file__).parents[3] / "server"
WRITER = """
import sys
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import NewEvent
from assay.kernel.storage.store import open_store
url, job_id, name = sys.argv[1:]
store = open_store(url)
print("ready", flush=True)
sys.stdin.readline()
for number in range(30):
    with store.write() as uow:
        uow[Events].append("acme", job_id, [NewEvent(kind=name, data={"n": number})] * 2)
store.close()
"""


def drafts(count: int, kind: str = "verdict") -> list[NewEvent]:
    return [NewEvent(kind=kind, data={"n": number}) for number in range(count)]


@pytest.fixture
def job(store):
    """The id of a job whose log holds one event, of its submission."""
    with store.write() as uow:
        return add_job(uow).job_id


def test_events_are_ordered_and_numbered_without_a_gap(store, job, clock):
    """Events read back in order, numbered on from what was there, with the commit's time."""
    clock.advance(3)
    with store.write() as uow:
        assert uow[Events].append(ORG, job, drafts(2)) == 3
        assert uow[Events].append(ORG, job, []) == 3
    with store.read() as uow:
        found = uow[Events].after(ORG, job, 1)
    assert [(one.sequence, one.kind, one.data) for one in found] == [
        (2, "verdict", {"n": 0}),
        (3, "verdict", {"n": 1}),
    ]
    assert {one.at for one in found} == {clock.now()}


def test_reading_resumes_strictly_after_a_sequence(store, job):
    """A read after the newest sequence, or beyond it, is empty."""
    with store.write() as uow:
        uow[Events].append(ORG, job, drafts(2))
        assert [one.sequence for one in uow[Events].after(ORG, job, 2)] == [3]
        assert uow[Events].after(ORG, job, 3) == uow[Events].after(ORG, job, 2**64 - 1) == []
        assert uow[StatusUpdates].after(ORG, job, 2**64 - 1) == []


def test_a_rolled_back_commit_leaves_no_gap(store, job):
    """Sequences of events that were never committed are given out again."""
    with suppress(RuntimeError), store.write() as uow:
        uow[Events].append(ORG, job, drafts(5))
        raise RuntimeError
    with store.write() as uow:
        assert uow[Events].append(ORG, job, drafts(1)) == 2


def test_a_commits_events_are_never_split(store, job):
    """A read never ends inside a commit, although the commit is larger than the limit."""
    for count in (2, 3, 5):
        with store.write() as uow:
            uow[Events].append(ORG, job, drafts(count - 1))
            uow[Events].append(ORG, job, drafts(1))
    reads, after = [], 0
    with store.read() as uow:
        while found := uow[Events].after(ORG, job, after, limit=3):
            reads.append([one.sequence for one in found])
            after = found[-1].sequence
    assert reads == [[1, 2, 3], [4, 5, 6], [7, 8, 9, 10, 11]]


def test_writers_in_threads_leave_no_gap(store, job, open_another):
    """Threads of two stores that append at once number all events without gap or repeat."""
    stores = [store, open_another()]

    def append(index: int) -> None:
        for _ in range(5):
            with stores[index % 2].write() as uow:
                uow[Events].append(ORG, job, drafts(2, kind=str(index)))

    together(append, 8)
    with store.read() as uow:
        found = uow[Events].after(ORG, job, 1)
    assert [one.sequence for one in found] == list(range(2, 82))
    for first, second in zip(found[::2], found[1::2], strict=True):
        assert (first.kind, first.commit, second.commit) == (second.kind,) + (first.sequence,) * 2


def test_writers_in_processes_leave_no_gap_for_a_reader(store, job, url):
    """A reader that follows two writing processes sees every number once, in order."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, job, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(SERVER)},
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    seen, changed = [], threading.Event()
    while len(seen) < 121:
        with store.read() as uow:
            found = uow[Events].after(ORG, job, seen[-1] if seen else 0, limit=7)
        seen += [one.sequence for one in found]
        assert all(writer.poll() in (None, 0) for writer in writers)
        changed.wait(0.001)  # a poll, as the watch of another process would
    for writer in writers:
        writer.communicate(timeout=30)
    assert seen == list(range(1, 122))


def test_trimming_keeps_the_end_and_names_the_oldest(store, job, clock, runner):
    """A trimmed log keeps its last event; a start before it is refused, naming the oldest."""
    with store.write() as uow:
        claimed(uow, runner)
        uow[Jobs].end(ORG, job, 1, JobState.SUCCEEDED, result=b"{}")
        running = add_job(uow).job_id
        uow[Events].append(ORG, running, drafts(3))
        assert uow[Events].trim(clock.now()) == 0
        clock.advance(10)
        assert uow[Events].trim(clock.now()) == 1
        assert uow[Events].trim(clock.now()) == 0
        assert uow[Events].oldest(ORG, job) == 3
        assert uow[Events].oldest(ORG, running) == 1
        with pytest.raises(EventsTrimmed, match="Resume after 2") as refusal:
            uow[Events].after(ORG, job, 0)
        assert refusal.value.metadata["oldest_sequence"] == "3"
        (last,) = uow[Events].after(ORG, job, 2)
        assert last.data["to"] == "SUCCEEDED"
        assert len(uow[Events].after(ORG, running, 0)) == 4


def test_trimming_forgets_the_levels_of_ended_jobs_alone(store, job, clock, runner):
    """The levels of a trimmed job go with its log; those of a job that has not ended stay."""
    with store.write() as uow:
        claimed(uow, runner)
        running = add_job(uow).job_id
        for one in (job, running):
            uow[StatusUpdates].put(ORG, one, "progress", {"done": 1})
        uow[Jobs].end(ORG, job, 1, JobState.SUCCEEDED, result=b"{}")
        clock.advance(10)
        assert uow[Events].trim(clock.now()) == 1
        assert uow[StatusUpdates].after(ORG, job) == []
        assert len(uow[StatusUpdates].after(ORG, running)) == 1


def test_trimming_takes_the_oldest_jobs_first(store, clock):
    """Of more finished jobs than the limit those that ended first are trimmed."""
    with store.write() as uow:
        jobs = []
        for _ in range(3):
            jobs.append(uow[Jobs].request_cancel(ORG, add_job(uow).job_id))
            clock.advance(1)
        assert uow[Events].trim(clock.now() + timedelta(days=1), limit=2) == 2
        assert [uow[Events].oldest(ORG, one.job_id) for one in jobs] == [2, 2, 1]


def test_a_level_is_overwritten(store, job):
    """Of each level only the newest value is held, with the newest event of its time."""
    with store.write() as uow:
        uow[StatusUpdates].put(ORG, job, "progress", {"done": 1})
        metrics = uow[StatusUpdates].put(ORG, job, "metrics", {"accuracy": 0.5})
        uow[Events].append(ORG, job, drafts(1))
        progress = uow[StatusUpdates].put(ORG, job, "progress", {"done": 2})
        assert uow[StatusUpdates].after(ORG, job) == [metrics, progress]
        assert uow[StatusUpdates].after(ORG, job, metrics.revision) == [progress]
        assert uow[StatusUpdates].after(ORG, job, progress.revision) == []
    assert (metrics.as_of_sequence, progress.as_of_sequence) == (1, 2)
    assert (metrics.revision, progress.revision) == (2, 3)
    assert progress.data == {"done": 2}


def test_an_absent_job_has_no_log(store):
    """Events and levels of a job that does not exist are refused."""
    with store.write() as uow:
        for refused in (
            lambda: uow[Events].append(ORG, "no", drafts(1)),
            lambda: uow[Events].after(ORG, "no", 0),
            lambda: uow[Events].oldest(ORG, "no"),
            lambda: uow[StatusUpdates].put(ORG, "no", "progress", {}),
            lambda: uow[StatusUpdates].after(ORG, "no"),
        ):
            with pytest.raises(NotFound):
                refused()
