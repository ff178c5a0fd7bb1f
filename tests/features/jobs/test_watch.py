"""The six promises of a watch, kept against writers that commit while it runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from assay.kernel.jobs.events import Events, StatusUpdates
from assay.kernel.jobs.job import Job, NewEvent, NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.records import encode
from tests.support import rpc_service
from tests.support.rpc_service import Caller, Running, message, payload

KIND = "watched"  # of no runner: the tests drive these jobs through the ledger
FEW = examples(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=25)  # events of each commit


class Writer:
    """Writes a job's log through the ledger, as a runner would."""

    def __init__(self, rpc: Running, me: Caller) -> None:
        self.store = rpc.backend.store
        self.organization = me.organization
        with self.store.write() as uow:
            new = NewJob(kind=KIND, spec=encode({}), state=JobState.OPEN)
            self.job: Job = uow[Jobs].submit(self.organization, new)
        self.commits: list[int] = [1]  # first sequence of each commit

    def append(self, count: int) -> None:
        """Append events in one commit."""
        drafts = [NewEvent(kind="finished", data={"n": number}) for number in range(count)]
        with self.store.write() as uow:
            last = uow[Events].append(self.organization, self.job.job_id, drafts)
            uow[StatusUpdates].put(self.organization, self.job.job_id, "progress", {"done": last})
        self.commits.append(last - count + 1)

    def end(self) -> int:
        """Cancel the job; return its last sequence."""
        with self.store.write() as uow:
            return uow[Jobs].request_cancel(self.organization, self.job.job_id).last_sequence

    def run(self, sizes: list[int]) -> int:
        """Append commits of these sizes and end the job."""
        for size in sizes:
            self.append(size)
        return self.end()


def told(call: Any) -> list[list[int]]:
    """Return the sequences of each message of a watch, to its end."""
    return [[event.sequence for event in reply.events] for reply in call]


def flat(batches: list[list[int]]) -> list[int]:
    return [sequence for batch in batches for sequence in batch]


def watched(
    me: Caller, writer: Writer, sizes: list[int], watchers: int = 3
) -> list[list[list[int]]]:
    """Watch by several subscribers while the job is written; return what each was told."""
    calls = [
        me.begin("WatchJob", message("WatchJob", job_id=writer.job.job_id)) for _ in range(watchers)
    ]
    with ThreadPoolExecutor(watchers + 1) as threads:
        ended = threads.submit(writer.run, sizes)
        heard = [threads.submit(told, call) for call in calls]
        ended.result()
        return [one.result() for one in heard]


@FEW
@given(sizes=SIZES)
def test_ordered(rpc: Running, me: Caller, sizes: list[int]):
    """Every subscriber hears events by rising sequence."""
    for batches in watched(me, Writer(rpc, me), sizes):
        assert flat(batches) == sorted(flat(batches))


@FEW
@given(sizes=SIZES)
def test_unique(rpc: Running, me: Caller, sizes: list[int]):
    """No subscriber hears an event twice."""
    for batches in watched(me, Writer(rpc, me), sizes):
        assert len(flat(batches)) == len(set(flat(batches)))


@FEW
@given(sizes=SIZES)
def test_reliable(rpc: Running, me: Caller, sizes: list[int]):
    """Every subscriber hears every event, without a gap, to the terminal one."""
    for batches in watched(me, Writer(rpc, me), sizes):
        assert flat(batches) == list(range(1, sum(sizes) + 3))


@FEW
@given(sizes=SIZES)
def test_atomic(rpc: Running, me: Caller, sizes: list[int]):
    """The events of one commit always come in one message."""
    writer = Writer(rpc, me)
    for batches in watched(me, writer, sizes):
        starts = {batch[0] for batch in batches if batch}
        assert starts <= {*writer.commits, sum(sizes) + 2}


@FEW
@given(sizes=SIZES, data=st.data())
def test_resumable(rpc: Running, me: Caller, sizes: list[int], data: st.DataObject):
    """A watch that goes on after a sequence hears exactly what comes later."""
    writer = Writer(rpc, me)
    last = writer.run(sizes)
    after = data.draw(st.integers(0, last))
    request = message("WatchJob", job_id=writer.job.job_id, after_sequence=after)
    assert flat(told(me.begin("WatchJob", request))) == list(range(after + 1, last + 1))


@FEW
@given(sizes=SIZES)
def test_bookmarkable(rpc: Running, me: Caller, sizes: list[int]):
    """The bookmark of each message is a place at which a watch can go on without loss."""
    writer = Writer(rpc, me)
    with ThreadPoolExecutor(1) as threads:
        call = me.begin("WatchJob", message("WatchJob", job_id=writer.job.job_id))
        ended = threads.submit(writer.run, sizes)
        heard = 0
        for reply in call:
            heard = max([heard, *(event.sequence for event in reply.events)])
            assert reply.bookmark == heard
        assert heard == ended.result()


def test_a_quiet_watch_sends_bookmarks(rpc: Running, me: Caller):
    """With nothing to tell, a bookmark comes at the interval that was asked for."""
    writer = Writer(rpc, me)
    call = quick(me, writer)
    assert [event.sequence for event in next(call).events] == [1]
    quiet = next(call)
    assert (list(quiet.events), list(quiet.status), quiet.bookmark) == ([], [], 1)
    call.cancel()


def quick(me: Caller, writer: Writer, **fields: Any) -> Any:
    """Start a watch with the shortest interval of bookmarks."""
    request = message("WatchJob", job_id=writer.job.job_id, bookmark_seconds=0.1, **fields)
    return me.begin("WatchJob", request)


def test_a_quiet_watch_sends_bookmarks_though_others_are_busy(rpc: Running, me: Caller):
    """Commits that concern other jobs do not keep a quiet stream from its bookmarks."""
    writer, busy = Writer(rpc, me), Writer(rpc, me)
    over = threading.Event()

    def bustle() -> None:
        while not over.is_set():
            busy.append(1)

    thread = threading.Thread(target=bustle)
    thread.start()
    try:
        call = quick(me, writer)
        assert next(call).events
        assert not next(call).events
        call.cancel()
    finally:
        over.set()
        thread.join()


def test_a_watch_of_a_finished_job_ends_with_its_terminal_event(rpc: Running, me: Caller):
    """A finished job's watch tells its whole log and ends with OK."""
    writer = Writer(rpc, me)
    last = writer.run([3])
    call = me.begin("WatchJob", message("WatchJob", job_id=writer.job.job_id))
    replies = list(call)
    final = replies[-1].events[-1]
    assert final.sequence == last
    assert payload(final).to == 6  # CANCELED
    assert call.code() is grpc.StatusCode.OK


def test_a_watch_after_the_last_event_ends_at_once(rpc: Running, me: Caller):
    """A watch that has heard the terminal event already ends with OK and only a bookmark."""
    writer = Writer(rpc, me)
    last = writer.run([1])
    replies = me("WatchJob", job_id=writer.job.job_id, after_sequence=last)
    assert [(list(reply.events), reply.bookmark) for reply in replies] == [([], last)]


def test_a_failure_is_an_event_and_not_a_broken_stream(me: Caller):
    """The watch of a job that fails ends with OK; its last event holds the error."""
    model_id, version_id = me.pair()
    sent = rpc_service.pieces(model_id, version_id, b"y_true,y_pred\n")
    refused = me.refused("UploadEvaluationFile", sent)
    evaluation = me("GetEvaluation", evaluation_id=refused.metadata["evaluation_id"])
    replies = me("WatchJob", job_id=evaluation.job_id)
    changed = payload(replies[-1].events[-1])
    assert changed.to == 5  # FAILED
    assert (changed.error.reason, changed.error.message) == (refused.reason, refused.message)
    told = [payload(event) for reply in replies for event in reply.events]
    assert [(one.to, one.cause) for one in told] == [
        (2, "submitted"),
        (3, "claimed"),
        (5, "failed"),
    ]


def test_status_is_told_with_the_newest_value(rpc: Running, me: Caller):
    """A late subscriber gets each status value once, as it now is."""
    writer = Writer(rpc, me)
    for _ in range(5):
        writer.append(1)
    first = next(quick(me, writer))
    assert [payload(one).done for one in first.status] == [6]
    assert first.status[0].as_of_sequence == 6


def test_a_backlog_is_coalesced(rpc: Running, me: Caller):
    """A long log comes in messages of up to 500 events, not one by one."""
    writer = Writer(rpc, me)
    writer.append(400)
    writer.append(400)
    writer.append(1200)
    writer.end()
    batches = told(me.begin("WatchJob", message("WatchJob", job_id=writer.job.job_id)))
    assert flat(batches) == list(range(1, 2003))
    assert len(batches) <= 4
    assert [batch[0] for batch in batches][:1] == [1]


def test_what_can_be_refused_is_refused_before_the_first_message(
    rpc: Running, me: Caller, other: Caller
):
    """Future sequences, bad intervals and absent jobs are refused, on all three watches."""
    writer = Writer(rpc, me)
    job_id = writer.job.job_id
    for name in ("WatchJob", "WatchJobEvents", "WatchJobLines"):
        future = me.refused(name, job_id=job_id, after_sequence=2)
        assert future.told == ("OUT_OF_RANGE", "OUT_OF_RANGE")
        assert future.metadata["newest_sequence"] == "1"
        assert me.refused(name, job_id=job_id, after_sequence=2**64 - 1).code == "OUT_OF_RANGE"
        assert me.refused(name, job_id="absent").code == "NOT_FOUND"
        assert other.refused(name, job_id=job_id).code == "NOT_FOUND"
    for seconds in (-1, 0.01, 10.5, float("nan"), float("inf")):
        refused = me.refused("WatchJobLines", job_id=job_id, bookmark_seconds=seconds)
        assert refused.code == "INVALID_ARGUMENT"


def test_trimmed_events_are_out_of_range(rpc: Running, me: Caller):
    """A watch from before what is still held names the oldest sequence, and that one works."""
    from datetime import timedelta

    writer = Writer(rpc, me)
    last = writer.run([3])
    with writer.store.write() as uow:
        uow[Events].trim(rpc.backend.clock.now() + timedelta(seconds=1), 10_000)
    refused = me.refused("WatchJob", job_id=writer.job.job_id)
    assert refused.told == ("OUT_OF_RANGE", "EVENTS_TRIMMED")
    oldest = int(refused.metadata["oldest_sequence"])
    assert oldest == last
    replies = me("WatchJob", job_id=writer.job.job_id, after_sequence=oldest - 1)
    assert replies[-1].events[-1].sequence == last


def frames(call: Any) -> list[tuple[int | None, str, dict[str, Any]]]:
    """Return (id, event, data) of each Server-Sent Event after the one that says when to retry."""
    data = b"".join(body.data for body in call)
    found = []
    retry, *rest = data.decode().split("\n\n")
    assert retry == "retry: 3000"
    for frame in rest:
        if frame:
            fields = dict(line.split(": ", 1) for line in frame.split("\n"))
            number = int(fields["id"]) if "id" in fields else None
            found.append((number, fields["event"], json.loads(fields["data"])))
    return found


def test_server_sent_events_carry_their_sequence_as_id(rpc: Running, me: Caller):
    """Over SSE each event is one frame whose id is its sequence; status values have no id."""
    writer = Writer(rpc, me)
    last = writer.run([2, 1])
    call = me.begin("WatchJobEvents", message("WatchJobEvents", job_id=writer.job.job_id))
    bodies = list(call)
    assert {body.content_type for body in bodies} == {"text/event-stream"}
    told = frames(bodies)
    assert [number for number, *_ in told if number is not None] == list(range(1, last + 1))
    assert [data["type"] for _, event, data in told] == [event for _, event, _ in told]
    final = next(data for number, _, data in told if number == last)
    assert final["state_changed"]["to"] == "JOB_STATE_CANCELED"
    assert final["state_changed"]["status"] == "canceled"
    assert final["sequence"] == last
    assert [event for number, event, _ in told if number is None] == ["progress"]


@pytest.mark.parametrize("after", [0, 1, 3])
def test_last_event_id_resumes(rpc: Running, me: Caller, after: int):
    """Last-Event-ID resumes after that event and wins over the query."""
    writer = Writer(rpc, me)
    last = writer.run([2, 1])
    request = message("WatchJobEvents", job_id=writer.job.job_id, after_sequence=2)
    told = frames(me.having(last_event_id=str(after)).begin("WatchJobEvents", request))
    numbers = [number for number, event, _ in told if number is not None and event != "bookmark"]
    assert numbers == list(range(after + 1, last + 1))


def test_events_resumed_after_the_terminal_one_are_204(rpc: Running, me: Caller):
    """Who has the terminal event is told so, by Last-Event-ID or by the sequence; NDJSON just ends."""
    writer = Writer(rpc, me)
    last = writer.run([2, 1])
    known = me.having(last_event_id=str(last))
    by_header = known.begin("WatchJobEvents", message("WatchJobEvents", job_id=writer.job.job_id))
    request = message("WatchJobEvents", job_id=writer.job.job_id, after_sequence=last)
    for call in (by_header, me.begin("WatchJobEvents", request)):
        assert [body.data for body in call] == [b""]
        assert dict(call.initial_metadata())["x-http-status"] == "204"


def test_numbers_of_frames_are_written_as_rest_writes_them(rpc: Running, me: Caller):
    """A whole number has no point, zero is said, and a share has the digits of the REST routes."""
    writer = Writer(rpc, me)
    writer.run([1])
    (body,) = [
        one for one in me("WatchJobLines", job_id=writer.job.job_id) if b"progress" in one.data
    ]
    line = next(one for one in body.data.decode().splitlines() if '"progress"' in one)
    assert line.endswith('"progress":{"done":2,"total":0,"rows":0}}')


@pytest.mark.parametrize("sent", ["x", "-1", "1.5", "9" * 30, ""])
def test_a_bad_last_event_id_is_refused(rpc: Running, me: Caller, sent: str):
    """A Last-Event-ID that is no event's id is refused as 400 and named."""
    writer = Writer(rpc, me)
    refused = me.having(last_event_id=sent).refused("WatchJobEvents", job_id=writer.job.job_id)
    assert refused.code == "INVALID_ARGUMENT"
    assert refused.violations[0][0] == "Last-Event-ID"


def test_ndjson_is_one_object_a_line(rpc: Running, me: Caller):
    """Over NDJSON each event, level or bookmark is one line of JSON that names its type."""
    writer = Writer(rpc, me)
    last = writer.run([2])
    bodies = me("WatchJobLines", job_id=writer.job.job_id)
    assert {body.content_type for body in bodies} == {"application/x-ndjson"}
    text = b"".join(body.data for body in bodies)
    assert text.endswith(b"\n")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["sequence"] for line in lines if "sequence" in line] == list(range(1, last + 1))
    assert lines[0]["type"] == "state"
    assert (
        lines[0]["state_changed"]
        == {"to": "JOB_STATE_OPEN", "cause": ""} | lines[0]["state_changed"]
    )


def test_a_stalled_subscriber_slows_nobody(rpc: Running, me: Caller):
    """A subscriber that never reads keeps neither writers nor other subscribers from the end."""
    writer = Writer(rpc, me)
    stalled = me.begin("WatchJob", message("WatchJob", job_id=writer.job.job_id))
    (batches,) = watched(me, writer, [50] * 100, watchers=1)
    assert flat(batches) == list(range(1, 5003))
    assert flat(told(stalled)) == list(range(1, 5003))


def test_a_gone_subscriber_leaves_no_task_behind(rpc: Running, me: Caller):
    """When a subscriber vanishes its watch ends in the server."""
    writer = Writer(rpc, me)
    calls = [me.begin("WatchJob", message("WatchJob", job_id=writer.job.job_id)) for _ in range(5)]
    for call in calls:
        next(call)
    for call in calls:
        with rpc.log.awaiting("WatchJob", "CANCELLED"):
            call.cancel()
    assert rpc.tasks("WatchJob", "Watches.", "Chain.") == []


def test_every_subscriber_of_many_hears_all(
    rpc: Running, me: Caller, organization: Callable[..., Caller]
):
    """Forty subscribers at once all hear the same log."""
    writer = Writer(rpc, me)
    heard = watched(me, writer, [1, 2, 3] * 10, watchers=40)
    assert {tuple(flat(batches)) for batches in heard} == {tuple(range(1, 63))}
