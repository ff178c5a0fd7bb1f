"""Every edge of the state table of jobs, driven through the ledger. Tests bear the edges' names."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from assay.kernel.errors import FailedPrecondition, JobNotCancelable, StaleLease, UploadFinished
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import Event, JobError, NewJob, TaskRecord
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import CAUSES, JobState
from tests.support.store_rows import EXPIRED, LEASE, ORG, add_job, add_upload, claimed

ERROR = JobError(reason="BAD_PREDICTIONS", message="row 3 is wrong", metadata={"row": "3"})


def last_event(uow, job) -> Event:
    return uow[Events].after(ORG, job.job_id, 0)[-1]


def check(uow, job, start: str, to: str, reason: str | None = None) -> None:
    """The job's row and the last event of its log tell the same."""
    stored = uow[Jobs].get(ORG, job.job_id)
    assert stored == job
    data = {"from": start, "to": to} | ({"reason": reason} if reason else {})
    assert (job.state.value, last_event(uow, job).kind) == (to, "state")
    assert last_event(uow, job).data == data
    assert last_event(uow, job).sequence == job.last_sequence
    assert (job.ended_at is not None) == job.is_terminal
    assert (job.lease_owner is not None) == (job.state is JobState.RUNNING)


def test_OPEN_to_QUEUED(store):
    """An upload whose rows are all there is queued when it is finished."""
    with store.write() as uow:
        job = add_upload(uow)
        uow[Jobs].add_batch(
            ORG, job.job_id, first_row=0, rows=2, sha256="a", blob=None, partial=b""
        )
        check(uow, uow[Jobs].finish_upload(ORG, job.job_id, rows=2), "OPEN", "QUEUED")


def test_OPEN_to_CANCELED(store):
    """An upload that is canceled ends at once and takes nothing more."""
    with store.write() as uow:
        job = uow[Jobs].request_cancel(ORG, add_upload(uow).job_id)
        check(uow, job, "OPEN", "CANCELED", "CANCELED")
        with pytest.raises(FailedPrecondition):
            uow[Jobs].finish_upload(ORG, job.job_id, rows=0)


def test_OPEN_to_TIMED_OUT(store, clock):
    """An upload that is not finished by its deadline times out."""
    with store.write() as uow:
        job = add_upload(uow, deadline=clock.now() - timedelta(days=400))
        late = []
        assert uow[Jobs].expire(ended=late.append) == 1
        check(uow, late[0], "OPEN", "TIMED_OUT", "DEADLINE_PASSED")
        assert late[0].job_id == job.job_id
        assert uow[Jobs].expire() == 0


def test_QUEUED_to_RUNNING(store, runner):
    """A claim makes a queued job run, raises epoch and attempts, and names its owner."""
    with store.write() as uow:
        queued = add_job(uow)
        job = claimed(uow, runner)
        check(uow, job, "QUEUED", "RUNNING")
    assert (queued.epoch, queued.attempts, queued.started_at) == (0, 0, None)
    assert (job.epoch, job.attempts, job.lease_owner) == (1, 1, runner.text())
    assert job.started_at == job.updated_at


def test_QUEUED_to_SUCCEEDED(store):
    """A job whose work another one has done ends as it is submitted, with its rows."""
    done = TaskRecord.batch(first_row=0, rows=2, sha256="a", blob="sha256:a")
    with store.write() as uow:
        job = uow[Jobs].record(
            ORG, NewJob(kind="evaluation", spec=b"{}"), batches=[done], result=b"{}"
        )
        check(uow, job, "QUEUED", "SUCCEEDED")
        assert (job.next_row, job.result, job.started_at) == (2, b"{}", None)
        assert uow[Jobs].tasks(ORG, job.job_id) == [done]
        assert not uow[Jobs].claimable(["evaluation"])


def test_QUEUED_to_FAILED(store, runner):
    """A job that ended its runner as often as it may fails, and says so."""
    ended = []
    with store.write() as uow:
        job = add_job(uow, max_attempts=2)
        for epoch in (1, 2):
            assert claimed(uow, runner, EXPIRED).epoch == epoch
        assert uow[Jobs].claim(runner, LEASE, ["k"], ended=ended.append) is None
        failed = uow[Jobs].get(ORG, job.job_id)
        check(uow, failed, "QUEUED", "FAILED", "ATTEMPTS_SPENT")
    assert ended == [failed]
    assert failed.attempts == 2
    assert "2 times" in failed.error.message


def test_QUEUED_to_CANCELED(store, runner):
    """A queued job that is canceled ends at once and is never claimed."""
    with store.write() as uow:
        job = uow[Jobs].request_cancel(ORG, add_job(uow).job_id)
        check(uow, job, "QUEUED", "CANCELED", "CANCELED")
        assert uow[Jobs].claim(runner, LEASE, ["k"]) is None


def test_QUEUED_to_TIMED_OUT(store, runner, clock):
    """A queued job past its deadline times out instead of being claimed."""
    ended = []
    with store.write() as uow:
        add_job(uow, deadline=clock.now() - timedelta(days=400))
        assert uow[Jobs].claim(runner, LEASE, ["k"], ended=ended.append) is None
        check(uow, ended[0], "QUEUED", "TIMED_OUT", "DEADLINE_PASSED")


def test_RUNNING_to_QUEUED(store, runner):
    """A lease that is given back queues the job again and burns no attempt."""
    with store.write() as uow:
        add_job(uow)
        job = claimed(uow, runner)
        back = uow[Jobs].release(ORG, job.job_id, job.epoch)
        check(uow, back, "RUNNING", "QUEUED", "GIVEN_BACK")
        assert (back.attempts, back.epoch) == (0, 1)
        assert claimed(uow, runner).epoch == 2


def test_RUNNING_to_QUEUED_when_the_lease_expires(store, runner, rival):
    """A job whose lease expired is claimed by another runner in the next epoch."""
    with store.write() as uow:
        add_job(uow)
        old = claimed(uow, runner, EXPIRED)
        new = claimed(uow, rival)
        told = [event.data for event in uow[Events].after(ORG, old.job_id, 0)]
    assert (new.job_id, new.epoch, new.attempts) == (old.job_id, 2, 2)
    assert told[-2:] == [
        {"from": "RUNNING", "to": "QUEUED", "reason": "LEASE_LOST"},
        {"from": "QUEUED", "to": "RUNNING"},
    ]


def test_RUNNING_to_SUCCEEDED(store, runner):
    """A runner's result and the event that tells of it are one commit, which ends the job."""
    with store.write() as uow:
        add_job(uow)
        job = claimed(uow, runner)
        done = uow[Jobs].end(ORG, job.job_id, 1, JobState.SUCCEEDED, result=b'{"a":1}')
        check(uow, done, "RUNNING", "SUCCEEDED")
        assert (done.result, done.error) == (b'{"a":1}', None)


def test_RUNNING_to_FAILED(store, runner):
    """A runner's error ends the job with the error that a caller can read."""
    with store.write() as uow:
        add_job(uow)
        job = claimed(uow, runner)
        failed = uow[Jobs].end(ORG, job.job_id, 1, JobState.FAILED, error=ERROR)
        check(uow, failed, "RUNNING", "FAILED", "BAD_PREDICTIONS")
        assert (failed.result, failed.error) == (None, ERROR)


def test_RUNNING_to_CANCELED(store, runner):
    """A running job that is to be canceled is flagged, and its runner ends it."""
    with store.write() as uow:
        add_job(uow)
        job = claimed(uow, runner)
        asked = uow[Jobs].request_cancel(ORG, job.job_id)
        assert (asked.state, asked.cancel_requested) == (JobState.RUNNING, True)
        check(
            uow,
            uow[Jobs].end(ORG, job.job_id, 1, JobState.CANCELED),
            "RUNNING",
            "CANCELED",
            "CANCELED",
        )


def test_RUNNING_to_TIMED_OUT(store, runner):
    """A runner ends a job that is past its deadline, with the reason."""
    with store.write() as uow:
        add_job(uow)
        job = claimed(uow, runner)
        late = uow[Jobs].end(ORG, job.job_id, 1, JobState.TIMED_OUT)
        check(uow, late, "RUNNING", "TIMED_OUT", "DEADLINE_PASSED")


def test_a_canceled_job_that_is_lost_or_given_back_ends_canceled(store, runner):
    """A job whose cancel was asked is not run again after its runner let go of it."""
    ended = []
    with store.write() as uow:
        for lease in (LEASE, EXPIRED):
            add_job(uow)
            job = claimed(uow, runner, lease)
            uow[Jobs].request_cancel(ORG, job.job_id)
            if lease is LEASE:
                ended.append(uow[Jobs].release(ORG, job.job_id, job.epoch))
        assert uow[Jobs].claim(runner, LEASE, ["k"], ended=ended.append) is None
        for job in ended:
            check(uow, job, "QUEUED", "CANCELED", "CANCELED")
    assert len(ended) == 2


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "CANCELED", "TIMED_OUT"])
def test_nothing_leaves_a_terminal_state(store, runner, state):
    """A job that has ended is not canceled, released, checkpointed, ended or claimed again."""
    to = JobState(state)
    with store.write() as uow:
        add_job(uow)
        job = claimed(uow, runner)
        result = b"{}" if to is JobState.SUCCEEDED else None
        error = ERROR if to is JobState.FAILED else None
        done = uow[Jobs].end(ORG, job.job_id, 1, to, result=result, error=error)
        with pytest.raises(JobNotCancelable, match=state):
            uow[Jobs].request_cancel(ORG, job.job_id)
        for refused in (
            lambda: uow[Jobs].release(ORG, job.job_id, 1),
            lambda: uow[Jobs].checkpoint(ORG, job.job_id, 1, []),
            lambda: uow[Jobs].end(ORG, job.job_id, 1, JobState.CANCELED),
        ):
            with pytest.raises(StaleLease):
                refused()
        with pytest.raises((UploadFinished, FailedPrecondition)):
            uow[Jobs].finish_upload(ORG, job.job_id, rows=0)
        assert uow[Jobs].claim(runner, LEASE, ["k"]) is None
        assert uow[Jobs].get(ORG, job.job_id) == done


def test_every_edge_has_a_test_of_its_name():
    """Each edge of the state table has a test here that bears its name."""
    named = {name for name in globals() if re.fullmatch(r"test_[A-Z_]+_to_[A-Z_]+", name)}
    assert named == {f"test_{start}_to_{to}" for start, to in CAUSES}
