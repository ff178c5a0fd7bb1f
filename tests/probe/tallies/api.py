"""TallyService."""

from __future__ import annotations

import tally_service_pb2 as pb

from assay.kernel.rpc.call import Call
from tests.probe.tallies.model import Tally
from tests.probe.tallies.service import TallyUseCases


class TallyService:
    """Tallies of the caller's organization."""

    def __init__(self, tallies: TallyUseCases) -> None:
        self._tallies = tallies

    async def CreateTally(self, request: pb.CreateTallyRequest, call: Call) -> pb.Tally:
        """Have the words of a text counted."""
        made = await call.run_in_thread(
            lambda: self._tallies.create(
                call.organization_id,
                request.text,
                created_by=call.caller.subject,
                request_id=call.idempotency_key(request.request_id),
            )
        )
        return tally(made)

    async def GetTally(self, request: pb.GetTallyRequest, call: Call) -> pb.Tally:
        """Return one tally."""
        return tally(await call.run(self._tallies.get, call.organization_id, request.tally_id))


def tally(stored: Tally) -> pb.Tally:
    """Return a tally as a message."""
    return pb.Tally(
        tally_id=stored.tally_id,
        job_id=stored.job_id,
        words=None if stored.result is None else stored.result.total,
    )
