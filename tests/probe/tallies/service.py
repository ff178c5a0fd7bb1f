"""Tallies: created with their job, and read."""

from __future__ import annotations

from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.kernel import Kernel
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import encode
from tests.probe.tallies.model import TALLY_KIND, Tally, TallyJob
from tests.probe.tallies.store import Tallies


class TallyUseCases:
    """The tallies of an organization."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def create(
        self, organization_id: str, text: str, *, created_by: str, request_id: str | None
    ) -> Tally:
        """Store a text and queue its job; raises RequestIdReused."""
        blob = self._kernel.blobs.put(organization_id, text.encode())

        def make() -> Tally:
            return self._submit(uow, organization_id, blob, created_by)

        with self._kernel.store.write() as uow:
            return create_once(
                uow,
                organization_id,
                CreateRequest(method="CreateTally", request_id=request_id, body={"text": blob}),
                make=make,
                again=lambda tally_id: uow[Tallies].get(organization_id, tally_id),
                key_of=lambda made: made.tally_id,
            )

    def get(self, organization_id: str, tally_id: str) -> Tally:
        """Return one tally; raises NotFound."""
        with self._kernel.store.read() as uow:
            return uow[Tallies].get(organization_id, tally_id)

    def _submit(self, uow: UnitOfWork, organization_id: str, blob: str, created_by: str) -> Tally:
        spec = TallyJob(tally_id=self._kernel.ids.new_uuid(), text=blob)
        job = uow[Jobs].submit(
            organization_id,
            NewJob(
                kind=TALLY_KIND,
                spec=encode(spec),
                resource=spec.tally_id,
                blobs=(blob,),
                max_attempts=self._kernel.limits.max_attempts,
                created_by=created_by,
            ),
        )
        return uow[Tallies].create(organization_id, spec.tally_id, job.job_id)
