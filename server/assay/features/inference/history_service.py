"""The history of inference jobs: listed by page, and the end of all that have not ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assay.features.inference.history_query import PENDING, HistoryQuery
from assay.features.inference.history_store import InferenceHistory
from assay.features.inference.model import InferenceJob
from assay.features.inference.statistics_store import InferenceStatistics, KeyUse
from assay.features.inference.store import InferenceJobs
from assay.features.keys.store import Keys
from assay.kernel.errors import JobNotCancelable
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.rpc.numbered_pages import NumberedPage
from assay.kernel.storage.store import Store

READ_JOBS = 20  # at once; the names of a job's inputs may be many
MOST_CANCELED = 1000  # at once


@dataclass(frozen=True, kw_only=True)
class HistoryPage:
    """One page of a history."""

    job_ids: tuple[str, ...]
    has_more: bool


class InferenceHistoryReader:
    """The history of an organization's jobs; blocking, and safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, organization_id: str, query: HistoryQuery) -> HistoryPage:
        """Return which jobs are on a page."""
        with self._store.read() as uow:
            found = uow[InferenceHistory].page(organization_id, query)
        size = query.page.size
        return HistoryPage(job_ids=tuple(found[:size]), has_more=len(found) > size)

    def jobs(self, organization_id: str, page: HistoryPage) -> Iterator[InferenceJob]:
        """Yield the jobs of a page in its order, read a few at a time."""
        for first in range(0, len(page.job_ids), READ_JOBS):
            with self._store.read() as uow:
                some = page.job_ids[first : first + READ_JOBS]
                found = uow[InferenceHistory].jobs(organization_id, some)
            yield from found

    def only(self, organization_id: str, job_id: str) -> HistoryPage:
        """Return a page with one job; raises NotFound."""
        with self._store.read() as uow:
            uow[InferenceJobs].get(organization_id, job_id)
        return HistoryPage(job_ids=(job_id,), has_more=False)

    def use_of_keys(self, organization_id: str) -> list[KeyUse]:
        """Return what each key that submitted a job ran."""
        with self._store.read() as uow:
            return uow[InferenceStatistics].of_keys(organization_id)

    def use_of_key(self, organization_id: str, prefix: str) -> KeyUse:
        """Return what one key ran; raises NotFound."""
        with self._store.read() as uow:
            uow[Keys].get(organization_id, prefix)
            return uow[InferenceStatistics].of_key(organization_id, prefix)

    def cancel(self, organization_id: str) -> HistoryPage:
        """Ask every job that has not ended to end, MOST_CANCELED at once; return which these are."""
        query = HistoryQuery(states=PENDING, page=NumberedPage(size=MOST_CANCELED))
        page = self.page(organization_id, query)
        for job_id in page.job_ids:
            self._cancel(organization_id, job_id)
        return page

    def _cancel(self, organization_id: str, job_id: str) -> None:
        """Ask one job to end, in a commit of its own: others write in between."""
        try:
            with self._store.write() as uow:
                uow[Jobs].request_cancel(organization_id, job_id)
        except JobNotCancelable:
            pass  # it has ended by now
