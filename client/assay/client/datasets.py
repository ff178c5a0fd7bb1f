"""Datasets: splits stored from files and rows, and made of one another."""

# Made by `make generate` from aio/datasets.py; never edited.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from assay.client import calls, types
from assay.client.concurrency import off_loop
from assay.client.dataset_rows import SplitRows, opened_rows, stored_change
from assay.client.jobs import Jobs
from assay.client.sending import FileSender


class Datasets(calls.Datasets, FileSender):
    """Datasets and their splits."""

    def upload(self, dataset_id: str, split: str, rows: SplitRows) -> types.SplitChange:
        """Store rows as a split, in place of one of that name; return the revision that it makes.

        Args:
            dataset_id: the dataset's id or name.
            split: train, validation or test.
            rows: the path of a CSV, JSON Lines, Parquet or Arrow file, an Arrow table, a data
                frame, or an iterable of mappings; bytes in these are sent as base64.

        Raises:
            BadInput: the rows cannot be sent.
            JobFailed: a row was found wrong; the message names it.
            ServiceError: refused.

        Example:
            >>> client.datasets.upload(
            ...     "letters", "train", [{"row_id": 1, "text": "so it goes", "label": "en"}]
            ... )
        """
        content_type, source = off_loop(lambda: opened_rows(rows))
        values = {"dataset_id": dataset_id, "split": split}
        change = self._send_file(types.SplitChange, "UploadSplit", values, content_type, source)
        return self._finished(change)

    def make_splits(
        self,
        dataset_id: str,
        fractions: Mapping[str, float],
        *,
        source: str = "",
        seed: int = 0,
        stratified: bool | None = None,
        grouped: bool | None = None,
        replace: bool = False,
    ) -> types.SplitChange:
        """Make splits from one that is stored; return the revision that it makes.

        Args:
            dataset_id: the dataset's id or name.
            fractions: the fraction of the rows that each split gets, by name; what is left of 1
                stays in the source.
            source: the split whose rows are shared out; train by default.
            seed: decides which rows go where.
            stratified: share out each class by the fractions; by default where rows have one.
            grouped: keep the rows of a group in one split; by default where rows have groups.
            replace: replace splits that are there already.

        Raises:
            JobFailed: a split would have no rows.
            ServiceError: refused.
        """
        change = super().make_splits(
            dataset_id,
            fractions,
            source=source,
            seed=seed,
            stratified=stratified,
            grouped=grouped,
            replace=replace,
        )
        return self._finished(change)

    def _finished(self, change: types.SplitChange) -> types.SplitChange:
        """Return a change once its job has ended; raises JobFailed where that made no revision."""
        if change.revision is not None:
            return change
        jobs = Jobs(self._transport)
        jobs.wait(change.job_id)
        job = jobs.get(change.job_id)
        change = replace(change, status=job.status or "")
        if job.failure is None:
            for revision in self.revisions(change.dataset_id):
                if revision.job_id == change.job_id:
                    profile = self.profile(change.dataset_id, revision=revision.revision)
                    change = replace(change, revision=revision, warnings=profile.warnings)
                    break
        return stored_change(change, job.failure)
