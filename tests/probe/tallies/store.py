"""The table and the store of tallies."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)

from assay.kernel.errors import NotFound
from assay.kernel.storage.sql import Prepared
from assay.kernel.storage.tables import Key
from assay.kernel.storage.unit_of_work import SqlStore
from assay.records import decode, encode_text
from tests.probe.tallies.model import Tally, WordCounts

tallies = Table(
    "tallies",
    MetaData(),  # of its own: the product's schema, which tests compare, has no such table
    Column("organization_id", Key, nullable=False),
    Column("tally_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("result", Text),  # canonical JSON of WordCounts
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("organization_id", "tally_id"),
)
_T = tallies.c
_HERE = (_T.organization_id == bindparam("org"), _T.tally_id == bindparam("id"))
_INSERT = Prepared(insert(tallies))
_GET = Prepared(select(_T.tally_id, _T.job_id, _T.result).where(*_HERE))
_FINISH = Prepared(update(tallies).where(*_HERE).values(result=bindparam("found")))


class Tallies(SqlStore):
    """Tallies of texts."""

    def create(self, organization_id: str, tally_id: str, job_id: str) -> Tally:
        """Store a tally that is not yet counted and return it."""
        self._db.run(
            _INSERT,
            organization_id=organization_id,
            tally_id=tally_id,
            job_id=job_id,
            result=None,
            created_at=self._db.now(),
        )
        return self.get(organization_id, tally_id)

    def get(self, organization_id: str, tally_id: str) -> Tally:
        """Return a tally, or NotFound."""
        row = self._db.one(_GET, org=organization_id, id=tally_id)
        if row is None:
            raise NotFound.of("tally", tally_id)
        result = None if row.result is None else decode(WordCounts, row.result)
        return Tally(tally_id=row.tally_id, job_id=row.job_id, result=result)

    def finish(self, organization_id: str, tally_id: str, result: WordCounts) -> None:
        """Store what was counted; NotFound if absent."""
        found = encode_text(result)
        if not self._db.run(_FINISH, org=organization_id, id=tally_id, found=found):
            raise NotFound.of("tally", tally_id)
