"""Trace contexts: read from a header, passed on with a span of their own, made anew."""

from __future__ import annotations

import contextvars

import pytest

from assay.kernel import trace
from assay.kernel.trace import TraceParent

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_a_traceparent_reads_back() -> None:
    """What was parsed formats to the same header."""
    parsed = TraceParent.parse(SENT)
    assert parsed == TraceParent(trace_id=TRACE_ID, span_id=SPAN_ID, flags="01")
    assert str(parsed) == SENT


def test_a_later_version_is_read_as_the_first() -> None:
    """A header of a later version, with more behind it, gives its first four parts."""
    assert str(TraceParent.parse(f"cc{SENT[2:]}-more")) == SENT


def test_a_child_has_a_span_of_its_own() -> None:
    """A child keeps the trace and its flags, and names another span."""
    parsed = TraceParent.parse(SENT)
    assert parsed is not None
    child = parsed.child()
    assert (child.trace_id, child.flags) == (TRACE_ID, "01")
    assert child.span_id != SPAN_ID
    assert TraceParent.parse(str(child)) == child


@pytest.mark.parametrize(
    "sent",
    [
        "",
        SENT.upper(),
        SENT[:-1],
        SENT + "-more",
        SENT + "\n",
        "ff" + SENT[2:],
        SENT.replace(TRACE_ID, "0" * 32),
        SENT.replace(SPAN_ID, "0" * 16),
        '"},"x',
    ],
)
def test_an_invalid_header_begins_a_new_trace(sent: str) -> None:
    """What is no traceparent is ignored, and a new trace begins."""
    assert TraceParent.parse(sent) is None
    context = contextvars.copy_context()
    received = context.run(trace.receive, sent)
    assert context.run(trace.current) == str(received)
    assert TraceParent.parse(str(received)) == received
    assert received.trace_id not in ("0" * 32, TRACE_ID)


def test_a_context_ends_with_its_block() -> None:
    """A traceparent is current inside the block alone."""
    with trace.using(SENT):
        assert trace.current() == SENT
    assert trace.current() is None
