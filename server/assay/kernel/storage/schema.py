"""The schema revision of a database, and its migration to that of this release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from assay.kernel.errors import SchemaMismatch
from assay.kernel.storage.engine import database_path, engine_name, make_engine, start_lock
from assay.kernel.storage.sql import SQLITE

if TYPE_CHECKING:  # importing Alembic takes 0.1 s, which only a migration should pay
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
# The newest revision: the files of revisions begin with their numbers.
HEAD = max(file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]
_LOCK = 7_261_001  # PostgreSQL advisory lock under which one process migrates


def migrate(url: str) -> str:
    """Bring the database at `url` to this release's schema; return its revision.

    Safe to call from several processes at once: one of them migrates and the others
    wait. A database of a newer release is refused with SchemaMismatch.
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
    if revision == HEAD:
        return
    if revision is not None and revision > HEAD:
        check_revision(revision)
    from alembic import command  # noqa: PLC0415  # slow to import, and rarely needed

    command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection | None = None) -> Config:
    """Return the Alembic configuration; it migrates over `connection` when one is given."""
    from alembic.config import Config  # noqa: PLC0415  # slow to import, and rarely needed

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
