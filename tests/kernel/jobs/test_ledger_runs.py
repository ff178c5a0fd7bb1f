"""Claims, leases, fencing and checkpoints: what ports_jobs.Jobs promises to runners."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from assay.kernel.errors import Internal, StaleLease
from assay.kernel.jobs.events import Events, StatusUpdates
from assay.kernel.jobs.job import Lease, NewEvent, NewJob, TaskRecord
from assay.kernel.jobs.leases import this_process
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blob_references import BlobReferences
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
    with store.write() as uow:
        first = add_job(uow)
        clock.advance(1)
        second = uow[Jobs].submit(OTHER, NewJob(kind="k", spec=b"{}"))
        add_job(uow, kind="unknown")
        add_upload(uow, kind="k")
        assert [claimed(uow, runner).job_id for _ in range(2)] == [first.job_id, second.job_id]
        assert uow[Jobs].claim(runner, LEASE, ["k"]) is None
        assert uow[Jobs].claim(runner, LEASE, []) is None


def test_a_job_waits_for_its_not_before(store, runner, clock):
    """A job is not claimed before its time, and is afterwards."""
    with store.write() as uow:
        job = add_job(uow, not_before=clock.now() + timedelta(days=4000))
        assert not uow[Jobs].claimable(["k"])
        assert uow[Jobs].claim(runner, LEASE, ["k"]) is None
        early = add_job(uow, not_before=clock.now() - timedelta(days=400))
        held = claimed(uow, runner)
        assert held.job_id == early.job_id
        later = clock.now() + timedelta(days=4000)
        back = uow[Jobs].release(ORG, held.job_id, held.epoch, not_before=later)
        assert back.not_before == later
        assert uow[Jobs].claim(runner, LEASE, ["k"]) is None
        assert job.state is JobState.QUEUED


def test_claimable_says_whether_a_claim_may_find_something(store, runner):
    """A read tells whether there is a queued job of the kinds, or one whose lease is lost."""
    with store.write() as uow:
        assert not uow[Jobs].claimable(["k"])
        add_job(uow)
    with store.read() as uow:
        assert uow[Jobs].claimable(["k"])
        assert not uow[Jobs].claimable(["other"])
    with store.write() as uow:
        claimed(uow, runner)
        assert not uow[Jobs].claimable(["k"])
        add_job(uow)
        claimed(uow, runner, EXPIRED)
        assert uow[Jobs].claimable(["k"])


def test_two_claims_never_get_one_job(store, open_another, runner):
    """Runners that claim at the same time get different jobs, and all of them."""
    stores = [store, open_another()]
    with store.write() as uow:
        wanted = {add_job(uow).job_id for _ in range(8)}

    def claim(index: int) -> str | None:
        with stores[index % 2].write() as uow:
            job = uow[Jobs].claim(runner, LEASE, ["k"])
            return job and job.job_id

    got = [job_id for job_id in together(claim, 10) if job_id]
    assert len(got) == len(set(got))
    with store.write() as uow:
        while (job := uow[Jobs].claim(runner, LEASE, ["k"])) is not None:
            got.append(job.job_id)
    assert sorted(got) == sorted(wanted)


def test_a_stale_runner_writes_nothing(store, runner, rival):
    """A runner whose lease moved on is refused every write, and leaves no trace."""
    with store.write() as uow:
        add_job(uow)
        old = claimed(uow, runner, EXPIRED)
        claimed(uow, rival)
    writes = (
        lambda uow: uow[Jobs].checkpoint(
            ORG,
            old.job_id,
            old.epoch,
            [TaskRecord(key="s")],
            events=[NewEvent(kind="verdict", data={})],
            status={"progress": {}},
        ),
        lambda uow: uow[Jobs].end(ORG, old.job_id, old.epoch, JobState.SUCCEEDED, result=b"{}"),
        lambda uow: uow[Jobs].release(ORG, old.job_id, old.epoch),
    )
    with store.read() as uow:
        before = (uow[Jobs].get(ORG, old.job_id), uow[Events].after(ORG, old.job_id, 0))
    for write in writes:
        with pytest.raises(StaleLease), store.write() as uow:
            write(uow)
    with store.read() as uow:
        assert before == (uow[Jobs].get(ORG, old.job_id), uow[Events].after(ORG, old.job_id, 0))
        assert uow[Jobs].tasks(ORG, old.job_id) == []
        assert uow[StatusUpdates].after(ORG, old.job_id) == []


def test_renew_tells_what_is_still_held(store, runner, rival):
    """A renewed lease lasts on with its cancel flag; a lost one is not in the answer."""
    with store.write() as uow:
        for _ in range(2):
            add_job(uow)
        kept = claimed(uow, runner, LEASE)
        lost = claimed(uow, runner, EXPIRED)
        stolen = claimed(uow, rival)
        assert stolen.job_id == lost.job_id
        uow[Jobs].request_cancel(ORG, kept.job_id)
        held = uow[Jobs].renew(runner, [lease_of(kept), lease_of(lost)], LEASE)
        assert held == [replace(lease_of(kept), cancel_requested=True)]
        assert uow[Jobs].renew(rival, [lease_of(kept)], LEASE) == []
        uow[Jobs].renew(rival, [lease_of(stolen)], EXPIRED)
        assert claimed(uow, runner).job_id == stolen.job_id


def test_a_checkpoint_is_one_commit_of_shards_events_and_levels(store, runner):
    """A checkpoint stores its tasks, events and status together, and they read back."""
    records = [
        TaskRecord(key="b", partial=b"\x00\xff"),
        TaskRecord(key="B", partial_blob="sha256:" + "0" * 64),
        TaskRecord(key="a", blob="sha256:" + "1" * 64),
    ]
    with store.write() as uow:
        add_job(uow)
        job = claimed(uow, runner)
        drafts = [NewEvent(kind="verdict", data={"n": n}) for n in range(2)]
        assert uow[Jobs].checkpoint(
            ORG, job.job_id, 1, records, events=drafts, status={"progress": {"done": 3}}
        )
    with store.read() as uow:
        assert uow[Jobs].tasks(ORG, job.job_id) == [records[1], records[2], records[0]]
        told = uow[Events].after(ORG, job.job_id, job.last_sequence)
        assert [event.data for event in told] == [{"n": 0}, {"n": 1}]
        (level,) = uow[StatusUpdates].after(ORG, job.job_id)
        assert (level.data, level.as_of_sequence) == ({"done": 3}, told[-1].sequence)


def test_a_repeated_checkpoint_writes_nothing(store, runner):
    """A checkpoint whose tasks are all stored already adds no event and no level."""
    with store.write() as uow:
        add_job(uow)
        job = claimed(uow, runner)
        drafts = [NewEvent(kind="verdict", data={})]
        task = TaskRecord(key="a", partial=b"1")
        assert uow[Jobs].checkpoint(ORG, job.job_id, 1, [task], events=drafts)
        again = replace(task, partial=b"2")
        assert not uow[Jobs].checkpoint(
            ORG, job.job_id, 1, [again], events=drafts, status={"l": {}}
        )
        assert uow[Jobs].tasks(ORG, job.job_id) == [task]
        assert len(uow[Events].after(ORG, job.job_id, job.last_sequence)) == 1
        assert uow[StatusUpdates].after(ORG, job.job_id) == []


def test_the_last_events_of_a_job_precede_its_end(store, runner):
    """Events given with the end come before the state event, in one commit."""
    with store.write() as uow:
        add_job(uow)
        job = claimed(uow, runner)
    with store.write() as uow:
        drafts = [NewEvent(kind="finished", data={})]
        uow[Jobs].end(ORG, job.job_id, 1, JobState.SUCCEEDED, result=b"{}", events=drafts)
        told = uow[Events].after(ORG, job.job_id, job.last_sequence)
    assert [event.kind for event in told] == ["finished", "state"]
    assert {event.commit for event in told} == {told[0].sequence}


def test_an_end_has_a_result_or_an_error(store, runner):
    """Success without a result, failure without an error and an end in no end are refused."""
    with store.write() as uow:
        add_job(uow)
        job = claimed(uow, runner)
        for state, result in (("SUCCEEDED", None), ("FAILED", None), ("QUEUED", b"{}")):
            with pytest.raises(Internal):
                uow[Jobs].end(ORG, job.job_id, 1, JobState(state), result=result)


def test_dead_owners_leases_are_freed_at_once(store, runner, rival):
    """Jobs of an owner that is dead are queued again before their lease ends, others not."""
    with store.write() as uow:
        for _ in range(2):
            add_job(uow)
        mine, other = claimed(uow, runner), claimed(uow, rival)
        assert uow[Jobs].free_dead_leases(lambda owner: owner == runner) == 1
        assert uow[Jobs].get(ORG, mine.job_id).state is JobState.QUEUED
        assert uow[Jobs].get(ORG, mine.job_id).attempts == 1
        assert uow[Jobs].get(ORG, other.job_id).state is JobState.RUNNING


def test_a_living_process_keeps_its_leases(store):
    """By default the leases of this very process are kept, and those of an ended one freed."""
    me = this_process()
    with store.write() as uow:
        for _ in range(2):
            add_job(uow)
        claimed(uow, me)
        gone = claimed(uow, replace(me, started="0"))
        assert uow[Jobs].free_dead_leases() == 1
        assert uow[Jobs].get(ORG, gone.job_id).state is JobState.QUEUED


def test_a_spent_job_of_a_dead_owner_fails(store, runner):
    """A dead owner's job without attempts left fails, and the sweep tells of it."""
    ended = []
    with store.write() as uow:
        job = add_job(uow, max_attempts=1)
        claimed(uow, runner)
        uow[Jobs].free_dead_leases(lambda _: True, ended=ended.append)
        assert ended == [uow[Jobs].get(ORG, job.job_id)]
        assert ended[0].error.reason == "ATTEMPTS_SPENT"


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_wall_clock_jump_frees_nothing(store, runner, clock):
    """On SQLite a lease lasts by the boot clock, whatever the wall clock does."""
    with store.write() as uow:
        add_job(uow)
        claimed(uow, runner)
        clock.advance(10 * LEASE)
        assert uow[Jobs].claim(runner, LEASE, ["k"]) is None


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_lease_ends_by_the_boot_clock_or_with_the_boot(store, runner, rival, lease_clock):
    """On SQLite a lease ends when its seconds have passed, and when the machine starts anew."""
    with store.write() as uow:
        add_job(uow)
        claimed(uow, runner)
        lease_clock.time += LEASE - 1
        assert uow[Jobs].claim(rival, LEASE, ["k"]) is None
        lease_clock.time += 1
        assert claimed(uow, rival).epoch == 2
        lease_clock.time = 1.0
        assert uow[Jobs].claim(runner, LEASE, ["k"]) is None
        lease_clock.boot = "boot-2"
        assert claimed(uow, runner).epoch == 3


def test_blobs_that_rows_name_are_found(store, runner):
    """Every blob that a batch, a task, a spec or a result names is kept for its organization."""
    addresses = [f"sha256:{digit * 64}" for digit in "abcde"]
    with store.write() as uow:
        add_job(uow, blobs=(addresses[0],))
        job = claimed(uow, runner)
        task = TaskRecord(key="s", blob=addresses[1], partial_blob=addresses[2])
        uow[Jobs].checkpoint(ORG, job.job_id, 1, [task, TaskRecord(key="t")])
        blobs = [addresses[3]]
        uow[Jobs].end(ORG, job.job_id, 1, JobState.SUCCEEDED, result=b"{}", blobs=blobs)
        uow[Jobs].submit(OTHER, NewJob(kind="k", spec=b"{}", blobs=(addresses[4],)))
    with store.read() as uow:
        named = sorted(uow[BlobReferences].every())
    assert named == [*((ORG, one) for one in addresses[:4]), (OTHER, addresses[4])]
