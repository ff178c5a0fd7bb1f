"""What belongs to one organization is absent for every other one, whatever the method."""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from assay.features.benchmarks import ports as ports_benchmarks
from assay.features.evaluations.model import NewEvaluation
from assay.features.ground_truth import ports as ports_quality
from assay.features.models.model import NewVersion
from assay.kernel.errors import NotFound
from assay.kernel.identity import ApiKey
from assay.kernel.jobs import ports as ports_jobs
from assay.kernel.jobs.job import NewEvent, TaskRecord
from assay.kernel.jobs.states import JobState
from assay.kernel.storage import ports
from tests.features.benchmarks.test_store import SCORES, add_benchmark
from tests.support.document_rows import NEW_DATASET, NEW_RUN, NEW_SCHEMA, entry, extraction
from tests.support.store_rows import (
    CHURN,
    NEW_JOB,
    ORG,
    OTHER,
    SPEC,
    add_job,
    add_model,
    add_upload,
    claimed,
    finish,
    result_with,
)

KEY = ApiKey(
    prefix="prefix",
    organization_id=ORG,
    name="ci",
    secret_hash=b"x" * 32,
    permissions=frozenset(),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
STORES = {
    "models": ports.Models,
    "versions": ports.Versions,
    "evaluations": ports.Evaluations,
    "keys": ports.Keys,
    "requests": ports.Requests,
    "jobs": ports_jobs.Jobs,
    "events": ports_jobs.Events,
    "status_updates": ports_jobs.StatusUpdates,
    "user_schemas": ports_quality.UserSchemas,
    "ground_truth": ports_quality.GroundTruth,
    "entries": ports_quality.Entries,
    "extraction_runs": ports_quality.ExtractionRuns,
    "extractions": ports_quality.Extractions,
    "benchmarks": ports_benchmarks.Benchmarks,
}
EVALUATION = NewEvaluation(
    model_id="m", version_id="v", dataset_split="test", job_id="queued", spec=SPEC
)
CHUNK = {"first_row": 0, "rows": 1, "sha256": "a", "blob": None, "partial": None}

# Every method that takes an organization, with arguments that name ORG's rows.
REFUSED = {
    "models.get": lambda tx: tx.models.get(OTHER, "m"),
    "models.by_path": lambda tx: tx.models.by_path(OTHER, "p"),
    "models.update": lambda tx: tx.models.update(OTHER, tx.models.get(ORG, "m")),
    "models.delete": lambda tx: tx.models.delete(OTHER, "m"),
    "versions.create": lambda tx: tx.versions.create(OTHER, "m", NewVersion()),
    "versions.get": lambda tx: tx.versions.get(OTHER, "v"),
    "versions.get_of": lambda tx: tx.versions.get_of(OTHER, "m", "v"),
    "versions.list": lambda tx: tx.versions.list(OTHER, "m", limit=9),
    "versions.mark_training": lambda tx: tx.versions.mark_training(OTHER, "v"),
    "versions.mark_ready": lambda tx: tx.versions.mark_ready(OTHER, "v"),
    "versions.mark_failed": lambda tx: tx.versions.mark_failed(OTHER, "v"),
    "versions.promote": lambda tx: tx.versions.promote(OTHER, "m", "v", promoted_by="x"),
    "evaluations.create": lambda tx: tx.evaluations.create(OTHER, EVALUATION),
    "evaluations.get": lambda tx: tx.evaluations.get(OTHER, "e"),
    "evaluations.list": lambda tx: tx.evaluations.list(OTHER, "m", limit=9),
    "evaluations.current": lambda tx: tx.evaluations.current(OTHER, "v", "test"),
    "evaluations.serving": lambda tx: tx.evaluations.serving(OTHER, "m", "v", "test"),
    "evaluations.splits_evaluated": lambda tx: tx.evaluations.splits_evaluated(OTHER, "v"),
    "evaluations.finish": lambda tx: tx.evaluations.finish(OTHER, "e", result_with(1.0)),
    "keys.get": lambda tx: tx.keys.get(OTHER, "prefix"),
    "keys.revoke": lambda tx: tx.keys.revoke(OTHER, "prefix"),
    "jobs.get": lambda tx: tx.jobs.get(OTHER, "running"),
    "jobs.request_cancel": lambda tx: tx.jobs.request_cancel(OTHER, "queued"),
    "jobs.add_chunk": lambda tx: tx.jobs.add_chunk(OTHER, "upload", **CHUNK),
    "jobs.finish_upload": lambda tx: tx.jobs.finish_upload(OTHER, "upload", rows=1),
    "jobs.tasks": lambda tx: tx.jobs.tasks(OTHER, "upload"),
    "jobs.release": lambda tx: tx.jobs.release(OTHER, "running", 1),
    "jobs.retry": lambda tx: tx.jobs.retry(
        OTHER, "running", 1, not_before=KEY.created_at, counts=True
    ),
    "jobs.retry_state": lambda tx: tx.jobs.retry_state(OTHER, "running"),
    "jobs.note_in_flight": lambda tx: tx.jobs.note_in_flight(OTHER, "running", 1, ["task s"]),
    "jobs.checkpoint": lambda tx: tx.jobs.checkpoint(OTHER, "running", 1, [TaskRecord(key="s")]),
    "jobs.end": lambda tx: tx.jobs.end(OTHER, "running", 1, JobState.CANCELED),
    "events.append": lambda tx: tx.events.append(OTHER, "running", [NewEvent(kind="x", data={})]),
    "events.after": lambda tx: tx.events.after(OTHER, "running", 0),
    "events.oldest": lambda tx: tx.events.oldest(OTHER, "running"),
    "status_updates.put": lambda tx: tx.status_updates.put(OTHER, "running", "k", {}),
    "status_updates.after": lambda tx: tx.status_updates.after(OTHER, "running"),
    "user_schemas.get": lambda tx: tx.user_schemas.get(OTHER, schema(tx).user_schema_id),
    "user_schemas.update": lambda tx: tx.user_schemas.update(OTHER, schema(tx)),
    "user_schemas.delete": lambda tx: tx.user_schemas.delete(OTHER, schema(tx).user_schema_id),
    "ground_truth.get": lambda tx: tx.ground_truth.get(OTHER, dataset(tx)),
    "ground_truth.update": lambda tx: tx.ground_truth.update(
        OTHER, tx.ground_truth.get(ORG, dataset(tx))
    ),
    "ground_truth.delete": lambda tx: tx.ground_truth.delete(OTHER, dataset(tx)),
    "entries.add": lambda tx: tx.entries.add(OTHER, dataset(tx), entry("new")),
    "entries.add_many": lambda tx: tx.entries.add_many(OTHER, dataset(tx), [entry("new")]),
    "entries.get": lambda tx: tx.entries.get(OTHER, dataset(tx), first_entry(tx)),
    "entries.list": lambda tx: tx.entries.list(OTHER, dataset(tx), limit=9),
    "entries.delete": lambda tx: tx.entries.delete(OTHER, dataset(tx), first_entry(tx)),
    "entries.by_document": lambda tx: tx.entries.by_document(OTHER, dataset(tx), limit=9),
    "entries.pairs": lambda tx: tx.entries.pairs(OTHER, dataset(tx), run_id=None, limit=9),
    "extraction_runs.get": lambda tx: tx.extraction_runs.get(OTHER, run(tx)),
    "extraction_runs.delete": lambda tx: tx.extraction_runs.delete(OTHER, run(tx)),
    "extractions.add_many": lambda tx: tx.extractions.add_many(OTHER, run(tx), [extraction("n")]),
    "extractions.get": lambda tx: tx.extractions.get(OTHER, run(tx), first_extraction(tx)),
    "extractions.list": lambda tx: tx.extractions.list(OTHER, run(tx), limit=9),
    "benchmarks.get": lambda tx: tx.benchmarks.get(OTHER, "one-id"),
    "benchmarks.finish": lambda tx: tx.benchmarks.finish(OTHER, "one-id", SCORES),
}
EMPTY = {
    "models.get_many": lambda tx: tx.models.get_many(OTHER, ["m"]),
    "models.list": lambda tx: tx.models.list(OTHER, limit=9).items,
    "models.count": lambda tx: tx.models.count(OTHER),
    "versions.counts": lambda tx: tx.versions.counts(OTHER, ["m"])["m"],
    "keys.list": lambda tx: tx.keys.list(OTHER, limit=9).items,
    "requests.find": lambda tx: tx.requests.find(OTHER, "method", "r", "hash"),
    "jobs.get_many": lambda tx: tx.jobs.get_many(OTHER, ["queued"]),
    "jobs.list": lambda tx: tx.jobs.list(OTHER, limit=9).items,
    "user_schemas.list": lambda tx: tx.user_schemas.list(OTHER, limit=9).items,
    "user_schemas.count": lambda tx: tx.user_schemas.count(OTHER),
    "ground_truth.list": lambda tx: tx.ground_truth.list(OTHER, limit=9).items,
    "ground_truth.count": lambda tx: tx.ground_truth.count(OTHER),
    "extraction_runs.list": lambda tx: tx.extraction_runs.list(OTHER, limit=9).items,
    "extraction_runs.count": lambda tx: tx.extraction_runs.count(OTHER),
    "benchmarks.list": lambda tx: tx.benchmarks.list(OTHER, limit=9).items,
    "benchmarks.count": lambda tx: tx.benchmarks.count(OTHER),
}
# These make rows of the organization that they are given, whatever others have.
FREE = {
    "models.create": lambda tx: tx.models.create(OTHER, replace(CHURN, model_id="m")),
    "jobs.submit": lambda tx: tx.jobs.submit(OTHER, replace(NEW_JOB, job_id="queued")),
    "requests.record": lambda tx: tx.requests.record(
        OTHER, "method", "r", body_hash="h", resource_id="x"
    ),
    "keys.create": lambda tx: tx.keys.create(OTHER, replace(KEY, prefix="another")),
    "user_schemas.create": lambda tx: tx.user_schemas.create(OTHER, NEW_SCHEMA),
    "ground_truth.create": lambda tx: tx.ground_truth.create(OTHER, NEW_DATASET),
    "extraction_runs.create": lambda tx: tx.extraction_runs.create(OTHER, NEW_RUN),
    "benchmarks.create": lambda tx: add_benchmark(tx, "one", OTHER),
}


def schema(tx):
    return tx.user_schemas.list(ORG, limit=1).items[0]


def dataset(tx):
    return tx.ground_truth.list(ORG, limit=1).items[0].dataset_id


def first_entry(tx):
    return tx.entries.list(ORG, dataset(tx), limit=1).items[0].entry_id


def run(tx):
    return tx.extraction_runs.list(ORG, limit=1).items[0].run_id


def first_extraction(tx):
    return tx.extractions.list(ORG, run(tx), limit=1).items[0].extraction_id


@pytest.fixture
def furnished(store, runner):
    """A store in which ORG has one of everything, under ids that are known."""
    with store.write() as tx:
        add_model(tx, model_id="m", project_path="p")
        tx.versions.create(ORG, "m", NewVersion(version_id="v"))
        add_job(tx, job_id="done", kind="evaluation")
        new = replace(EVALUATION, job_id="done", evaluation_id="e")
        finish(tx, runner, tx.evaluations.create(ORG, new), 0.5)
        add_job(tx, job_id="running")
        claimed(tx, runner)
        add_job(tx, job_id="queued")
        add_upload(tx, job_id="upload")
        tx.keys.create(ORG, KEY)
        tx.requests.record(ORG, "method", "r", body_hash="hash", resource_id="x")
        tx.user_schemas.create(ORG, NEW_SCHEMA)
        tx.ground_truth.create(ORG, NEW_DATASET)
        tx.entries.add(ORG, dataset(tx), entry("d"))
        tx.extraction_runs.create(ORG, NEW_RUN)
        tx.extractions.add_many(ORG, run(tx), [extraction("d")])
        add_benchmark(tx, "one")
    return store


def contents(store) -> dict[str, list[tuple[object, ...]]]:
    from assay.kernel.storage.tables import metadata

    with store.read() as tx:
        tables = metadata.sorted_tables
        return {
            table.name: sorted(map(tuple, tx.session.select(table.select())), key=repr)
            for table in tables
        }


def test_another_organizations_row_is_not_found(furnished):
    """A method that names another organization's row is refused as absent and writes nothing."""
    before = contents(furnished)
    for method, call in REFUSED.items():
        try:
            with furnished.write() as tx:
                call(tx)
        except NotFound:
            continue
        pytest.fail(f"{method} did not refuse")
    assert contents(furnished) == before


def test_another_organizations_rows_are_not_listed(furnished):
    """Listings, counts and look-ups of many see nothing of another organization."""
    with furnished.write() as tx:
        for method, call in EMPTY.items():
            assert not call(tx), method


def test_an_id_that_another_organization_has_is_free(furnished):
    """An organization may use any id that another one uses, and learns nothing by it."""
    with furnished.write() as tx:
        for call in FREE.values():
            call(tx)
        assert tx.models.get(ORG, "m").organization_id == ORG
        assert tx.models.get(OTHER, "m").organization_id == OTHER


def test_every_method_that_takes_an_organization_is_walked():
    """The tests above call every method of the stores whose first argument is one."""
    walked = REFUSED.keys() | EMPTY.keys() | FREE.keys()
    for name, port in STORES.items():
        for method, function in inspect.getmembers(port, inspect.isfunction):
            if method.startswith("_"):
                continue
            takes_one = "organization_id" in inspect.signature(function).parameters
            assert takes_one == (f"{name}.{method}" in walked), f"{name}.{method}"
