"""What goes wrong under a job: retries, what was in flight, and what a give-up names."""

from __future__ import annotations

from datetime import timedelta

import pytest

from assay.kernel.errors import NotFound, StaleLease
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import RetryState, TaskRecord
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from tests.support.store_rows import EXPIRED, LEASE, ORG, add_job, claimed

SOON = timedelta(days=400)  # PostgreSQL compares with its own clock


def put_off(uow, job, clock, *, counts: bool = False, after: timedelta = -SOON):
    return uow[Jobs].retry(
        ORG, job.job_id, job.epoch, not_before=clock.now() + after, counts=counts
    )


def test_a_retry_waits_and_burns_no_attempt(store, runner, clock):
    """A job put off by its runner is queued with its attempt given back, and waits for its time."""
    with store.write() as uow:
        add_job(uow)
        job = put_off(uow, claimed(uow, runner), clock, after=10 * SOON)
        assert (job.state, job.attempts) == (JobState.QUEUED, 0)
        assert job.not_before == clock.now() + 10 * SOON
        assert uow[Events].after(ORG, job.job_id, 0)[-1].data["reason"] == "RETRY_LATER"
        assert uow[Jobs].claim(runner, LEASE, ["k"]) is None


def test_a_retry_may_count_as_an_attempt(store, runner, clock):
    """A retry after a failure that the job may have caused counts as an attempt."""
    with store.write() as uow:
        add_job(uow)
        assert put_off(uow, claimed(uow, runner), clock, counts=True).attempts == 1
        assert claimed(uow, runner).attempts == 2


def test_retries_are_counted_until_a_shard_is_finished(store, runner, clock):
    """Retries in a row add up; a task finished between two of them starts the count anew."""
    with store.write() as uow:
        job_id = add_job(uow).job_id
        for number in (1, 2):
            put_off(uow, claimed(uow, runner), clock)
            assert uow[Jobs].retry_state(ORG, job_id) == RetryState(retries=number)
        job = claimed(uow, runner)
        uow[Jobs].checkpoint(ORG, job_id, job.epoch, [TaskRecord(key="a")])
        assert uow[Jobs].retry_state(ORG, job_id).retries == 0
        put_off(uow, job, clock)
        assert uow[Jobs].retry_state(ORG, job_id).retries == 1


def test_a_canceled_job_is_not_retried(store, runner, clock):
    """A job whose cancel was asked ends when its runner puts it off."""
    with store.write() as uow:
        add_job(uow)
        job = claimed(uow, runner)
        uow[Jobs].request_cancel(ORG, job.job_id)
        assert put_off(uow, job, clock).state is JobState.CANCELED


def test_a_spent_job_names_what_it_ran_last(store, runner):
    """A job whose attempts are spent says what was in flight when its last runner ended."""
    with store.write() as uow:
        add_job(uow, max_attempts=2)
        claimed(uow, runner, EXPIRED)
        job = claimed(uow, runner, EXPIRED)
        uow[Jobs].note_in_flight(ORG, job.job_id, 2, ["task a", "task b"])
        uow[Jobs].note_in_flight(ORG, job.job_id, 2, ["task b"])
        assert uow[Jobs].retry_state(ORG, job.job_id).in_flight == ("task b",)
        assert uow[Jobs].claim(runner, LEASE, ["k"]) is None
        error = uow[Jobs].get(ORG, job.job_id).error
    assert error.reason == "ATTEMPTS_SPENT"
    assert "task b" in error.message
    assert error.metadata == {"attempts": "2", "in_flight": "task b"}


def test_noting_what_runs_keeps_the_count_of_retries(store, runner, clock):
    """What is in flight and how often a job was put off are noted apart."""
    with store.write() as uow:
        add_job(uow)
        put_off(uow, claimed(uow, runner), clock)
        job = claimed(uow, runner)
        uow[Jobs].note_in_flight(ORG, job.job_id, job.epoch, ["task a"])
        assert uow[Jobs].retry_state(ORG, job.job_id) == RetryState(
            retries=1, in_flight=("task a",)
        )


def test_a_stale_runner_puts_nothing_off_and_notes_nothing(store, runner, rival, clock):
    """A runner whose lease moved on can neither put its job off nor note what it runs."""
    with store.write() as uow:
        add_job(uow)
        old = claimed(uow, runner, EXPIRED)
        claimed(uow, rival)
        with pytest.raises(StaleLease):
            put_off(uow, old, clock)
        with pytest.raises(StaleLease):
            uow[Jobs].note_in_flight(ORG, old.job_id, old.epoch, ["task a"])
        assert uow[Jobs].retry_state(ORG, old.job_id) == RetryState()
        with pytest.raises(NotFound):
            uow[Jobs].retry_state(ORG, "absent")


def test_overdue_says_whether_a_deadline_passed(store, runner, clock):
    """A read tells that a waiting job is past its deadline; a running or timely one is not."""
    past, future = clock.now() - SOON, clock.now() + 10 * SOON
    with store.write() as uow:
        add_job(uow, deadline=future)
        add_job(uow)
        assert not uow[Jobs].overdue()
        claimed(uow, runner)
        late = add_job(uow, deadline=past)
        assert uow[Jobs].overdue()
        assert uow[Jobs].expire() == 1
        assert not uow[Jobs].overdue()
        assert uow[Jobs].get(ORG, late.job_id).state is JobState.TIMED_OUT
