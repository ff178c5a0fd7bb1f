"""Trace context of the work in progress: the `traceparent` of W3C Trace Context, version 00.

It travels in a context variable through threads, with each task into compute processes, and in
the row of a job from the call that submits it to the runner that drives it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Self

_FORMAT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_current: ContextVar[str | None] = ContextVar("assay_traceparent", default=None)


@dataclass(frozen=True, kw_only=True)
class TraceParent:
    """A parsed traceparent."""

    trace_id: str  # 32 hex digits, the same for all that one call causes
    span_id: str  # 16 hex digits, of the caller
    flags: str = "00"  # 2 hex digits

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return what a header says, None when it is invalid."""
        match = _FORMAT.fullmatch(text)
        if match is None:
            return None
        version, trace_id, span_id, flags, rest = match.groups()
        is_zero = not trace_id.strip("0") or not span_id.strip("0")
        if version == "ff" or is_zero or (version == "00" and rest is not None):
            return None
        return cls(trace_id=trace_id, span_id=span_id, flags=flags)

    @classmethod
    def new(cls) -> Self:
        """Return the root of a trace of its own."""
        return cls(trace_id=_hex(128), span_id=_hex(64))

    def child(self) -> Self:
        """Return the same trace with a span of its own."""
        return replace(self, span_id=_hex(64))

    def __str__(self) -> str:
        """Return the header."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def current() -> str | None:
    """Return the traceparent of the work in progress; None where none is known."""
    return _current.get()


def receive(sent: str) -> TraceParent:
    """Make a span of a caller's trace current, or of a new trace when what was sent is invalid.

    For a call, whose task has a context of its own.
    """
    caller = TraceParent.parse(sent)
    trace = TraceParent.new() if caller is None else caller.child()
    _current.set(str(trace))
    return trace


@contextmanager
def using(traceparent: str | None) -> Iterator[None]:
    """Make a traceparent current inside the block."""
    token = _current.set(traceparent)
    try:
        yield
    finally:
        _current.reset(token)


def _hex(bits: int) -> str:
    # Not secret, but never zero: zeros are no id.
    return f"{random.randrange(1, 1 << bits):0{bits // 4}x}"  # noqa: S311  # an id, no secret
