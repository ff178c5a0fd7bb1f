"""Access log, one JSON line a call: who, what, how long and how it ended; never a secret.

Lines are gathered and written a few times a second, so that a hot path pays no system call. Until
then a call is held as strings and numbers alone: held objects are walked by the garbage collector,
and their memory is not there for the next calls.
"""

from __future__ import annotations

import asyncio
import functools
import json
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple, TextIO

from assay.kernel.clock import Clock
from assay.kernel.errors import AssayError
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.interceptors.base import Interceptor

FLUSH_SECONDS = 0.25


class _Ended(NamedTuple):
    """What the line of an ended call is made of; a tuple, as one is made for every call."""

    at: float  # monotonic seconds
    seconds: float  # that the call took
    method: str
    path: str
    request_id: str
    trace_id: str
    organization_id: str | None
    subject: str | None
    code: str
    reason: str


class AccessLog(Interceptor):
    """Logs calls to a text stream."""

    name = "access_log"

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._calls: list[_Ended] = []

    def after(self, call: Call, error: AssayError | None) -> None:
        """Remember how one call ended and see that its line is written soon."""
        if not self._calls:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        at, principal = self._clock.monotonic(), call.principal
        self._calls.append(
            _Ended(
                at,
                at - call.started,
                call.method.path,
                call.path,
                call.request_id,
                call.trace_id,
                None if principal is None else principal.organization_id,
                None if principal is None else principal.subject,
                "OK" if error is None else error.status.grpc_code,
                "" if error is None else error.reason,
            )
        )

    async def close(self) -> None:
        """Write what is gathered."""
        self.flush()

    def flush(self) -> None:
        """Write what is gathered. Lines are put together here, many at once, off the hot path."""
        calls, self._calls = self._calls, []
        if calls:
            now, monotonic = self._clock.now(), self._clock.monotonic()
            with suppress(OSError):  # a log on a full disk must not stop what can go on
                self._stream.writelines(
                    _line(call, now - timedelta(seconds=monotonic - call.at)) for call in calls
                )
                self._stream.flush()


def _line(call: _Ended, at: datetime) -> str:
    # Put together by hand: json.dumps of a line costs five times as much. What a caller chose is
    # escaped; method, code, reason, request id and trace id are of safe characters.
    path = call.path
    shown = path if path is call.method else json.dumps(path)[1:-1]
    reason = f',"reason":"{call.reason}"' if call.reason else ""
    trace = f',"trace_id":"{call.trace_id}"' if call.trace_id else ""
    return (
        f'{{"at":"{at.isoformat(timespec="milliseconds")[:-6]}Z","method":"{call.method}",'
        f'"path":"{shown}","code":"{call.code}","ms":{call.seconds * 1000:.3f},'
        f'"request_id":"{call.request_id}"{trace},'
        f"{_who(call.organization_id, call.subject)}{reason}}}\n"
    )


@functools.lru_cache(maxsize=4096)
def _who(organization_id: str | None, subject: str | None) -> str:
    who = {"organization": organization_id, "subject": subject}
    return json.dumps(who, separators=(",", ":"))[1:-1]
