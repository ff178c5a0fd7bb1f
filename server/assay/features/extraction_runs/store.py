"""The stores of extraction runs and their extractions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, exists, func, insert, select, update

from assay.features.extraction_runs.model import (
    Extraction,
    ExtractionRun,
    NewExtraction,
    NewExtractionRun,
    Pair,
)
from assay.features.extraction_runs.tables import extraction_runs, extractions
from assay.features.ground_truth.document_rows import LOOK_UP, Documents, check_room, size_of
from assay.features.ground_truth.model import Entry
from assay.features.ground_truth.store import NEXT_ENTRIES, Entries, GroundTruthDatasets
from assay.features.ground_truth.tables import entries
from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import NotFound
from assay.kernel.storage.keyset import PAGE_BYTES, newest_page, within
from assay.kernel.storage.mapping import RowMapper, values_of
from assay.kernel.storage.sql import Prepared, insert_or_ignore
from assay.kernel.storage.unit_of_work import SqlStore
from assay.kernel.storage.usage import ROW_BYTES, Usages

_R = extraction_runs.c
_X = extractions.c
_E = entries.c

_RUNS = RowMapper(ExtractionRun, extraction_runs)
_SELECT = select(*_RUNS.columns)
_HERE = (_R.organization_id == bindparam("org"), _R.run_id == bindparam("id"))
_GET = Prepared(_SELECT.where(*_HERE))
_LOCK = Prepared(select(_R.document_count).where(*_HERE).with_for_update())
_COUNT = Prepared(select(func.count()).where(_R.organization_id == bindparam("org")))
_INSERT = Prepared(insert(extraction_runs))
_GROW = Prepared(
    update(extraction_runs)
    .where(*_HERE)
    .values(
        document_count=_R.document_count + bindparam("more"),
        document_bytes=_R.document_bytes + bindparam("more_bytes"),
    )
)
_DELETE = Prepared(delete(extraction_runs).where(*_HERE).returning(_R.document_bytes))

_EXTRACTIONS = RowMapper(Extraction, extractions)
_GET_EXTRACTION = Prepared(
    select(*_EXTRACTIONS.columns).where(
        _X.organization_id == bindparam("org"),
        _X.run_id == bindparam("run"),
        _X.extraction_id == bindparam("id"),
    )
)
_INSERT_EXTRACTION = insert_or_ignore(extractions)
_DOCUMENTS = Documents(
    table=extractions, key=_X.extraction_id, holder=_X.run_id, columns=_EXTRACTIONS.columns
)
_NEWEST = (
    select(_X.extraction_id)
    .where(_X.organization_id == _E.organization_id, _X.document_id == _E.document_id)
    .order_by(_X.created_at.desc(), _X.extraction_id.desc())
    .limit(1)
    .scalar_subquery()
    .label("extraction_id")
)
_OF_RUN = (
    select(_X.extraction_id)
    .where(
        _X.organization_id == _E.organization_id,
        _X.run_id == bindparam("run"),
        _X.document_id == _E.document_id,
    )
    .scalar_subquery()
    .label("extraction_id")
)
_FOREIGN = Prepared(
    select(_X.document_id)
    .where(
        _X.organization_id == bindparam("org"),
        _X.run_id == bindparam("run"),
        ~exists().where(
            _E.organization_id == _X.organization_id,
            _E.dataset_id == bindparam("dataset"),
            _E.document_id == _X.document_id,
        ),
    )
    .order_by(_X.document_id)
    .limit(bindparam("most"))
)
_PAIRS_OF_RUN = Prepared(NEXT_ENTRIES.add_columns(_OF_RUN))
_PAIRS_OF_ALL = Prepared(NEXT_ENTRIES.add_columns(_NEWEST))


class ExtractionRuns(SqlStore):
    """Extraction runs."""

    noun = "extraction run"

    def create(self, organization_id: str, new: NewExtractionRun) -> ExtractionRun:
        """Store a new, empty run under a new UUID and return it."""
        run_id = self._db.ids.new_uuid()
        values = values_of(
            extraction_runs,
            new,
            organization_id=organization_id,
            run_id=run_id,
            document_count=0,
            document_bytes=0,
            created_at=self._db.now(),
        )
        self._db.run(_INSERT, **values)
        return self.get(organization_id, run_id)

    def get(self, organization_id: str, run_id: str) -> ExtractionRun:
        """Return a run with the number of its extractions, or NotFound."""
        return _RUNS.read(self._existing(_GET, organization_id, run_id))

    def list(
        self, organization_id: str, *, limit: int, after: Cursor | None = None
    ) -> Page[ExtractionRun]:
        """Return a page of runs."""
        statement = _SELECT.where(_R.organization_id == organization_id)
        return newest_page(self._db, statement, _R.run_id, _RUNS.read, limit=limit, after=after)

    def count(self, organization_id: str) -> int:
        """Return how many runs the organization has."""
        return int(self._db.value(_COUNT, org=organization_id))

    def delete(self, organization_id: str, run_id: str) -> None:
        """Delete a run with its extractions; NotFound if it is absent."""
        gone = self._existing(_DELETE, organization_id, run_id)
        self._db[Usages].count(organization_id, -gone.document_bytes)

    def held(self, organization_id: str, run_id: str) -> int:
        """Return how many extractions a run has, and keep other writers of it waiting."""
        return int(self._existing(_LOCK, organization_id, run_id).document_count)

    def grow(self, organization_id: str, run_id: str, more: int, size: int) -> None:
        """Count `more` extractions of `size` bytes together.

        More bytes than the organization is allowed raise QuotaExceeded.
        """
        grown = size + more * ROW_BYTES
        if self._db.run(_GROW, org=organization_id, id=run_id, more=more, more_bytes=grown):
            self._db[Usages].count(organization_id, grown)


class Extractions(SqlStore):
    """Extractions of runs: what was read from single documents."""

    def add_many(
        self, organization_id: str, run_id: str, new: Sequence[NewExtraction]
    ) -> tuple[int, ...]:
        """Store extractions, all but those of documents that the run or an earlier one has.

        The places in `new` of those left out are returned, rising. An absent run raises
        NotFound, and more than MAX_DOCUMENTS extractions in all TooLarge.
        """
        held = self._db[ExtractionRuns].held(organization_id, run_id)
        now = self._db.now()
        rows = [
            {
                "organization_id": organization_id,
                "extraction_id": self._db.ids.new_uuid(),
                "run_id": run_id,
                "document_id": one.document_id,
                "data": one.data,
                "confidence": one.confidence,
                "size": len(one.data.encode()) + len((one.confidence or "").encode()),
                # One microsecond apart, so that a listing keeps the order of a file.
                "created_at": now + place,
            }
            for place, one in enumerate(new)
        ]
        left_out = _DOCUMENTS.add(self._db, organization_id, _INSERT_EXTRACTION, rows)
        more = len(rows) - len(left_out)
        check_room("extraction run", run_id, held + more)
        size = size_of(rows, left_out)
        self._db[ExtractionRuns].grow(organization_id, run_id, more, size)
        return left_out

    def get(self, organization_id: str, run_id: str, extraction_id: str) -> Extraction:
        """Return an extraction; NotFound if the run or the extraction in it is absent."""
        row = self._db.one(_GET_EXTRACTION, org=organization_id, run=run_id, id=extraction_id)
        if row is None:
            self._db[ExtractionRuns].get(organization_id, run_id)
            raise NotFound.of("extraction", extraction_id)
        return _EXTRACTIONS.read(row)

    def list(
        self,
        organization_id: str,
        run_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        document_id: str | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> Page[Extraction]:
        """Return a page of a run's extractions, of one document if it is given.

        An absent run raises NotFound.
        """
        self._db[ExtractionRuns].get(organization_id, run_id)
        return _DOCUMENTS.page(
            self._db,
            organization_id,
            run_id,
            limit=limit,
            after=after,
            document_id=document_id,
            max_bytes=max_bytes,
            read=_EXTRACTIONS.read,
        )

    def pairs(
        self,
        organization_id: str,
        dataset_id: str,
        *,
        run_id: str | None,
        limit: int,
        after: str = "",
        max_bytes: int = PAGE_BYTES,
    ) -> tuple[Pair, ...]:
        """Return a dataset's next entries as `Entries.by_document`, each with its extraction.

        That is the one of its document in the run `run_id`, and without a run the newest one of all runs.
        An absent dataset or run raises NotFound.
        """
        self._db[GroundTruthDatasets].get(organization_id, dataset_id)
        page = {"org": organization_id, "dataset": dataset_id, "after": after, "most": limit}
        if run_id is None:
            listed = self._db.all(_PAIRS_OF_ALL, **page)
        else:
            self._db[ExtractionRuns].get(organization_id, run_id)
            listed = self._db.all(_PAIRS_OF_RUN, **page, run=run_id)
        keys = [row.extraction_id for row in listed if row.extraction_id]
        sizes = self._sizes(organization_id, keys)
        kept = within(
            listed, limit, max_bytes, lambda row: row.size + sizes.get(row.extraction_id, 0)
        )
        listed = listed[:kept]
        entries = self._db[Entries].by_id(organization_id, [row.entry_id for row in listed])
        read = self._by_id(
            organization_id, [row.extraction_id for row in listed if row.extraction_id]
        )
        return tuple(
            _pair(entry, read.get(row.extraction_id))
            for entry, row in zip(entries, listed, strict=True)
        )

    def foreign(
        self, organization_id: str, dataset_id: str, run_id: str, limit: int
    ) -> tuple[str, ...]:
        """Return the first documents, by id, that a run has extractions of and a dataset lacks.

        Run and dataset need not exist: the run has no documents then, the dataset lacks them all.
        """
        rows = self._db.all(
            _FOREIGN, org=organization_id, dataset=dataset_id, run=run_id, most=limit
        )
        return tuple(row.document_id for row in rows)

    def _sizes(self, organization_id: str, extraction_ids: Sequence[str]) -> dict[str, int]:
        """Return the bytes of those of the extractions that exist, by id."""
        found: dict[str, int] = {}
        for start in range(0, len(extraction_ids), LOOK_UP):
            statement = select(_X.extraction_id, _X.size).where(
                _X.organization_id == organization_id,
                _X.extraction_id.in_(extraction_ids[start : start + LOOK_UP]),
            )
            found.update((row.extraction_id, row.size) for row in self._db.select(statement))
        return found

    def _by_id(self, organization_id: str, extraction_ids: Sequence[str]) -> dict[str, Extraction]:
        """Return those of the extractions that exist, by id."""
        rows = _DOCUMENTS.rows(self._db, organization_id, extraction_ids)
        return {one.extraction_id: one for one in map(_EXTRACTIONS.read, rows)}


def _pair(entry: Entry, found: Extraction | None) -> Pair:
    return Pair(
        entry_id=entry.entry_id,
        document_id=entry.document_id,
        expected=entry.expected,
        extraction_id=None if found is None else found.extraction_id,
        run_id=None if found is None else found.run_id,
        data=None if found is None else found.data,
        confidence=None if found is None else found.confidence,
    )
