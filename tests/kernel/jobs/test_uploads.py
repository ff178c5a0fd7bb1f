"""Uploads as open jobs: what ports_jobs.Jobs promises of chunks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from assay.kernel.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OffsetGap,
    RequestIdReused,
    StaleLease,
    UploadFinished,
)
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import TaskRecord, TaskRole
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blob_references import BlobReferences
from tests.support.store_rows import NEW_JOB, ORG, OTHER, add_job, add_upload, claimed
from tests.support.threads import together


@pytest.fixture
def upload(store):
    with store.write() as uow:
        return add_upload(uow).job_id


def send(uow, upload, first_row, rows=10, sha256="a" * 64, *, partial=b"p") -> TaskRecord:
    return uow[Jobs].add_batch(
        ORG,
        upload,
        first_row=first_row,
        rows=rows,
        sha256=sha256,
        blob="sha256:" + sha256,
        partial=partial,
    )


def test_chunks_are_stored_in_the_order_of_their_rows(store, upload):
    """Accepted chunks read back in row order and raise the row that is expected next."""
    with store.write() as uow:
        sent = [send(uow, upload, row) for row in (0, 10, 20)]
    with store.read() as uow:
        assert uow[Jobs].tasks(ORG, upload) == sent
        assert uow[Jobs].get(ORG, upload).next_row == 30
    assert sent[1] == TaskRecord(
        key="000000000000010",
        role=TaskRole.BATCH,
        first_row=10,
        rows=10,
        sha256="a" * 64,
        blob="sha256:" + "a" * 64,
        partial=b"p",
    )


def test_a_repeated_chunk_is_acknowledged_again(store, upload):
    """The very same chunk sent again returns what is stored and changes nothing."""
    with store.write() as uow:
        first = send(uow, upload, 0)
        send(uow, upload, 10)
        assert send(uow, upload, 0, partial=b"computed anew") == first
        assert uow[Jobs].get(ORG, upload).next_row == 20
        assert len(uow[Jobs].tasks(ORG, upload)) == 2


@pytest.mark.parametrize(
    ("first_row", "rows", "sha256"), [(30, 10, "a"), (5, 10, "a"), (0, 9, "a"), (0, 10, "b")]
)
def test_a_gap_is_refused_with_the_expected_row(store, upload, first_row, rows, sha256):
    """A chunk that neither follows nor repeats is refused, and told which row is expected."""
    with store.write() as uow:
        for row in (0, 10):
            send(uow, upload, row)
    with pytest.raises(OffsetGap, match="20") as refusal, store.write() as uow:
        send(uow, upload, first_row, rows, sha256 * 64)
    assert refusal.value.metadata["expected_row"] == "20"
    with store.read() as uow:
        assert uow[Jobs].get(ORG, upload).next_row == 20


def test_a_chunk_of_no_rows_is_refused(store, upload):
    """A chunk holds at least one row, and no more than any chunk can."""
    for rows in (0, -1, 2**64 - 1):
        with pytest.raises(InvalidArgument, match="rows"), store.write() as uow:
            send(uow, upload, 0, rows=rows)
    with pytest.raises(OffsetGap), store.write() as uow:
        send(uow, upload, 2**64 - 1)


def test_of_two_writers_one_gets_the_row(store, upload, open_another):
    """Of writers with different chunks for one row one is accepted, the others see a gap."""
    stores = [store, open_another()]

    def write(index: int) -> bool:
        try:
            with stores[index % 2].write() as uow:
                send(uow, upload, 0, rows=1 + index, sha256=f"{index:064}")
        except OffsetGap:
            return False
        return True

    assert sum(together(write, 6)) == 1
    with store.read() as uow:
        (kept,) = uow[Jobs].tasks(ORG, upload)
        assert uow[Jobs].get(ORG, upload).next_row == kept.rows


def test_finish_needs_the_rows_that_were_accepted(store, upload):
    """An upload is finished with exactly its rows; another number names the expected one."""
    with store.write() as uow:
        send(uow, upload, 0)
        with pytest.raises(OffsetGap) as refusal:
            uow[Jobs].finish_upload(ORG, upload, rows=11)
        assert refusal.value.metadata["expected_row"] == "10"
        assert uow[Jobs].finish_upload(ORG, upload, rows=10).state is JobState.QUEUED


def test_an_empty_upload_is_not_finished(store, upload):
    """An upload of no rows is refused and stays open."""
    with pytest.raises(InvalidArgument, match="no rows"), store.write() as uow:
        uow[Jobs].finish_upload(ORG, upload, rows=0)
    with store.read() as uow:
        assert uow[Jobs].get(ORG, upload).state is JobState.OPEN


def test_a_finished_upload_takes_nothing_more(store, upload, runner):
    """A second finish, or a chunk after the finish, is refused, also while the job runs."""
    with store.write() as uow:
        send(uow, upload, 0)
        uow[Jobs].finish_upload(ORG, upload, rows=10)
        for step in (lambda: None, lambda: claimed(uow, runner)):
            step()
            for refused in (
                lambda: uow[Jobs].finish_upload(ORG, upload, rows=10),
                lambda: send(uow, upload, 0),
                lambda: send(uow, upload, 10),
            ):
                with pytest.raises(UploadFinished):
                    refused()


def test_a_canceled_upload_takes_nothing_more(store, upload):
    """A chunk for an upload that was canceled is refused with its state."""
    with store.write() as uow:
        uow[Jobs].request_cancel(ORG, upload)
        with pytest.raises(FailedPrecondition, match="CANCELED"):
            send(uow, upload, 0)


def test_submit_is_idempotent_by_request_id(store):
    """A request id sent again returns the first job as it stands, and no second one."""
    with store.write() as uow:
        first = add_job(uow, request_id="r", resource="evl-1")
        again = add_job(uow, request_id="r", resource="evl-2")
        assert again == first
        assert len(uow[Jobs].list(ORG, limit=9).items) == 1
        assert [event.data for event in uow[Events].after(ORG, first.job_id, 0)] == [
            {"to": "QUEUED"}
        ]


def test_a_request_id_with_another_spec_is_refused(store):
    """A request id that comes with another kind or spec is refused; elsewhere it is free."""
    with store.write() as uow:
        add_job(uow, request_id="r")
        for changes in ({"spec": b"[]"}, {"kind": "other"}):
            with pytest.raises(RequestIdReused, match="r"):
                add_job(uow, request_id="r", **changes)
        uow[Jobs].submit(OTHER, replace(NEW_JOB, request_id="r"))


def test_repeats_at_the_same_time_make_one_job(store, open_another):
    """Equal submits at the same time return one and the same job."""
    stores = [store, open_another()]

    def submit(index: int) -> str:
        with stores[index % 2].write() as uow:
            return add_job(uow, request_id="r").job_id

    assert len(set(together(submit, 8))) == 1


def test_jobs_are_listed_newest_first(store, clock):
    """Jobs are listed newest first, page by page."""
    with store.write() as uow:
        made = []
        for kind in ("k", "other", "k"):
            made.append(add_job(uow, kind=kind))
            clock.advance(1)
        page = uow[Jobs].list(ORG, limit=2)
        rest = uow[Jobs].list(ORG, limit=2, after=page.next)
        assert [job.job_id for job in page.items + rest.items] == [
            job.job_id for job in reversed(made)
        ]


def test_an_absent_job_is_not_found(store):
    """Every method that takes a job id refuses one that does not exist."""
    with store.write() as uow:
        for refused in (
            lambda: uow[Jobs].get(ORG, "no"),
            lambda: uow[Jobs].tasks(ORG, "no"),
            lambda: uow[Jobs].request_cancel(ORG, "no"),
            lambda: uow[Jobs].finish_upload(ORG, "no", rows=1),
            lambda: send(uow, "no", 0),
        ):
            with pytest.raises(NotFound):
                refused()


def test_an_open_job_is_completed_once_with_its_whole_specification(store, clock):
    """Its specification, hash, blobs and deadline are the new ones; again, or after its end, it is refused."""
    blob = "sha256:" + "3" * 64
    with store.write() as uow:
        job = add_upload(uow, deadline=clock.now() + timedelta(hours=1))
        whole = uow[Jobs].complete(ORG, job.job_id, spec=b'{"whole":1}', blobs=(blob,))
        assert (whole.state, whole.spec, whole.deadline) == (JobState.QUEUED, b'{"whole":1}', None)
        assert whole.spec_hash != job.spec_hash
        assert uow[Jobs].get(ORG, job.job_id).spec == b'{"whole":1}'
        assert (ORG, blob) in uow[BlobReferences].every()
        with pytest.raises(UploadFinished):
            uow[Jobs].complete(ORG, job.job_id, spec=b"{}")
        ended = add_upload(uow)
        uow[Jobs].request_cancel(ORG, ended.job_id)
        with pytest.raises(FailedPrecondition):
            uow[Jobs].complete(ORG, ended.job_id, spec=b"{}")


def test_a_lease_is_checked_by_its_epoch(store, runner):
    """A runner that holds the job passes, one with an older epoch is stale."""
    with store.write() as uow:
        job = uow[Jobs].submit(ORG, NEW_JOB)
        claimed(uow, runner)
        uow[Jobs].check_lease(ORG, job.job_id, 1)
        with pytest.raises(StaleLease):
            uow[Jobs].check_lease(ORG, job.job_id, 0)
