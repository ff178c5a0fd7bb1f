"""Calls in progress of each organization: bounded, so that none can fill a server by itself."""

from __future__ import annotations

from dataclasses import dataclass

from assay.kernel import owner
from assay.kernel.errors import RateLimited
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.interceptors.base import Interceptor

CALLS_OF_ORGANIZATION = 1_024  # at a server, watches not counted


@dataclass(frozen=True, kw_only=True)
class Places:
    """Calls that an organization may have in progress at a server."""

    watches: int
    calls: int = CALLS_OF_ORGANIZATION


class Concurrency(Interceptor):
    """Refuses with RateLimited what is over the places of the caller's organization."""

    name = "concurrency"

    def __init__(self, places: Places) -> None:
        self._places = places
        self._held: dict[tuple[str, bool], int] = {}  # by organization, and whether a watch

    def before(self, call: Call) -> None:
        """Take a place for the call."""
        if call.principal is None:
            return
        # A read may send its reply in pieces too, and ends when it is sent.
        is_watch = call.method.server_streaming and call.method.rate_class == "stream"
        key = (call.principal.organization_id, is_watch)
        held = self._held.get(key, 0)
        if held >= (self._places.watches if is_watch else self._places.calls):
            raise _too_many(held, "watches" if is_watch else "calls")
        self._held[key] = held + 1
        owner.work_for(key[0])  # so that compute processes are shared too
        call.place = key

    def after(self, call: Call, error: object) -> None:
        """Give the place back."""
        if call.place is not None:
            left = self._held[call.place] - 1
            if left:
                self._held[call.place] = left
            else:
                del self._held[call.place]
            call.place = None


def _too_many(limit: int, what: str) -> RateLimited:
    return RateLimited(
        f"Your organization has {limit} {what} open at this server, which is the limit. End some, "
        "or try again when others have ended.",
        metadata={"rate_class": f"open_{what}", "limit": limit, "remaining": 0},
        retry_after=1.0,
    )
