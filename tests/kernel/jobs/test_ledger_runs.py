"""Claims, leases, fencing and checkpoints: what ports_jobs.Jobs promises to runners."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from assay.kernel.errors import Internal, StaleLease
from assay.kernel.jobs.job import Lease, NewEvent, NewJob, TaskRecord
from assay.kernel.jobs.leases import this_process
from assay.kernel.jobs.states import JobState
from tests.support.store_rows import (
    EXPIRED,
    LEASE,
    ORG,
    OTHER,
    add_job,
    add_upload,
    claimed,
)
from tests.support.threads import together


def lease_of(job) -> Lease:
    return Lease(organization_id=job.organization_id, job_id=job.job_id, epoch=job.epoch)


def test_the_oldest_job_of_the_kinds_is_claimed(store, runner, clock):
    """Claims take the oldest queued job of the kinds asked for, of whatever organization."""
    with store.write() as tx:
        first = add_job(tx)
        clock.advance(1)
        second = tx.jobs.submit(OTHER, NewJob(kind="k", spec=b"{}"))
        add_job(tx, kind="unknown")
        add_upload(tx, kind="k")
        assert [claimed(tx, runner).job_id for _ in range(2)] == [first.job_id, second.job_id]
        assert tx.jobs.claim(runner, LEASE, ["k"]) is None
        assert tx.jobs.claim(runner, LEASE, []) is None


def test_a_job_waits_for_its_not_before(store, runner, clock):
    """A job is not claimed before its time, and is afterwards."""
    with store.write() as tx:
        job = add_job(tx, not_before=clock.now() + timedelta(days=4000))
        assert not tx.jobs.claimable(["k"])
        assert tx.jobs.claim(runner, LEASE, ["k"]) is None
        early = add_job(tx, not_before=clock.now() - timedelta(days=400))
        held = claimed(tx, runner)
        assert held.job_id == early.job_id
        later = clock.now() + timedelta(days=4000)
        back = tx.jobs.release(ORG, held.job_id, held.epoch, not_before=later)
        assert back.not_before == later
        assert tx.jobs.claim(runner, LEASE, ["k"]) is None
        assert job.state is JobState.QUEUED


def test_claimable_says_whether_a_claim_may_find_something(store, runner):
    """A read tells whether there is a queued job of the kinds, or one whose lease is lost."""
    with store.write() as tx:
        assert not tx.jobs.claimable(["k"])
        add_job(tx)
    with store.read() as tx:
        assert tx.jobs.claimable(["k"])
        assert not tx.jobs.claimable(["other"])
    with store.write() as tx:
        claimed(tx, runner)
        assert not tx.jobs.claimable(["k"])
        add_job(tx)
        claimed(tx, runner, EXPIRED)
        assert tx.jobs.claimable(["k"])


def test_two_claims_never_get_one_job(store, open_another, runner):
    """Runners that claim at the same time get different jobs, and all of them."""
    stores = [store, open_another()]
    with store.write() as tx:
        wanted = {add_job(tx).job_id for _ in range(8)}

    def claim(index: int) -> str | None:
        with stores[index % 2].write() as tx:
            job = tx.jobs.claim(runner, LEASE, ["k"])
            return job and job.job_id

    got = [job_id for job_id in together(claim, 10) if job_id]
    assert len(got) == len(set(got))
    with store.write() as tx:
        while (job := tx.jobs.claim(runner, LEASE, ["k"])) is not None:
            got.append(job.job_id)
    assert sorted(got) == sorted(wanted)


def test_a_stale_runner_writes_nothing(store, runner, rival):
    """A runner whose lease moved on is refused every write, and leaves no trace."""
    with store.write() as tx:
        add_job(tx)
        old = claimed(tx, runner, EXPIRED)
        claimed(tx, rival)
    writes = (
        lambda tx: tx.jobs.checkpoint(
            ORG,
            old.job_id,
            old.epoch,
            [TaskRecord(key="s")],
            events=[NewEvent(kind="verdict", data={})],
            status={"progress": {}},
        ),
        lambda tx: tx.jobs.end(ORG, old.job_id, old.epoch, JobState.SUCCEEDED, result=b"{}"),
        lambda tx: tx.jobs.release(ORG, old.job_id, old.epoch),
    )
    with store.read() as tx:
        before = (tx.jobs.get(ORG, old.job_id), tx.events.after(ORG, old.job_id, 0))
    for write in writes:
        with pytest.raises(StaleLease), store.write() as tx:
            write(tx)
    with store.read() as tx:
        assert before == (tx.jobs.get(ORG, old.job_id), tx.events.after(ORG, old.job_id, 0))
        assert tx.jobs.tasks(ORG, old.job_id) == []
        assert tx.status_updates.after(ORG, old.job_id) == []


def test_renew_tells_what_is_still_held(store, runner, rival):
    """A renewed lease lasts on with its cancel flag; a lost one is not in the answer."""
    with store.write() as tx:
        for _ in range(2):
            add_job(tx)
        kept = claimed(tx, runner, LEASE)
        lost = claimed(tx, runner, EXPIRED)
        stolen = claimed(tx, rival)
        assert stolen.job_id == lost.job_id
        tx.jobs.request_cancel(ORG, kept.job_id)
        held = tx.jobs.renew(runner, [lease_of(kept), lease_of(lost)], LEASE)
        assert held == [replace(lease_of(kept), cancel_requested=True)]
        assert tx.jobs.renew(rival, [lease_of(kept)], LEASE) == []
        tx.jobs.renew(rival, [lease_of(stolen)], EXPIRED)
        assert claimed(tx, runner).job_id == stolen.job_id


def test_a_checkpoint_is_one_commit_of_shards_events_and_levels(store, runner):
    """A checkpoint stores its tasks, events and status together, and they read back."""
    records = [
        TaskRecord(key="b", partial=b"\x00\xff"),
        TaskRecord(key="B", partial_blob="sha256:" + "0" * 64),
        TaskRecord(key="a", blob="sha256:" + "1" * 64),
    ]
    with store.write() as tx:
        add_job(tx)
        job = claimed(tx, runner)
        drafts = [NewEvent(kind="verdict", data={"n": n}) for n in range(2)]
        assert tx.jobs.checkpoint(
            ORG, job.job_id, 1, records, events=drafts, status={"progress": {"done": 3}}
        )
    with store.read() as tx:
        assert tx.jobs.tasks(ORG, job.job_id) == [records[1], records[2], records[0]]
        told = tx.events.after(ORG, job.job_id, job.last_sequence)
        assert [event.data for event in told] == [{"n": 0}, {"n": 1}]
        (level,) = tx.status_updates.after(ORG, job.job_id)
        assert (level.data, level.as_of_sequence) == ({"done": 3}, told[-1].sequence)


def test_a_repeated_checkpoint_writes_nothing(store, runner):
    """A checkpoint whose tasks are all stored already adds no event and no level."""
    with store.write() as tx:
        add_job(tx)
        job = claimed(tx, runner)
        drafts = [NewEvent(kind="verdict", data={})]
        task = TaskRecord(key="a", partial=b"1")
        assert tx.jobs.checkpoint(ORG, job.job_id, 1, [task], events=drafts)
        again = replace(task, partial=b"2")
        assert not tx.jobs.checkpoint(ORG, job.job_id, 1, [again], events=drafts, status={"l": {}})
        assert tx.jobs.tasks(ORG, job.job_id) == [task]
        assert len(tx.events.after(ORG, job.job_id, job.last_sequence)) == 1
        assert tx.status_updates.after(ORG, job.job_id) == []


def test_the_last_events_of_a_job_precede_its_end(store, runner):
    """Events given with the end come before the state event, in one commit."""
    with store.write() as tx:
        add_job(tx)
        job = claimed(tx, runner)
    with store.write() as tx:
        drafts = [NewEvent(kind="finished", data={})]
        tx.jobs.end(ORG, job.job_id, 1, JobState.SUCCEEDED, result=b"{}", events=drafts)
        told = tx.events.after(ORG, job.job_id, job.last_sequence)
    assert [event.kind for event in told] == ["finished", "state"]
    assert {event.commit for event in told} == {told[0].sequence}


def test_an_end_has_a_result_or_an_error(store, runner):
    """Success without a result, failure without an error and an end in no end are refused."""
    with store.write() as tx:
        add_job(tx)
        job = claimed(tx, runner)
        for state, result in (("SUCCEEDED", None), ("FAILED", None), ("QUEUED", b"{}")):
            with pytest.raises(Internal):
                tx.jobs.end(ORG, job.job_id, 1, JobState(state), result=result)


def test_dead_owners_leases_are_freed_at_once(store, runner, rival):
    """Jobs of an owner that is dead are queued again before their lease ends, others not."""
    with store.write() as tx:
        for _ in range(2):
            add_job(tx)
        mine, other = claimed(tx, runner), claimed(tx, rival)
        assert tx.jobs.free_dead_leases(lambda owner: owner == runner) == 1
        assert tx.jobs.get(ORG, mine.job_id).state is JobState.QUEUED
        assert tx.jobs.get(ORG, mine.job_id).attempts == 1
        assert tx.jobs.get(ORG, other.job_id).state is JobState.RUNNING


def test_a_living_process_keeps_its_leases(store):
    """By default the leases of this very process are kept, and those of an ended one freed."""
    me = this_process()
    with store.write() as tx:
        for _ in range(2):
            add_job(tx)
        claimed(tx, me)
        gone = claimed(tx, replace(me, started="0"))
        assert tx.jobs.free_dead_leases() == 1
        assert tx.jobs.get(ORG, gone.job_id).state is JobState.QUEUED


def test_a_spent_job_of_a_dead_owner_fails(store, runner):
    """A dead owner's job without attempts left fails, and the sweep tells of it."""
    ended = []
    with store.write() as tx:
        job = add_job(tx, max_attempts=1)
        claimed(tx, runner)
        tx.jobs.free_dead_leases(lambda _: True, ended=ended.append)
        assert ended == [tx.jobs.get(ORG, job.job_id)]
        assert ended[0].error.reason == "ATTEMPTS_SPENT"


def test_backlog_counts_what_has_not_ended(store, runner):
    """The backlog counts open, queued and running jobs of all organizations."""
    with store.write() as tx:
        for _ in range(3):
            add_job(tx)
        add_upload(tx)
        claimed(tx, runner)
        tx.jobs.request_cancel(ORG, add_job(tx).job_id)
        assert tx.jobs.backlog() == {
            JobState.OPEN: 1,
            JobState.QUEUED: 2,
            JobState.RUNNING: 1,
        }


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_wall_clock_jump_frees_nothing(store, runner, clock):
    """On SQLite a lease lasts by the boot clock, whatever the wall clock does."""
    with store.write() as tx:
        add_job(tx)
        claimed(tx, runner)
        clock.advance(10 * LEASE)
        assert tx.jobs.claim(runner, LEASE, ["k"]) is None


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_lease_ends_by_the_boot_clock_or_with_the_boot(store, runner, rival, lease_clock):
    """On SQLite a lease ends when its seconds have passed, and when the machine starts anew."""
    with store.write() as tx:
        add_job(tx)
        claimed(tx, runner)
        lease_clock.time += LEASE - 1
        assert tx.jobs.claim(rival, LEASE, ["k"]) is None
        lease_clock.time += 1
        assert claimed(tx, rival).epoch == 2
        lease_clock.time = 1.0
        assert tx.jobs.claim(runner, LEASE, ["k"]) is None
        lease_clock.boot = "boot-2"
        assert claimed(tx, runner).epoch == 3


def test_blobs_that_rows_name_are_found(store, runner):
    """Every address in a task, a spec or a result is reported with its organization."""
    addresses = [f"sha256:{digit * 64}" for digit in "abcde"]
    with store.write() as tx:
        add_job(tx, spec=b'{"file":"%s"}' % addresses[0].encode())
        job = claimed(tx, runner)
        task = TaskRecord(key="s", blob=addresses[1], partial_blob=addresses[2])
        tx.jobs.checkpoint(ORG, job.job_id, 1, [task, TaskRecord(key="t")])
        result = b'{"a":["%s"]}' % addresses[3].encode()
        tx.jobs.end(ORG, job.job_id, 1, JobState.SUCCEEDED, result=result)
        tx.jobs.submit(OTHER, NewJob(kind="k", spec=addresses[4].encode()))
    with store.read() as tx:
        named = sorted(tx.jobs.referenced_blobs())
    assert named == [*((ORG, one) for one in addresses[:4]), (OTHER, addresses[4])]
