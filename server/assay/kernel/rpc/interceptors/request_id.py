"""Request ids: every call has one that logs, errors and callers share."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from assay.kernel.ids import Ids
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.interceptors.base import Interceptor

_ALLOWED = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestId(Interceptor):
    """Keeps the caller's `x-request-id` where it is harmless, else makes one."""

    name = "request_id"

    def __init__(self, ids: Ids) -> None:
        # One random prefix a process and a count: as unique, and no system call for each call.
        self._prefix = ids.new_request_id()[:-8]
        self._count = itertools.count(1)

    def before(self, call: Call) -> None:
        """Set `call.request_id`."""
        call.request_id = self.of(call.metadata)

    def of(self, metadata: Mapping[str, str]) -> str:
        """Return the id of a call with this metadata."""
        sent = metadata.get("x-request-id")
        if sent is not None and _ALLOWED.fullmatch(sent):
            return sent
        return f"{self._prefix}{next(self._count):08x}"
