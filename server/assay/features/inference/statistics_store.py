"""The store of what API keys ran: jobs counted by key, model and version."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import func, select

from assay.features.inference.store import JOB_COLUMNS, WITH_JOB
from assay.kernel.storage.sql import moment
from assay.kernel.storage.tables import jobs
from assay.kernel.storage.unit_of_work import SqlStore
from assay.records import Record

_T = JOB_COLUMNS
_COUNTED = (
    select(
        _T.key_prefix,
        _T.model_id,
        _T.version_label,
        func.max(_T.model_name).label("model_name"),
        func.count().label("jobs"),
        func.count(jobs.c.ended_at).label("ended"),
        func.max(_T.created_at).label("newest"),
    )
    .select_from(WITH_JOB)
    .group_by(_T.key_prefix, _T.model_id, _T.version_label)
    .order_by(_T.key_prefix, func.max(_T.created_at).desc())
)


class VersionUse(Record):
    """The jobs of one key that one version ran."""

    model_id: str
    model_name: str
    version_label: str
    ended: int  # jobs that have ended


class KeyUse(Record):
    """The jobs of one key."""

    key_prefix: str
    jobs: int = 0
    last_used_at: datetime | None = None  # when its newest job was made; None: it made none
    versions: tuple[VersionUse, ...] = ()  # what they ran, the newest first


class InferenceStatistics(SqlStore):
    """Inference jobs by the API keys that submitted them."""

    def of_keys(self, organization_id: str) -> list[KeyUse]:
        """Return the use of each key that submitted a job."""
        found = self._db.select(
            _COUNTED.where(_T.organization_id == organization_id, _T.key_prefix.is_not(None))
        )
        return [_use(prefix, rows) for prefix, rows in groupby(found, lambda row: row.key_prefix)]

    def of_key(self, organization_id: str, prefix: str) -> KeyUse:
        """Return the use of one key."""
        statement = _COUNTED.where(_T.organization_id == organization_id, _T.key_prefix == prefix)
        return _use(prefix, self._db.select(statement))


def _use(prefix: str, rows: Iterable[Any]) -> KeyUse:
    counted = list(rows)
    return KeyUse(
        key_prefix=prefix,
        jobs=sum(row.jobs for row in counted),
        last_used_at=moment(max(row.newest for row in counted)) if counted else None,
        versions=tuple(
            VersionUse(
                model_id=row.model_id,
                model_name=row.model_name,
                version_label=row.version_label,
                ended=row.ended,
            )
            for row in counted
        ),
    )
