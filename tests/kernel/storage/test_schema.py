"""The schema: migrations, and what the database itself refuses."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from assay.features.evaluations.store import Evaluations
from assay.features.models.versions_store import Versions
from assay.features.registry import FEATURES
from assay.kernel.errors import SchemaMismatch
from assay.kernel.storage import schema, tables
from assay.kernel.storage.blobs import LocalBlobs
from assay.kernel.storage.engine import make_engine, sqlite_url
from assay.kernel.storage.store import open_store
from tests.features.benchmarks.test_store import add_benchmark
from tests.support.document_rows import add_dataset, add_entries, add_extractions
from tests.support.store_rows import (
    ORG,
    add_evaluation,
    add_job,
    add_model,
    add_version,
    result_with,
)

SERVER = Path(__file__).parents[3] / "server"
OPENER = """
import sys
from assay.features.models.store import Models
from assay.kernel.storage.store import open_store
print("ready", flush=True)
sys.stdin.readline()
store = open_store(sys.argv[1], upgrade=True)
with store.write() as uow:
    print(uow[Models].count("acme"), flush=True)
store.close()
"""


@pytest.fixture
def empty_url(engine, request, tmp_path):
    """The URL of a database that holds nothing."""
    if engine == "sqlite":
        yield sqlite_url(tmp_path / "fresh")
        return
    server = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


def current_revision(url: str) -> str | None:
    """The revision of a database; None when it holds no schema."""
    engine = make_engine(url)
    try:
        return schema.revision_of(engine)
    finally:
        engine.dispose()


def shape(url: str) -> set[str]:
    """Everything that the database itself says of its tables, as text."""
    engine = make_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.execute(sa.text("SELECT type, name, sql FROM sqlite_master"))
            found = {" ".join(map(str, row)) for row in rows}
        else:
            found = {
                " ".join(map(str, row))
                for query in (
                    """SELECT table_name, column_name, data_type, is_nullable, column_default,
                    collation_name FROM information_schema.columns
                    WHERE table_schema = 'public'""",
                    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
                    """SELECT conrelid::regclass, conname, pg_get_constraintdef(oid)
                    FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
                )
                for row in connection.execute(sa.text(query))
            }
    engine.dispose()
    return {_in_order(line) for line in found if "alembic_version" not in line}


def _in_order(line: str) -> str:
    """Return a table's SQL with its constraints sorted: their order means nothing."""
    body = re.sub(r"\s+", " ", line).removesuffix(" )")
    return ", ".join(sorted(re.split(r", (?=CONSTRAINT )", body)))


def test_migrations_make_what_the_tables_say(url, empty_url):
    """A migrated database has the very tables, checks and indexes that tables.py describes."""
    engine = make_engine(empty_url)
    tables.metadata.create_all(engine)
    engine.dispose()
    assert shape(url) == shape(empty_url)
    assert len(shape(url)) > 30


def test_every_model_time_and_text_type_is_compared(url):
    """Alembic's own comparison finds nothing left to migrate."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = make_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_every_table_is_the_kernels_or_of_one_feature():
    """The tables that features declare, and the kernel's own, are the whole schema."""
    declared = [table.name for feature in FEATURES for table in feature.tables]
    assert len(declared) == len(set(declared))
    module = vars(tables).values()
    own = {one.name for one in module if isinstance(one, sa.Table)}
    assert own.isdisjoint(declared)
    assert own | set(declared) == set(tables.metadata.tables)


def test_the_head_is_the_newest_revision():
    """The revision that the service asks for is the newest one under migrations."""
    script = ScriptDirectory.from_config(schema.alembic_config())
    assert script.get_heads() == [schema.HEAD]


def test_migrating_twice_changes_nothing(url):
    """A database of this release is left as it is."""
    before = shape(url)
    assert schema.migrate(url) == schema.HEAD == current_revision(url)
    assert shape(url) == before


def test_an_empty_database_is_refused_with_the_way_out(empty_url):
    """A database without a schema is refused, naming `assay migrate`, until it is migrated."""
    assert current_revision(empty_url) is None
    with pytest.raises(SchemaMismatch, match="assay migrate"):
        open_store(empty_url)
    schema.migrate(empty_url)
    open_store(empty_url).close()


def test_a_newer_database_is_refused(url):
    """A database of a newer release is neither opened nor migrated."""
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for refused in (open_store, schema.migrate):
        with pytest.raises(SchemaMismatch, match="newer release"):
            refused(url)


@pytest.mark.parametrize("kept", [None, "of other migrations"])
def test_a_database_of_other_migrations_is_refused(url, kept):
    """A database of the same number that other migrations made is refused and left as it is."""
    engine = make_engine(url)
    one = tables.installation
    with engine.begin() as connection:
        connection.execute(one.delete().where(one.c.name == schema.FINGERPRINT))
        if kept is not None:
            connection.execute(one.insert().values(name=schema.FINGERPRINT, value=kept))
    before = shape(url)
    for refused in (open_store, schema.migrate):
        with pytest.raises(SchemaMismatch, match=r"another state of Assay .* another data folder"):
            refused(url)
    with engine.connect() as connection:
        found = connection.execute(sa.select(one.c.value)).scalars().all()
    engine.dispose()
    assert found == ([] if kept is None else [kept])
    assert shape(url) == before


def test_the_first_schema_can_be_taken_back(url):
    """A downgrade of the first revision leaves no table of Assay behind."""
    from alembic import command

    engine = make_engine(url)
    with engine.begin() as connection:
        command.downgrade(schema.alembic_config(connection), "base")
    left = sa.inspect(engine).get_table_names()
    engine.dispose()
    assert left == ["alembic_version"]


def test_four_processes_open_a_fresh_database_at_once(empty_url):
    """Four processes that start at once on nothing all come up on one migrated database."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, empty_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(SERVER)},
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "0\n"), err
    open_store(empty_url).close()


def test_sqlite_is_durable_and_strict(tmp_path):
    """SQLite runs in WAL mode, syncs fully and checks foreign keys on every connection."""
    store = open_store(sqlite_url(tmp_path), upgrade=True)
    for block in (store.read, store.write):
        with block() as uow:
            ask = uow.driver.execute
            assert ask("PRAGMA journal_mode").fetchone() == ("wal",)
            assert ask("PRAGMA synchronous").fetchone() == (2,)
            assert ask("PRAGMA foreign_keys").fetchone() == (1,)
            assert ask("PRAGMA busy_timeout").fetchone() == (30_000,)
    store.close()


def _row(uow, table: sa.Table) -> dict[str, object]:
    return dict(zip(table.c.keys(), uow.select(table.select().limit(1))[0], strict=True))


BROKEN = {
    "a second promoted version": ("versions", {"is_promoted": True, "status": "ready"}),
    "a promoted draft": ("versions", {"is_promoted": True, "status": "draft"}),
    "a version of no model": ("versions", {"model_id": "none", "version_number": 9}),
    "a number given twice": ("versions", {}),
    "an unknown status": ("versions", {"status": "done", "version_number": 9}),
    "an unknown job state": ("jobs", {"state": "LOST"}),
    "a running job without a lease": ("jobs", {"state": "RUNNING"}),
    "an ended job without a time": ("jobs", {"state": "CANCELED", "error": "{}"}),
    "a success without a result": ("jobs", {"state": "SUCCEEDED", "ended_at": 1}),
    "a failure without an error": ("jobs", {"state": "FAILED", "ended_at": 1}),
    "more attempts than allowed": ("jobs", {"attempts": 4}),
    "a second current evaluation": ("evaluations", {"job_id": "spare", "revision": 9}),
    "a revision given twice": ("evaluations", {"job_id": "spare", "is_current": False}),
    "a current one without a result": (
        "evaluations",
        {"job_id": "spare", "revision": 9, "dataset_split": "train"}
        | {"result": None, "metrics": None, "evaluated_at": None},
    ),
    "an unknown split": (
        "evaluations",
        {"job_id": "spare", "revision": 9, "dataset_split": "dev", "is_current": False},
    ),
    "an evaluation of no job": (
        "evaluations",
        {"job_id": "none", "revision": 9, "is_current": False},
    ),
    "an event of no job": ("events", {"job_id": "none"}),
    "an entry of no dataset": ("entries", {"dataset_id": "none"}),
    "a document twice in a dataset": ("entries", {}),
    "a dataset of no schema": ("ground_truth", {"user_schema_id": "none"}),
    "a dataset of fewer than no documents": ("ground_truth", {"document_count": -1}),
    "an extraction of no run": ("extractions", {"run_id": "none"}),
    "a document twice in a run": ("extractions", {}),
    "two benchmarks of one job": ("benchmarks", {}),
    "a benchmark of no job": ("benchmarks", {"job_id": "none"}),
    "a benchmark of no documents": ("benchmarks", {"job_id": "spare", "documents_total": 0}),
    "an accuracy above one": (
        "benchmarks",
        {"job_id": "spare", "accuracy_overall": 1.5, "accuracy_by_field": "{}"},
    ),
    "a delta against nothing": (
        "benchmarks",
        {"job_id": "spare", "accuracy_overall": 1, "accuracy_by_field": "{}", "accuracy_delta": 0},
    ),
}


@pytest.fixture
def furnished(store):
    with store.write() as uow:
        model = add_model(uow, model_id="m")
        version = add_version(uow, model.model_id)
        uow[Versions].mark_ready(ORG, "m", version.version_id)
        uow[Versions].promote(ORG, "m", version.version_id, promoted_by="x")
        evaluation = add_evaluation(uow, "m", version.version_id)
        uow[Evaluations].finish(ORG, evaluation.evaluation_id, result_with(0.5))
        add_job(uow, job_id="spare")
        add_entries(uow, add_dataset(uow).dataset_id, "d")
        add_extractions(uow, "d")
        add_benchmark(uow, "one")
    return store


def test_the_database_refuses_what_must_never_be(furnished):
    """Rows that break an invariant are refused by the schema, whoever writes them."""
    own_id = {
        "versions": "version_id",
        "jobs": "job_id",
        "evaluations": "evaluation_id",
        "entries": "entry_id",
        "ground_truth": "dataset_id",
        "extractions": "extraction_id",
        "benchmarks": "benchmark_id",
    }
    for what, (name, changes) in BROKEN.items():
        table = tables.metadata.tables[name]
        try:
            with furnished.write() as uow:
                row = {own_id.get(name, "kind"): "new"}
                row = _row(uow, table) | row | changes
                uow.connection.execute(table.insert().values(row))
        except Exception as refusal:  # the engines' names differ, and Conflict is ours
            text = f"{type(refusal).__name__} {refusal.__cause__!r}"
            assert "IntegrityError" in text or "Conflict" in text, (what, text)
        else:
            pytest.fail(f"{what} was stored")


def test_a_database_of_another_program_is_left_as_it_is(tmp_path):
    """A SQLite file with foreign tables, or no SQLite file, is refused and not written to."""
    path = tmp_path / "assay.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("CREATE TABLE alembic_version (version_num)")
    for data in (path.read_bytes(), b"a diary, of more than a hundred bytes" * 10):
        path.write_bytes(data)
        for upgrade in (False, True):
            with pytest.raises(SchemaMismatch, match="no database of Assay"):
                open_store(sqlite_url(tmp_path), upgrade=upgrade)
        assert path.read_bytes() == data


def test_an_empty_database_among_data_is_refused(tmp_path):
    """A database that was emptied, or deleted beside blobs, is not taken for a new installation."""
    open_store(sqlite_url(tmp_path), upgrade=True).close()
    path = tmp_path / "assay.db"
    LocalBlobs(tmp_path / "blobs").put("acme", b"rows")
    path.write_bytes(b"")
    for found in ("empty", "missing"):
        with pytest.raises(SchemaMismatch, match=f"is {found}, and yet"):
            open_store(sqlite_url(tmp_path), upgrade=True)
        assert not path.exists() or path.stat().st_size == 0
        path.unlink(missing_ok=True)


def test_a_start_that_was_cut_short_begins_again(tmp_path):
    """An empty database that is alone in its folder is that of a first start, and is set up."""
    (tmp_path / "assay.db").touch()
    open_store(sqlite_url(tmp_path), upgrade=True).close()
