"""The REST view of tallies."""

from __future__ import annotations

import tally_service_pb2 as pb

from assay.kernel.rpc import rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.rest import Body, Count
from assay.records import Record
from tests.probe.tallies.model import Tally
from tests.probe.tallies.service import TallyUseCases


class TallyView(Record):
    """A tally."""

    id: str  # A UUID.
    words: Count | None  # Null until they are counted.
    counts: dict[str, Count] | None  # The most frequent word first; null until they are counted.


class TallyRestService:
    """Tallies of the caller's organization."""

    def __init__(self, tallies: TallyUseCases) -> None:
        self._tallies = tallies

    async def GetTally(self, request: pb.GetTallyRequest, call: Call) -> Body[TallyView]:
        """Return one tally."""
        found = await call.run(self._tallies.get, call.organization_id, request.tally_id)
        return rest.body(view(found))


def view(stored: Tally) -> TallyView:
    """Return the view of a tally."""
    if stored.result is None:
        return TallyView(id=stored.tally_id, words=None, counts=None)
    ranked = sorted(stored.result.counts.items(), key=lambda one: (-one[1], one[0]))
    return TallyView(id=stored.tally_id, words=stored.result.total, counts=dict(ranked))
