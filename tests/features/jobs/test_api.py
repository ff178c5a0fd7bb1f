"""Jobs listed, limited in time and canceled over gRPC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from tests.support import rpc_service
from tests.support.rpc_service import Caller, Running, message, payload


def stamp(moment: datetime) -> Timestamp:
    """Return a time as a message."""
    made = Timestamp()
    made.FromDatetime(moment)
    return made


@pytest.fixture
def three(rpc: Running, me: Caller) -> list[str]:
    """The ids of three jobs of no runner: two queued, the newest one canceled."""
    with rpc.backend.store.write() as uow:
        made = [
            uow[Jobs]
            .submit(me.organization, NewJob(kind=kind, spec=b"{}", resource=resource))
            .job_id
            for kind, resource in (("mine", "r1"), ("other", "r2"), ("mine", "r2"))
        ]
        uow[Jobs].request_cancel(me.organization, made[2])
    return made


def ids(reply) -> list[str]:
    return [job.job_id for job in reply.jobs]


def test_jobs_are_listed_newest_first_page_by_page(me: Caller, three: list[str]):
    """A listing goes from the newest job to the oldest, and its token leads to the next page."""
    first = me("ListJobs", page_size=2)
    rest = me("ListJobs", page_size=2, page_token=first.next_page_token)
    assert ids(first) + ids(rest) == three[::-1]
    assert rest.next_page_token == ""


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({"kind": "mine"}, [2, 0]),
        ({"status": ["queued"]}, [1, 0]),
        ({"status": ["queued", "canceled"]}, [2, 1, 0]),
        ({"kind": "mine", "status": ["canceled"]}, [2]),
        ({"resource_id": "r2"}, [2, 1]),
        ({"kind": "none"}, []),
        ({"created_after": stamp(datetime(2020, 1, 1, tzinfo=UTC))}, [2, 1, 0]),
        ({"created_before": stamp(datetime(2020, 1, 1, tzinfo=UTC))}, []),
    ],
    ids=str,
)
def test_each_filter_narrows_the_listing(me: Caller, three: list[str], chosen, wanted):
    """Kind, status, resource and times narrow a listing, alone and together."""
    assert ids(me("ListJobs", **chosen)) == [three[index] for index in wanted]


def test_a_listing_is_refused_what_it_cannot_mean(me: Caller, three: list[str]):
    """An unknown status, a negative size and another listing's token are refused by name."""
    unknown = me.refused("ListJobs", status=["lost"])
    assert unknown.violations[0][0] == "status"
    assert "timed_out" in unknown.message
    assert me.refused("ListJobs", page_size=-1).violations[0][0] == "page_size"
    token = me("ListJobs", page_size=1).next_page_token
    assert me.refused("ListJobs", page_token=token, kind="mine").reason == "BAD_PAGE_TOKEN"
    wrong = me.refused("ListJobs", created_after=Timestamp(seconds=10**15))
    assert wrong.violations[0][0] == "created_after"


def test_jobs_of_others_are_not_listed(other: Caller, three: list[str]):
    """A listing shows the caller's organization alone."""
    assert ids(other("ListJobs")) == []


def test_a_job_tells_its_attempts_and_its_times(rpc: Running, me: Caller):
    """A job shows its deadline, the attempts it has, and when it is tried again."""
    now = datetime.now(UTC).replace(microsecond=0)
    new = NewJob(
        kind="mine", spec=b"{}", max_attempts=7,
        deadline=now + timedelta(hours=2), not_before=now + timedelta(hours=1),
    )  # fmt: skip  # one job
    with rpc.backend.store.write() as uow:
        job_id = uow[Jobs].submit(me.organization, new).job_id
    job = me("GetJob", job_id=job_id)
    assert (job.attempts, job.max_attempts) == (0, 7)
    assert job.deadline.ToDatetime(tzinfo=UTC) == new.deadline
    assert job.next_attempt_at.ToDatetime(tzinfo=UTC) == new.not_before
    assert not me("CancelJob", job_id=job_id).HasField("next_attempt_at")


def test_an_upload_ends_at_the_deadline_that_was_asked_for(rpc: Running, me: Caller):
    """An upload that is open at its deadline ends TIMED_OUT, and so does its evaluation."""
    model_id, version_id = me.pair()
    made = me(
        "CreateEvaluation", model_id=model_id, version_id=version_id, dataset_split="test",
        deadline=stamp(datetime.now(UTC) + timedelta(seconds=1)),
    )  # fmt: skip  # one call
    assert me("GetJob", job_id=made.job_id).HasField("deadline")
    events = [e for reply in me("WatchJob", job_id=made.job_id) for e in reply.events]
    assert payload(events[-1]).cause == "deadline_passed"
    assert me("GetEvaluation", evaluation_id=made.evaluation_id).status == "timed_out"
    refused = me.refused("FinishEvaluation", evaluation_id=made.evaluation_id, rows=1)
    assert refused.code == "FAILED_PRECONDITION"


@pytest.mark.parametrize("ahead", [timedelta(seconds=-1), timedelta(days=31)], ids=str)
def test_a_deadline_that_is_past_or_far_off_is_refused(me: Caller, ahead: timedelta):
    """A deadline in the past, or more than 30 days ahead, is refused by name, and nothing is made."""
    model_id, version_id = me.pair()
    fields = {
        "model_id": model_id, "version_id": version_id, "dataset_split": "test",
        "deadline": stamp(datetime.now(UTC) + ahead),
    }  # fmt: skip  # one request
    assert me.refused("CreateEvaluation", **fields).violations[0][0] == "deadline"
    pieces = list(rpc_service.pieces(model_id, version_id, rpc_service.BINARY_CSV))
    pieces[0].deadline.CopyFrom(fields["deadline"])
    assert me.refused("UploadEvaluationFile", iter(pieces)).violations[0][0] == "deadline"
    assert ids(me("ListJobs")) == []
    absurd = {**fields, "deadline": Timestamp(seconds=10**15)}
    assert me.refused("CreateEvaluation", **absurd).violations[0][0] == "deadline"


def test_a_repeated_create_keeps_the_first_deadline(me: Caller):
    """A repeat with the same deadline is the first upload; with another one it is refused."""
    model_id, version_id = me.pair()
    fields = {
        "model_id": model_id, "version_id": version_id, "dataset_split": "test",
        "deadline": stamp(datetime.now(UTC) + timedelta(hours=1)), "request_id": "once",
    }  # fmt: skip  # one request
    first = me("CreateEvaluation", **fields)
    assert me("CreateEvaluation", **fields).evaluation_id == first.evaluation_id
    fields["deadline"] = stamp(datetime.now(UTC) + timedelta(hours=2))
    assert me.refused("CreateEvaluation", **fields).reason == "REQUEST_ID_REUSED"


def test_every_state_can_be_asked_for(me: Caller):
    """The word of each state is a status that a listing takes."""
    for state in JobState:
        assert ids(me.raw("ListJobs", message("ListJobs", status=[state.value.lower()]))) == []
