"""The store of what one installation alone knows."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from assay.kernel.storage import tables
from assay.kernel.storage.sql import Prepared, insert_or_ignore
from assay.kernel.storage.unit_of_work import SqlStore

_FIND = Prepared(
    select(tables.installation.c.value).where(tables.installation.c.name == bindparam("name"))
)
_INSERT = insert_or_ignore(tables.installation)


class Installation(SqlStore):
    """What this installation alone knows, the same for all of its processes."""

    def find(self, name: str) -> str | None:
        """Return a secret, None if nobody made it yet."""
        row = self._db.one(_FIND, name=name)
        return None if row is None else str(row.value)

    def add(self, name: str, value: str) -> None:
        """Keep a secret; does nothing where one of that name is kept already."""
        self._db.run(_INSERT, name=name, value=value)
