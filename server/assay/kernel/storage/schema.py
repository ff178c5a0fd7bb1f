"""The schema revision of a database, and its migration to that of this release.

A number alone does not tell schemas apart: until the first release the first migration is made
anew whenever a table changes. So a database also keeps a fingerprint of the migrations that made
it, and one of other migrations is refused before a statement of ours fails in it.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, delete, insert, inspect, select, text

from assay.kernel.errors import SchemaMismatch
from assay.kernel.storage.engine import database_path, engine_name, make_engine, start_lock
from assay.kernel.storage.sql import SQLITE
from assay.kernel.storage.tables import installation

if TYPE_CHECKING:  # importing Alembic takes 0.1 s, which only a migration should pay
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
# The newest revision: the files of revisions begin with their numbers.
HEAD = max(file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]
FINGERPRINT = "schema"  # its name in the table of what an installation knows
_LOCK = 7_261_001  # PostgreSQL advisory lock under which one process migrates


def migrate(url: str) -> str:
    """Bring the database at `url` to this release's schema; return its revision.

    Safe to call from several processes at once: one of them migrates and the others
    wait. A database of a newer release, or of other migrations, is refused with SchemaMismatch.
    """
    engine = make_engine(url)
    try:
        if engine_name(url) == SQLITE:
            with start_lock(database_path(url)), engine.connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                _upgrade(connection)
                connection.commit()
        else:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                _upgrade(connection)
    finally:
        engine.dispose()
    return HEAD


def revision_of(engine: Engine) -> str | None:
    """Return the revision of the database behind `engine`."""
    with engine.connect() as connection:
        return _revision(connection)


def check_schema(engine: Engine) -> None:
    """Raise SchemaMismatch, with the way out, unless the database is of this release's schema."""
    with engine.connect() as connection:
        check_revision(_revision(connection))
        _check_fingerprint(connection, HEAD)


def check_revision(revision: str | None) -> None:
    """Raise SchemaMismatch, with the way out, unless `revision` is this release's."""
    if revision == HEAD:
        return
    if revision is not None and revision > HEAD:
        raise SchemaMismatch(
            f"The database holds schema {revision}, which is newer than {HEAD}, the newest that "
            "this release knows. Run a newer release of Assay.",
            metadata={"found": revision, "expected": HEAD},
        )
    found = "no schema" if revision is None else f"schema {revision}"
    raise SchemaMismatch(
        f"The database holds {found}; this release needs {HEAD}. Run `assay migrate` first.",
        metadata={"found": revision or "", "expected": HEAD},
    )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    revision = _revision(connection)
    if revision is not None and revision > HEAD:
        check_revision(revision)
    if revision is not None:
        _check_fingerprint(connection, revision)
    if revision == HEAD:
        return
    from alembic import command  # noqa: PLC0415  # slow to import, and rarely needed

    command.upgrade(alembic_config(connection), "head")
    connection.execute(delete(installation).where(installation.c.name == FINGERPRINT))
    connection.execute(insert(installation).values(name=FINGERPRINT, value=fingerprint(HEAD)))


def _check_fingerprint(connection: Connection, revision: str) -> None:
    """Raise SchemaMismatch unless the migrations of this release made the database."""
    found = select(installation.c.value).where(installation.c.name == FINGERPRINT)
    if connection.execute(found).scalar() != fingerprint(revision):
        raise SchemaMismatch(
            f"The database's schema {revision} is not the {revision} of this release: another state "
            "of Assay made it, before that schema was frozen. Nothing was changed in it. Start "
            "the program that made it, or choose another data folder or ASSAY_DATABASE_URL.",
            metadata={"found": revision, "expected": HEAD},
        )


@cache
def fingerprint(revision: str) -> str:
    """Return the hash of the migrations up to a revision, however their lines are broken."""
    files = sorted((MIGRATIONS / "versions").glob("[0-9]*.py"))
    made = [file.read_text() for file in files if file.name.partition("_")[0] <= revision]
    return hashlib.sha256(re.sub(r"[\s,]", "", "".join(made)).encode()).hexdigest()


def alembic_config(connection: Connection | None = None) -> Config:
    """Return the Alembic configuration; it migrates over `connection` when one is given."""
    from alembic.config import Config  # noqa: PLC0415  # slow to import, and rarely needed

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
