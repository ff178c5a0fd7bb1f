"""Access log, one JSON line a call: who, what, how long and how it ended; never a secret.

Lines are gathered and written a few times a second, so that a hot path pays no system call.
"""

from __future__ import annotations

import asyncio
import functools
import json
from datetime import datetime, timedelta
from typing import TextIO

from assay.kernel.clock import Clock
from assay.kernel.errors import AssayError
from assay.kernel.identity import Principal
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.interceptors.base import NoopInterceptor

FLUSH_SECONDS = 0.25


_Ended = tuple[Call, AssayError | None, float]  # the last: monotonic seconds


class AccessLog(NoopInterceptor):
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
        self._calls.append((call, error, self._clock.monotonic()))

    async def close(self) -> None:
        """Write what is gathered."""
        self.flush()

    def flush(self) -> None:
        """Write what is gathered. Lines are put together here, many at once, off the hot path."""
        calls, self._calls = self._calls, []
        if calls:
            now, monotonic = self._clock.now(), self._clock.monotonic()
            self._stream.writelines(
                _line(call, error, now - timedelta(seconds=monotonic - ended), ended)
                for call, error, ended in calls
            )
            self._stream.flush()


def _line(call: Call, error: AssayError | None, at: datetime, ended: float) -> str:
    # Put together by hand: json.dumps of a line costs five times as much. What a caller chose is
    # escaped; method, code, reason, request id and trace id are of safe characters.
    path = call.path
    shown = path if path is call.method.path else json.dumps(path)[1:-1]
    code = "OK" if error is None else error.status.grpc_code
    reason = "" if error is None else f',"reason":"{error.reason}"'
    trace = f',"trace_id":"{call.trace_id}"' if call.trace_id else ""
    return (
        f'{{"at":"{at.isoformat(timespec="milliseconds")[:-6]}Z","method":"{call.method.path}",'
        f'"path":"{shown}","code":"{code}","ms":{(ended - call.started) * 1000:.3f},'
        f'"request_id":"{call.request_id}"{trace},{_who(call.principal)}{reason}}}\n'
    )


@functools.lru_cache(maxsize=4096)
def _who(principal: Principal | None) -> str:
    who = {
        "organization": principal.organization_id if principal else None,
        "subject": principal.subject if principal else None,
    }
    return json.dumps(who, separators=(",", ":"))[1:-1]
