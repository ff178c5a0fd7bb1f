"""Writes one JSON line a call: who, what, how long and how it ended; never a secret.

Lines are gathered and written a few times a second, so that a hot path pays no system call.
"""

from __future__ import annotations

import asyncio
import json
from typing import TextIO

from assay.domain.clock import Clock
from assay.domain.errors import AssayError
from assay.rpc.call import Call
from assay.rpc.links.link import Passive
from assay.rpc.status import row_of

FLUSH_SECONDS = 0.25


class AccessLog(Passive):
    """Logs calls to a text stream."""

    name = "access_log"

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._lines: list[str] = []

    def after(self, call: Call, error: AssayError | None) -> None:
        """Remember the line of one call and see that it is written soon."""
        now = self._clock.now()
        principal = call.principal
        line = {
            "at": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
            "method": call.method.path,
            "path": call.path,
            "code": "OK" if error is None else row_of(error).grpc_code.name,
            "ms": round((self._clock.monotonic() - call.started) * 1000, 3),
            "request_id": call.request_id,
            "organization": principal.organization_id if principal else None,
            "subject": principal.subject if principal else None,
        }
        if error is not None:
            line["reason"] = error.reason
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._lines.append(json.dumps(line, separators=(",", ":")))

    def flush(self) -> None:
        """Write what is gathered."""
        lines, self._lines = self._lines, []
        if lines:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()
