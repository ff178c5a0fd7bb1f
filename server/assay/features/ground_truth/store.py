"""The stores of ground-truth datasets and their entries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, select, update

from assay.features.field_schemas.store import SchemaDeletion, UserSchemas
from assay.features.ground_truth import tables
from assay.features.ground_truth.document_rows import Documents, check_room, size_of
from assay.features.ground_truth.model import (
    Entry,
    GroundTruthDataset,
    NewEntry,
    NewGroundTruthDataset,
    check_dataset_fields,
)
from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import AlreadyExists, NotFound, ResourceInUse
from assay.kernel.storage.keyset import PAGE_BYTES, newest_page, within
from assay.kernel.storage.mapping import RowMapper, bound, values_of
from assay.kernel.storage.sql import Prepared, insert_or_ignore
from assay.kernel.storage.unit_of_work import SqlStore, UnitOfWork
from assay.kernel.storage.usage import ROW_BYTES, Usages

_D = tables.ground_truth.c
_E = tables.entries.c

_DATASETS = RowMapper(GroundTruthDataset, tables.ground_truth)
_SELECT = select(*_DATASETS.columns)
_HERE = (_D.organization_id == bindparam("org"), _D.dataset_id == bindparam("id"))
_GET = Prepared(_SELECT.where(*_HERE))
_LOCK = Prepared(select(_D.document_count).where(*_HERE).with_for_update())
_COUNT = Prepared(select(func.count()).where(_D.organization_id == bindparam("org")))
_INSERT = insert_or_ignore(tables.ground_truth)
_OF_NAME = Prepared(
    select(_D.dataset_id).where(
        _D.organization_id == bindparam("org"), _D.name == bindparam("name")
    )
)
_UPDATE = Prepared(
    update(tables.ground_truth)
    .where(*_HERE)
    .values(bound("name", "description", "user_schema_id", "updated_at"))
)
_GROW = Prepared(
    update(tables.ground_truth)
    .where(*_HERE)
    .values(
        document_count=_D.document_count + bindparam("more"),
        document_bytes=_D.document_bytes + bindparam("more_bytes"),
        updated_at=bindparam("now"),
    )
)
_DELETE = Prepared(delete(tables.ground_truth).where(*_HERE).returning(_D.document_bytes))
_NAMES_SCHEMA = Prepared(
    select(_D.dataset_id)
    .where(_D.organization_id == bindparam("org"), _D.user_schema_id == bindparam("id"))
    .order_by(_D.created_at, _D.dataset_id)
    .limit(1)
)

_ENTRIES = RowMapper(Entry, tables.entries)
_IN = (_E.organization_id == bindparam("org"), _E.dataset_id == bindparam("dataset"))
_GET_ENTRY = Prepared(select(*_ENTRIES.columns).where(*_IN, _E.entry_id == bindparam("id")))
_DELETE_ENTRY = Prepared(
    delete(tables.entries).where(*_IN, _E.entry_id == bindparam("id")).returning(_E.size)
)
_INSERT_ENTRY = insert_or_ignore(tables.entries)
NEXT_ENTRIES = (
    select(_E.entry_id, _E.document_id, _E.size)
    .where(*_IN, _E.document_id > bindparam("after"))
    .order_by(_E.document_id)
    .limit(bindparam("most"))
)
_BY_DOCUMENT = Prepared(NEXT_ENTRIES)
_DOCUMENTS = Documents(
    table=tables.entries, key=_E.entry_id, holder=_E.dataset_id, columns=_ENTRIES.columns
)


class GroundTruthDatasets(SqlStore):
    """Ground-truth datasets."""

    noun = "ground-truth dataset"

    def create(
        self, organization_id: str, new: NewGroundTruthDataset, *, if_absent: bool = False
    ) -> GroundTruthDataset:
        """Store a new, empty dataset under a new UUID.

        A taken name raises AlreadyExists; with `if_absent` the dataset that has it is returned.
        An absent schema raises NotFound.
        """
        if new.user_schema_id is not None:
            self._db[UserSchemas].hold(organization_id, new.user_schema_id)
        now = self._db.now()
        dataset_id = self._db.ids.new_uuid()
        values = values_of(
            tables.ground_truth,
            new,
            organization_id=organization_id,
            dataset_id=dataset_id,
            document_count=0,
            document_bytes=0,
            created_at=now,
            updated_at=now,
        )
        if self._db.run(_INSERT, **values):
            return self.get(organization_id, dataset_id)
        there = self._named(organization_id, new.name)
        if if_absent and there is not None:
            return self.get(organization_id, there)
        raise _name_taken(new.name, there)

    def get(self, organization_id: str, dataset_id: str) -> GroundTruthDataset:
        """Return a dataset with the number of its entries, or NotFound."""
        return _DATASETS.read(self._existing(_GET, organization_id, dataset_id))

    def list(
        self, organization_id: str, *, limit: int, after: Cursor | None = None
    ) -> Page[GroundTruthDataset]:
        """Return a page of datasets."""
        statement = _SELECT.where(_D.organization_id == organization_id)
        return newest_page(
            self._db, statement, _D.dataset_id, _DATASETS.read, limit=limit, after=after
        )

    def count(self, organization_id: str) -> int:
        """Return how many datasets the organization has."""
        return int(self._db.value(_COUNT, org=organization_id))

    def update(self, organization_id: str, dataset: GroundTruthDataset) -> GroundTruthDataset:
        """Store name, description and schema of `dataset`; all else of it is ignored.

        `updated_at` becomes now. An absent dataset or schema raises NotFound, a wrong value
        InvalidArgument, a name that another dataset has AlreadyExists.
        """
        check_dataset_fields(dataset)
        if dataset.user_schema_id is not None:
            self._db[UserSchemas].hold(organization_id, dataset.user_schema_id)
        self._existing(_LOCK, organization_id, dataset.dataset_id)
        there = self._named(organization_id, dataset.name)
        if there not in (None, dataset.dataset_id):
            raise _name_taken(dataset.name, there)
        self._change(
            _UPDATE,
            organization_id,
            dataset.dataset_id,
            name=dataset.name,
            description=dataset.description,
            user_schema_id=dataset.user_schema_id,
            updated_at=self._db.now(),
        )
        return self.get(organization_id, dataset.dataset_id)

    def delete(self, organization_id: str, dataset_id: str) -> None:
        """Delete a dataset with its entries; NotFound if it is absent."""
        gone = self._existing(_DELETE, organization_id, dataset_id)
        self._db[Usages].count(organization_id, -gone.document_bytes)

    def _named(self, organization_id: str, name: str) -> str | None:
        row = self._db.one(_OF_NAME, org=organization_id, name=name)
        return None if row is None else str(row.dataset_id)

    def held(self, organization_id: str, dataset_id: str) -> int:
        """Return how many entries a dataset has, and keep other writers of it waiting."""
        return int(self._existing(_LOCK, organization_id, dataset_id).document_count)

    def grow(self, organization_id: str, dataset_id: str, more: int, size: int) -> None:
        """Count `more` entries of `size` bytes together, fewer when both are negative.

        More bytes than the organization is allowed raise QuotaExceeded.
        """
        grown = size + more * ROW_BYTES
        now = self._db.now()
        key = {"org": organization_id, "id": dataset_id}
        if self._db.run(_GROW, **key, more=more, more_bytes=grown, now=now):
            self._db[Usages].count(organization_id, grown)


def _name_taken(name: str, dataset_id: str | None) -> AlreadyExists:
    return AlreadyExists(
        f"The dataset '{dataset_id}' is called '{name}'. Choose another name, or send if_absent to "
        "take that dataset.",
        metadata={"resource_type": "ground-truth dataset", "resource_id": dataset_id, "name": name},
    )


class Entries(SqlStore):
    """Entries of datasets: what is known of single documents."""

    def add(self, organization_id: str, dataset_id: str, new: NewEntry) -> Entry:
        """Store an entry and return it.

        A document that the dataset has raises AlreadyExists, an absent dataset NotFound,
        and an entry more than MAX_DOCUMENTS TooLarge.
        """
        (entry_id,), left_out = self._insert(organization_id, dataset_id, [new])
        if left_out:
            raise AlreadyExists(
                f"The dataset '{dataset_id}' has an entry of the document '{new.document_id}'. "
                "Delete that entry first, or choose another document_id.",
                metadata={"resource_type": "entry", "document_id": new.document_id},
            )
        return self.get(organization_id, dataset_id, entry_id)

    def add_many(
        self, organization_id: str, dataset_id: str, new: Sequence[NewEntry]
    ) -> tuple[int, ...]:
        """Store entries, all but those of documents that the dataset or an earlier one has.

        The places in `new` of those left out are returned, rising. An absent dataset raises
        NotFound, and more than MAX_DOCUMENTS entries in all TooLarge.
        """
        return self._insert(organization_id, dataset_id, new)[1]

    def get(self, organization_id: str, dataset_id: str, entry_id: str) -> Entry:
        """Return an entry; NotFound if the dataset or the entry in it is absent."""
        row = self._db.one(_GET_ENTRY, org=organization_id, dataset=dataset_id, id=entry_id)
        if row is None:
            self._db[GroundTruthDatasets].get(organization_id, dataset_id)
            raise NotFound.of("entry", entry_id)
        return _ENTRIES.read(row)

    def list(
        self,
        organization_id: str,
        dataset_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        document_id: str | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> Page[Entry]:
        """Return a page of a dataset's entries, of one document if it is given.

        An absent dataset raises NotFound.
        """
        self._db[GroundTruthDatasets].get(organization_id, dataset_id)
        return _DOCUMENTS.page(
            self._db,
            organization_id,
            dataset_id,
            limit=limit,
            after=after,
            document_id=document_id,
            max_bytes=max_bytes,
            read=_ENTRIES.read,
        )

    def delete(self, organization_id: str, dataset_id: str, entry_id: str) -> None:
        """Delete an entry; NotFound if the dataset or the entry in it is absent."""
        self._db[GroundTruthDatasets].held(organization_id, dataset_id)
        gone = self._db.one(_DELETE_ENTRY, org=organization_id, dataset=dataset_id, id=entry_id)
        if gone is None:
            raise NotFound.of("entry", entry_id)
        self._db[GroundTruthDatasets].grow(organization_id, dataset_id, -1, -gone.size)

    def by_document(
        self,
        organization_id: str,
        dataset_id: str,
        *,
        limit: int,
        after: str = "",
        max_bytes: int = PAGE_BYTES,
    ) -> tuple[Entry, ...]:
        """Return the next entries by rising document id, strictly after the id `after`.

        None are left when none are returned. An absent dataset raises NotFound.
        """
        self._db[GroundTruthDatasets].get(organization_id, dataset_id)
        listed = self._db.all(
            _BY_DOCUMENT, org=organization_id, dataset=dataset_id, after=after, most=limit
        )
        kept = within(listed, limit, max_bytes, lambda row: row.size)
        return self.by_id(organization_id, [row.entry_id for row in listed[:kept]])

    def by_id(self, organization_id: str, entry_ids: Sequence[str]) -> tuple[Entry, ...]:
        """Return those of the entries that exist, in the order of their ids given."""
        return tuple(map(_ENTRIES.read, _DOCUMENTS.rows(self._db, organization_id, entry_ids)))

    def _insert(
        self, organization_id: str, dataset_id: str, new: Sequence[NewEntry]
    ) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Store entries; return their ids, and the places of those left out."""
        held = self._db[GroundTruthDatasets].held(organization_id, dataset_id)
        now = self._db.now()
        rows = [
            {
                "organization_id": organization_id,
                "entry_id": self._db.ids.new_uuid(),
                "dataset_id": dataset_id,
                "document_id": one.document_id,
                "expected": one.expected,
                "size": len(one.expected.encode()) + len((one.notes or "").encode()),
                "notes": one.notes,
                # One microsecond apart, so that a listing keeps the order of a file.
                "created_at": now + place,
            }
            for place, one in enumerate(new)
        ]
        left_out = _DOCUMENTS.add(self._db, organization_id, _INSERT_ENTRY, rows)
        more = len(rows) - len(left_out)
        check_room("dataset", dataset_id, held + more)
        size = size_of(rows, left_out)
        self._db[GroundTruthDatasets].grow(organization_id, dataset_id, more, size)
        return tuple(str(row["entry_id"]) for row in rows), left_out


class RefuseNamedSchemas(SchemaDeletion):
    """Keeps a field schema while a dataset names it."""

    def check(self, uow: UnitOfWork, organization_id: str, user_schema_id: str) -> None:
        """Raise ResourceInUse, which names a dataset."""
        user = uow.one(_NAMES_SCHEMA, org=organization_id, id=user_schema_id)
        if user is not None:
            raise ResourceInUse(
                f"The field schema '{user_schema_id}' cannot be deleted while the dataset "
                f"'{user.dataset_id}' names it. Give the dataset another schema or none, or "
                "delete it.",
                metadata={"user_schema_id": user_schema_id, "dataset_id": user.dataset_id},
            )
