"""What an installation alone knows, in SQL. What each method promises is said in ports.Installation."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from assay.kernel.storage import tables
from assay.kernel.storage.session import Session
from assay.kernel.storage.sql import Prepared, insert_or_ignore

_FIND = Prepared(
    select(tables.installation.c.value).where(tables.installation.c.name == bindparam("name"))
)
_INSERT = insert_or_ignore(tables.installation)


class SqlInstallation:
    """Its secrets by name, one transaction's view."""

    def __init__(self, session: Session) -> None:
        self._db = session

    def find(self, name: str) -> str | None:
        """Return a secret, None if nobody made it yet."""
        row = self._db.one(_FIND, name=name)
        return None if row is None else str(row[0])

    def add(self, name: str, value: str) -> None:
        """Keep a secret, unless another process was first."""
        self._db.run(_INSERT, name=name, value=value)
