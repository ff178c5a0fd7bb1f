"""Traces of calls, on a running service."""

from __future__ import annotations

from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.trace import TraceParent
from tests.support.rpc_service import Caller, Running, binary

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


def job_trace(rpc: Running, me: Caller) -> TraceParent | None:
    """Return the trace of the newest job."""
    job_id = me("ListJobs").jobs[0].job_id
    with rpc.backend.store.read() as uow:
        stored = uow[Jobs].get(me.organization, job_id).trace
    return None if stored is None else TraceParent.parse(stored)


def test_a_job_belongs_to_the_trace_of_its_call(rpc: Running, me: Caller) -> None:
    """The job of an upload has the trace of the call that sent it, under a span of the call."""
    model_id, version_id = me.pair()
    me.having(traceparent=SENT).measure(model_id, version_id, binary(50).csv)
    found = job_trace(rpc, me)
    assert found is not None
    assert (found.trace_id, found.flags) == (TRACE_ID, "01")
    assert found.span_id != SPAN_ID


def test_a_call_without_a_trace_leaves_none(rpc: Running, me: Caller) -> None:
    """A call that bears no traceparent gets none from the calls before it."""
    model_id, version_id = me.pair()
    me.having(traceparent=SENT).model()
    me.measure(model_id, version_id, binary(50).csv)
    assert job_trace(rpc, me) is None


def test_the_access_log_names_the_trace(rpc: Running, me: Caller) -> None:
    """A line has the trace id of its call; that of an invalid header is a new one."""
    start = len(rpc.lines())
    for request_id, sent in (("trace-1", SENT), ("trace-2", '"x')):
        me.having(x_request_id=request_id, traceparent=sent).model()
    me.having(x_request_id="trace-3").model()
    traces = {
        line["request_id"]: line.get("trace_id")
        for line in rpc.lines()[start:]
        if line["request_id"].startswith("trace-")
    }
    assert traces["trace-1"] == TRACE_ID
    assert len(traces["trace-2"]) == 32
    assert traces["trace-3"] is None
