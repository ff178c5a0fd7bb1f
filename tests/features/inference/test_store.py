"""Inference jobs and their inputs, as they are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from assay.features.inference.job import InferenceKind
from assay.features.inference.job_end import settle
from assay.features.inference.job_spec import InferenceSpec
from assay.features.inference.model import (
    KIND,
    STORAGE_KIND,
    FinishedInput,
    InferenceJob,
    InputOutput,
    InputState,
    InputType,
    Item,
    ItemForm,
    NewInferenceJob,
    NewInput,
)
from assay.features.inference.store import InferenceJobs, outputs_owner
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.errors import (
    Internal,
    InvalidArgument,
    NotFound,
    ResourceInUse,
    TooLarge,
    UploadFinished,
)
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.learning.rows import TaskType
from assay.records import encode, replace
from tests.records.inference_examples import INFERENCE
from tests.support.store_rows import ORG, add_model, add_version

WHEN = datetime(2026, 3, 13, 14, 22, 11, tzinfo=UTC)
SENT = "sha256:" + "1" * 64
MADE = "sha256:" + "2" * 64
EXAMPLE = next(one for one, _ in INFERENCE if isinstance(one, InferenceSpec))


def new_job(model_id: str = "m", version_id: str = "v") -> NewInferenceJob:
    return NewInferenceJob(
        model_id=model_id,
        model_name="texts",
        version_id=version_id,
        version_label="1.0.0",
        task_type=TaskType.TEXT_CLASSIFICATION,
        input_type=InputType.TEXT,
        explain=False,
        timeout_ms=None,
        submitted_by="ann",
        key_prefix="abc",
    )


def an_input(name: str, size: int = 3) -> NewInput:
    item = Item(name="input.txt", form=ItemForm.TEXT, size=size, inline=b"x" * size)
    return NewInput(name=name, items=(item,))


def add(uow: UnitOfWork, *names: str, new: NewInferenceJob | None = None) -> InferenceJob:
    """Store a queued job with inputs of these names."""
    job = uow[Jobs].submit(ORG, NewJob(kind=KIND, spec=b"{}", blobs=(SENT,)))
    inputs = [an_input(name) for name in names]
    return uow[InferenceJobs].create(ORG, job.job_id, new or new_job(), inputs)


def add_open(uow: UnitOfWork) -> InferenceJob:
    """Store an open job."""
    job = uow[Jobs].submit(ORG, NewJob(kind=KIND, spec=b"{}", state=JobState.OPEN))
    return uow[InferenceJobs].open(ORG, job.job_id, new_job())


def finished(position: int, name: str, error: str | None = None) -> FinishedInput:
    output = InputOutput(name="results.json", media_type="application/json", size=9, blob=MADE)
    return FinishedInput(
        position=position,
        name=name,
        state=InputState.SUCCESSFUL if error is None else InputState.FAILED,
        engine="pool-1",
        started_at=WHEN,
        ended_at=WHEN,
        elapsed_ms=7,
        error=error,
        outputs=(output,) if error is None else (),
    )


def test_a_job_counts_its_inputs_as_they_finish(store):
    """Inputs become PROCESSING, then SUCCESSFUL or FAILED, and the job's counts follow them."""
    with store.write() as uow:
        job = add(uow, "a", "b", "c", "d")
        assert (job.total, job.pending, job.names, job.input_bytes) == (4, 4, tuple("abcd"), 12)
        uow[InferenceJobs].start_inputs(ORG, job.job_id, [(0, 0), (1, 2)])
        uow[InferenceJobs].finish_inputs(
            ORG, job.job_id, [finished(0, "a"), finished(1, "b", "no text")]
        )
        known = uow[InferenceJobs].get(ORG, job.job_id)
        rows = uow[InferenceJobs].inputs(ORG, job.job_id, limit=9)
        done = uow[InferenceJobs].inputs(ORG, job.job_id, limit=9, finished_only=True)
    assert (known.pending, known.completed, known.failed) == (2, 1, 1)
    assert [row.state.value for row in rows] == [
        "SUCCESSFUL", "FAILED", "PROCESSING", "FETCHING_DATA",
    ]  # fmt: skip  # one a position
    assert [row.name for row in done] == ["a", "b"]
    assert (rows[0].outputs, rows[0].elapsed_ms, rows[0].engine) == (
        finished(0, "a").outputs, 7, "pool-1",
    )  # fmt: skip  # two alike
    assert (rows[1].error, rows[1].outputs) == ("no text", ())


def test_a_task_without_finished_inputs_counts_nothing(store, clock):
    """Where a task finished no input, the time of the last finish stays what it was."""
    with store.write() as uow:
        job = add(uow, "a")
        clock.advance(2)
        uow[InferenceJobs].finish_inputs(ORG, job.job_id, [])
        uow[InferenceJobs].set_sizes(ORG, job.job_id, {})
        assert uow[InferenceJobs].get(ORG, job.job_id) == job


def test_inputs_are_read_by_place_and_by_name(store):
    """A page begins after a position; a name that the job has not is refused as absent."""
    with store.write() as uow:
        job = add(uow, *(f"input {at}" for at in range(5)))
        after = uow[InferenceJobs].inputs(ORG, job.job_id, after=2, limit=1)
        named = uow[InferenceJobs].inputs(ORG, job.job_id, limit=9, names=["input 4", "x"])
        assert [row.position for row in (*after, *named)] == [3, 4]
        assert uow[InferenceJobs].input(ORG, job.job_id, "input 1").position == 1
        with pytest.raises(NotFound, match="no input 'x'"):
            uow[InferenceJobs].input(ORG, job.job_id, "x")
        with pytest.raises(NotFound, match="job"):
            uow[InferenceJobs].input(ORG, "another", "x")


def test_an_open_job_takes_inputs_until_it_is_closed(store):
    """An input that comes again replaces itself; closing names all, and nothing is open then."""
    with store.write() as uow:
        job = add_open(uow)
        jobs = uow[InferenceJobs]
        for new in (an_input("a", 4), an_input("b", 5), an_input("a", 6)):
            jobs.add_input(ORG, job.job_id, new)
        assert (jobs.get(ORG, job.job_id).total, jobs.get(ORG, job.job_id).input_bytes) == (2, 11)
        assert jobs.opened_input(ORG, job.job_id, "a") == an_input("a", 6)
        assert jobs.opened_inputs(ORG, job.job_id) == [an_input("a", 6), an_input("b", 5)]
        queued = uow[Jobs].complete(ORG, job.job_id, spec=b'{"whole":1}', blobs=(SENT,))
        closed = jobs.close(ORG, job.job_id)
        assert (queued.spec, queued.state) == (b'{"whole":1}', JobState.QUEUED)
        assert (closed.names, closed.status) == (("a", "b"), "SUBMITTED")
        assert closed.submitted_at is not None
        with pytest.raises(UploadFinished):
            uow[Jobs].complete(ORG, job.job_id, spec=b"{}")


def test_a_wrong_input_of_an_open_job_is_refused(store):
    """A name that is empty, too long, a folder in paths or with control characters is refused, and too many bytes."""
    with store.write() as uow:
        job = add_open(uow)
        for name in ("", "a\nb", "x" * 256, ".", ".."):
            with pytest.raises(InvalidArgument):
                uow[InferenceJobs].add_input(ORG, job.job_id, an_input(name))
        huge = NewInput(name="a", items=(Item(name="i", form=ItemForm.FILE, size=1 << 40),))
        with pytest.raises(TooLarge):
            uow[InferenceJobs].add_input(ORG, job.job_id, huge)


def test_the_end_of_a_job_fails_what_did_not_finish(store):
    """Inputs of a canceled job fail with its reason; results stay with their blobs, what was sent goes."""
    with store.write() as uow:
        job = add(uow, "a", "b")
        uow[InferenceJobs].finish_inputs(ORG, job.job_id, [finished(0, "a")])
        settle(uow, uow[Jobs].request_cancel(ORG, job.job_id))
        known = uow[InferenceJobs].get(ORG, job.job_id)
        rows = uow[InferenceJobs].inputs(ORG, job.job_id, limit=9)
        kept = uow[BlobReferences].every()
        uow[BlobReferences].remove(ORG, outputs_owner(job.job_id))
        uow[BlobReferences].remove(ORG, job_owner(job.job_id))
        assert uow[BlobReferences].every() == set()
    assert (known.status, known.completed, known.failed, known.pending) == ("CANCELED", 1, 1, 0)
    assert rows[1].error == "The job was canceled before it ended."
    assert rows[1].ended_at is not None
    assert kept == {(ORG, MADE)}


def test_the_specification_of_an_ended_job_holds_nothing_that_was_sent(store):
    """Inputs and sealed keys leave it with the job's end; one that cannot be read is emptied."""
    sealed = replace(EXAMPLE, artifact=replace(EXAMPLE.artifact, credentials="s1.x"))
    assert sealed.storage is not None and sealed.manifest is not None
    left = replace(EXAMPLE, storage=None, manifest=None, manifest_blob=None)
    with store.write() as uow:
        for before, after in (
            (encode(sealed), encode(left)),
            (b'{"keys": "s1.sealed"}', b"{}"),
        ):
            job = uow[Jobs].submit(ORG, NewJob(kind=STORAGE_KIND, spec=before))
            uow[InferenceJobs].create(ORG, job.job_id, new_job(), [an_input("a")])
            with pytest.raises(Internal, match="still needs"):
                uow[Jobs].set_spec(job, b"{}")
            uow[Jobs].request_cancel(ORG, job.job_id)
            ended = uow[Jobs].get(ORG, job.job_id)
            assert (ended.spec, ended.spec_hash) == (after, job.spec_hash)


def test_an_input_that_its_job_ended_tells_how_long_it_ran(store):
    """The elapsed time lies between start and end; an input that never began has neither start nor time."""
    with store.write() as uow:
        job = add(uow, "a", "b")
        uow[InferenceJobs].start_inputs(ORG, job.job_id, [(0, 0)])
    with store.write() as uow:
        uow[InferenceJobs].fail_unfinished(ORG, job.job_id, "late")
        ran, waited = uow[InferenceJobs].inputs(ORG, job.job_id, limit=9)
    assert ran.elapsed_ms == (ran.ended_at - ran.started_at) // timedelta(milliseconds=1)
    assert (waited.started_at, waited.elapsed_ms) == (None, None)


def test_a_model_stays_while_an_inference_job_runs(store):
    """Neither the model nor the version of a job that has not ended is deleted; then both may go."""
    with store.write() as uow:
        model_id = add_model(uow).model_id
        version_id = add_version(uow, model_id).version_id
        job = add(uow, "a", new=new_job(model_id, version_id))
        with pytest.raises(ResourceInUse, match=job.job_id):
            uow[Models].delete(ORG, model_id)
        with pytest.raises(ResourceInUse, match=job.job_id):
            uow[Versions].delete(ORG, model_id, version_id)
        uow[Jobs].request_cancel(ORG, job.job_id)
        uow[Versions].delete(ORG, model_id, version_id)
        uow[Models].delete(ORG, model_id)
        assert uow[InferenceJobs].get(ORG, job.job_id).model_name == "texts"


def test_an_open_job_that_is_never_closed_ends_and_keeps_nothing(store):
    """Past its deadline an open job is TIMEDOUT, its inputs FAILED, and what was sent is let go."""
    jobs = []
    with store.write() as uow:
        for blob, year in ((SENT, 2026), (MADE, 2099)):
            deadline = datetime(year, 1, 1, tzinfo=UTC)
            opened = NewJob(kind=KIND, spec=b"{}", state=JobState.OPEN, deadline=deadline)
            jobs.append(uow[Jobs].submit(ORG, opened).job_id)
            uow[InferenceJobs].open(ORG, jobs[-1], new_job())
            uow[BlobReferences].add(ORG, job_owner(jobs[-1]), (blob,))
            uow[InferenceJobs].add_inputs(ORG, jobs[-1], [an_input("a"), an_input("b")])
    with store.write() as uow:
        assert uow[Jobs].expire(ended=partial(InferenceKind().on_finished, uow)) == 1
        ended, other = (uow[InferenceJobs].get(ORG, job_id) for job_id in jobs)
        assert (ended.status, ended.failed, ended.pending) == ("TIMEDOUT", 2, 0)
        assert (other.status, other.pending) == ("OPEN", 2)
        assert uow[BlobReferences].every() == {(ORG, MADE)}


def test_inputs_that_come_together_have_names_of_their_own(store):
    """Many inputs are added at once, in order; a name that is taken, or twice among them, adds none."""
    with store.write() as uow:
        job = add_open(uow)
        jobs = uow[InferenceJobs]
        found = jobs.add_inputs(ORG, job.job_id, [an_input("a"), an_input("b", 5)])
        assert (found.total, found.input_bytes) == (2, 8)
        for names in (["c", "a"], ["d", "d"]):
            with pytest.raises(InvalidArgument, match="two inputs"):
                jobs.add_inputs(ORG, job.job_id, [an_input(name) for name in names])
        assert [one.name for one in jobs.opened_inputs(ORG, job.job_id)] == ["a", "b"]
        assert jobs.get(ORG, job.job_id).total == 2
