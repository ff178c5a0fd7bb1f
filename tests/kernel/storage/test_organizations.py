"""What belongs to one organization is absent for every other one, whatever the method."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from assay import records
from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.artifacts.store import VersionArtifacts
from assay.features.benchmarks.store import Benchmarks
from assay.features.catalogue.card import StoredCard
from assay.features.catalogue.engines_store import Engines
from assay.features.catalogue.store import Catalogue
from assay.features.datasets.profile import RevisionProfile
from assay.features.datasets.store import Datasets
from assay.features.evaluations.model import NewEvaluation
from assay.features.evaluations.revisions_store import Revisions
from assay.features.evaluations.store import Evaluations
from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.features.field_schemas.store import UserSchemas
from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.features.inference.history_query import HistoryQuery
from assay.features.inference.history_store import InferenceHistory
from assay.features.inference.model import (
    FinishedInput,
    InputState,
    InputType,
    Item,
    ItemForm,
    NewInferenceJob,
    NewInput,
    Vote,
)
from assay.features.inference.results_store import InferenceResults
from assay.features.inference.statistics_store import InferenceStatistics
from assay.features.inference.store import InferenceJobs
from assay.features.inference.votes_store import InferenceVotes
from assay.features.keys.store import Keys
from assay.features.models.model import NewVersion
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.features.registry import FEATURES
from assay.features.remote.model import Content, Datatype, RemoteInput, RemoteSpec
from assay.features.training.model import Facts, JobType, NewModelJob, Split
from assay.features.training.store import ModelJobs
from assay.kernel.errors import NotFound
from assay.kernel.feature import KERNEL_STORES
from assay.kernel.identity import ApiKey
from assay.kernel.jobs.events import Events, StatusUpdates
from assay.kernel.jobs.job import NewEvent, TaskRecord
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blob_references import BlobReferences
from assay.kernel.storage.requests import Requests
from assay.kernel.storage.usage import Usages
from assay.learning.rows import TaskType
from tests.features.benchmarks.test_store import SCORES, add_benchmark
from tests.features.datasets.test_store import TEXTS
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
STORES = (*KERNEL_STORES, *(store for feature in FEATURES for store in feature.stores))
EVALUATION = NewEvaluation(
    model_id="m", version_id="v", dataset_split="test", job_id="queued", spec=SPEC
)
MODEL_JOB = NewModelJob(
    job_type=JobType.TRAINING,
    model_id="m",
    dataset_id="d",
    dataset_revision=1,
    version_id="v",
    facts=Facts(platform_version="1", learning_version="1", train=Split(), test=Split()),
)
ARTIFACT = Artifact(
    kind=ArtifactKind.TRAINED,
    blob="sha256:x",
    bytes=1,
    task_type=TaskType.TEXT_CLASSIFICATION,
    labels=("a", "b"),
    learning_version="1",
    libraries={},
)
INFERENCE = NewInferenceJob(
    model_id="m",
    model_name="m",
    version_id="v",
    version_label="1.0.0",
    task_type=TaskType.TEXT_CLASSIFICATION,
    input_type=InputType.FILE,
    explain=False,
    timeout_ms=None,
    submitted_by="x",
    key_prefix="key",
)
FINISHED = FinishedInput(
    position=0,
    name="i",
    state=InputState.FAILED,
    engine="pool-1",
    started_at=KEY.created_at,
    ended_at=KEY.created_at,
    elapsed_ms=1,
    error="no text",
)
INPUT = NewInput(name="i", items=(Item(name="input.txt", form=ItemForm.TEXT, size=0),))
REMOTE = RemoteSpec(
    endpoint="models.example:8001",
    model_name="m",
    inputs=(RemoteInput(name="t", datatype=Datatype.BYTES, content=Content.TEXT),),
    output="scores",
    labels=("no", "yes"),
)
CHUNK = {"first_row": 0, "rows": 1, "sha256": "a", "blob": None, "partial": None}

# Every method that takes an organization, with arguments that name ORG's rows.
REFUSED = {
    "models.get": lambda uow: uow[Models].get(OTHER, "m"),
    "models.by_path": lambda uow: uow[Models].by_path(OTHER, "p"),
    "versions.find": lambda uow: uow[Versions].find(OTHER, "m", "v"),
    "catalogue.declaration": lambda uow: uow[Catalogue].declaration(OTHER, "m", "v"),
    "inference_jobs.add_inputs": lambda uow: uow[InferenceJobs].add_inputs(
        OTHER, "opened", [INPUT]
    ),
    "models.samples": lambda uow: uow[Models].samples(OTHER, "m"),
    "models.update": lambda uow: uow[Models].update(OTHER, uow[Models].get(ORG, "m")),
    "models.delete": lambda uow: uow[Models].delete(OTHER, "m"),
    "versions.create": lambda uow: uow[Versions].create(OTHER, "m", NewVersion()),
    "versions.create_remote": lambda uow: uow[Versions].create_remote(
        OTHER, "m", NewVersion(remote=REMOTE), REMOTE, ""
    ),
    "versions.get": lambda uow: uow[Versions].get(OTHER, "m", "v"),
    "versions.list": lambda uow: uow[Versions].list(OTHER, "m", limit=9),
    "versions.mark_training": lambda uow: uow[Versions].mark_training(OTHER, "m", "v"),
    "versions.mark_ready": lambda uow: uow[Versions].mark_ready(OTHER, "m", "v"),
    "versions.mark_failed": lambda uow: uow[Versions].mark_failed(OTHER, "m", "v"),
    "versions.set_metrics": lambda uow: uow[Versions].set_metrics(OTHER, "m", "v", {}),
    "versions.set_hyperparameters": lambda uow: uow[Versions].set_hyperparameters(
        OTHER, "m", "v", {}
    ),
    "versions.promote": lambda uow: uow[Versions].promote(OTHER, "m", "v", promoted_by="x"),
    "evaluations.create": lambda uow: uow[Evaluations].create(OTHER, EVALUATION),
    "evaluations.get": lambda uow: uow[Evaluations].get(OTHER, "e"),
    "evaluations.list": lambda uow: uow[Evaluations].list(OTHER, "m", limit=9),
    "versions.delete": lambda uow: uow[Versions].delete(OTHER, "m", "v"),
    "revisions.get": lambda uow: uow[Revisions].get(OTHER, "m", "v", "test", 1),
    "revisions.serve": lambda uow: uow[Revisions].serve(OTHER, "e"),
    "revisions.delete": lambda uow: uow[Revisions].delete(OTHER, "e"),
    "evaluations.current": lambda uow: uow[Evaluations].current(OTHER, "m", "v", "test"),
    "evaluations.serving": lambda uow: uow[Evaluations].serving(OTHER, "m", "v", "test"),
    "evaluations.splits_evaluated": lambda uow: uow[Evaluations].splits_evaluated(OTHER, "m", "v"),
    "evaluations.finish": lambda uow: uow[Evaluations].finish(OTHER, "e", result_with(1.0)),
    "keys.get": lambda uow: uow[Keys].get(OTHER, "prefix"),
    "keys.revoke": lambda uow: uow[Keys].revoke(OTHER, "prefix"),
    "jobs.lock": lambda uow: uow[Jobs].lock(OTHER, "running"),
    "jobs.get": lambda uow: uow[Jobs].get(OTHER, "running"),
    "jobs.request_cancel": lambda uow: uow[Jobs].request_cancel(OTHER, "queued"),
    "jobs.add_batch": lambda uow: uow[Jobs].add_batch(OTHER, "upload", **CHUNK),
    "jobs.finish_upload": lambda uow: uow[Jobs].finish_upload(OTHER, "upload", rows=1),
    "jobs.tasks": lambda uow: uow[Jobs].tasks(OTHER, "upload"),
    "jobs.release": lambda uow: uow[Jobs].release(OTHER, "running", 1),
    "jobs.retry": lambda uow: uow[Jobs].retry(
        OTHER, "running", 1, not_before=KEY.created_at, counts=True
    ),
    "jobs.retry_state": lambda uow: uow[Jobs].retry_state(OTHER, "running"),
    "jobs.note_in_flight": lambda uow: uow[Jobs].note_in_flight(OTHER, "running", 1, ["task s"]),
    "jobs.checkpoint": lambda uow: uow[Jobs].checkpoint(OTHER, "running", 1, [TaskRecord(key="s")]),
    "jobs.end": lambda uow: uow[Jobs].end(OTHER, "running", 1, JobState.CANCELED),
    "jobs.check_lease": lambda uow: uow[Jobs].check_lease(OTHER, "running", 1),
    "jobs.complete": lambda uow: uow[Jobs].complete(OTHER, "opened", spec=b"{}"),
    "inference_jobs.create": lambda uow: uow[InferenceJobs].create(
        OTHER, "queued", INFERENCE, [INPUT]
    ),
    "inference_jobs.open": lambda uow: uow[InferenceJobs].open(OTHER, "queued", INFERENCE),
    "inference_jobs.add_input": lambda uow: uow[InferenceJobs].add_input(OTHER, "opened", INPUT),
    "inference_jobs.close": lambda uow: uow[InferenceJobs].close(OTHER, "opened"),
    "inference_jobs.get": lambda uow: uow[InferenceJobs].get(OTHER, "opened"),
    "inference_jobs.input": lambda uow: uow[InferenceJobs].input(OTHER, "opened", "i"),
    "inference_results.named": lambda uow: uow[InferenceResults].named(OTHER, "opened", "i"),
    "events.append": lambda uow: uow[Events].append(
        OTHER, "running", [NewEvent(kind="x", data={})]
    ),
    "events.after": lambda uow: uow[Events].after(OTHER, "running", 0),
    "events.oldest": lambda uow: uow[Events].oldest(OTHER, "running"),
    "status_updates.put": lambda uow: uow[StatusUpdates].put(OTHER, "running", "k", {}),
    "status_updates.after": lambda uow: uow[StatusUpdates].after(OTHER, "running"),
    "user_schemas.get": lambda uow: uow[UserSchemas].get(OTHER, schema(uow).user_schema_id),
    "user_schemas.hold": lambda uow: uow[UserSchemas].hold(OTHER, schema(uow).user_schema_id),
    "user_schemas.update": lambda uow: uow[UserSchemas].update(OTHER, schema(uow)),
    "user_schemas.delete": lambda uow: uow[UserSchemas].delete(OTHER, schema(uow).user_schema_id),
    "ground_truth_datasets.held": lambda uow: uow[GroundTruthDatasets].held(OTHER, dataset(uow)),
    "ground_truth_datasets.get": lambda uow: uow[GroundTruthDatasets].get(OTHER, dataset(uow)),
    "ground_truth_datasets.update": lambda uow: uow[GroundTruthDatasets].update(
        OTHER, uow[GroundTruthDatasets].get(ORG, dataset(uow))
    ),
    "ground_truth_datasets.delete": lambda uow: uow[GroundTruthDatasets].delete(
        OTHER, dataset(uow)
    ),
    "entries.add": lambda uow: uow[Entries].add(OTHER, dataset(uow), entry("new")),
    "entries.add_many": lambda uow: uow[Entries].add_many(OTHER, dataset(uow), [entry("new")]),
    "entries.get": lambda uow: uow[Entries].get(OTHER, dataset(uow), first_entry(uow)),
    "entries.list": lambda uow: uow[Entries].list(OTHER, dataset(uow), limit=9),
    "entries.delete": lambda uow: uow[Entries].delete(OTHER, dataset(uow), first_entry(uow)),
    "entries.by_document": lambda uow: uow[Entries].by_document(OTHER, dataset(uow), limit=9),
    "extractions.pairs": lambda uow: uow[Extractions].pairs(
        OTHER, dataset(uow), run_id=None, limit=9
    ),
    "extraction_runs.held": lambda uow: uow[ExtractionRuns].held(OTHER, run(uow)),
    "extraction_runs.get": lambda uow: uow[ExtractionRuns].get(OTHER, run(uow)),
    "extraction_runs.delete": lambda uow: uow[ExtractionRuns].delete(OTHER, run(uow)),
    "extractions.add_many": lambda uow: uow[Extractions].add_many(
        OTHER, run(uow), [extraction("n")]
    ),
    "extractions.get": lambda uow: uow[Extractions].get(OTHER, run(uow), first_extraction(uow)),
    "extractions.list": lambda uow: uow[Extractions].list(OTHER, run(uow), limit=9),
    "benchmarks.get": lambda uow: uow[Benchmarks].get(OTHER, "one-id"),
    "benchmarks.delete": lambda uow: uow[Benchmarks].delete(OTHER, "one-id"),
    "benchmarks.finish": lambda uow: uow[Benchmarks].finish(OTHER, "one-id", SCORES),
    "model_jobs.create": lambda uow: uow[ModelJobs].create(OTHER, "queued", MODEL_JOB),
    "model_jobs.get": lambda uow: uow[ModelJobs].get(OTHER, "done"),
    "model_jobs.set_facts": lambda uow: uow[ModelJobs].set_facts(OTHER, "done", MODEL_JOB.facts),
    "version_artifacts.put": lambda uow: uow[VersionArtifacts].put(
        OTHER, "m", "v", job_id="done", artifact=ARTIFACT
    ),
}
REFUSED |= {
    "datasets.get": lambda uow: uow[Datasets].get(OTHER, rows_of(uow)),
    "datasets.find": lambda uow: uow[Datasets].find(OTHER, rows_of(uow)),
    "datasets.hold": lambda uow: uow[Datasets].hold(OTHER, rows_of(uow)),
    "datasets.delete": lambda uow: uow[Datasets].delete(OTHER, rows_of(uow), cascade=True),
    "datasets.add_revision": lambda uow: uow[Datasets].add_revision(
        OTHER, rows_of(uow), {}, blobs=(), job_id="done", created_by="x"
    ),
    "datasets.revision": lambda uow: uow[Datasets].revision(OTHER, rows_of(uow)),
    "datasets.list_revisions": lambda uow: uow[Datasets].list_revisions(
        OTHER, rows_of(uow), limit=9
    ),
}
EMPTY = {
    "datasets.list": lambda uow: uow[Datasets].list(OTHER, limit=9).items,
    "datasets.profile": lambda uow: uow[Datasets].profile(OTHER, rows_of(uow), 1),
    "datasets.put_profile": lambda uow: uow[Datasets].put_profile(
        OTHER, rows_of(uow), 1, RevisionProfile(splits=(), overlaps=(), warnings=())
    ),
    "datasets.revision_of": lambda uow: uow[Datasets].revision_of(OTHER, "done"),
    "extractions.foreign": lambda uow: uow[Extractions].foreign(OTHER, dataset(uow), run(uow), 9),
    "inference_jobs.inputs": lambda uow: uow[InferenceJobs].inputs(OTHER, "opened", limit=9),
    "inference_jobs.opened_input": lambda uow: uow[InferenceJobs].opened_input(
        OTHER, "opened", "i"
    ),
    "models.set_samples": lambda uow: uow[Models].set_samples(OTHER, "m", sample_input="{}"),
    "catalogue.card": lambda uow: uow[Catalogue].card(OTHER, "m", "v").updated_at,
    "catalogue.descriptions": lambda uow: uow[Catalogue].descriptions(OTHER),
    "catalogue.models": lambda uow: uow[Catalogue].models(OTHER),
    "catalogue.tagged": lambda uow: uow[Catalogue].tagged(OTHER),
    "catalogue.versions": lambda uow: any(uow[Catalogue].versions(OTHER, ["m"]).values()),
    "engines.hosts_of": lambda uow: uow[Engines].hosts_of(OTHER),
    "inference_jobs.set_sizes": lambda uow: uow[InferenceJobs].set_sizes(OTHER, "opened", {0: 1}),
    "inference_results.page": lambda uow: uow[InferenceResults].page(OTHER, "opened", limit=9),
    "inference_results.never_ran": lambda uow: uow[InferenceResults].never_ran(
        OTHER, "opened", limit=9
    ),
    "inference_results.at": lambda uow: uow[InferenceResults].at(OTHER, "opened", [0]),
    "inference_results.finished_positions": lambda uow: uow[InferenceResults].finished_positions(
        OTHER, "opened"
    ),
    "inference_results.latencies": lambda uow: (
        uow[InferenceResults].latencies(OTHER, "opened").inputs
    ),
    "inference_history.page": lambda uow: uow[InferenceHistory].page(OTHER, HistoryQuery()),
    "inference_history.jobs": lambda uow: uow[InferenceHistory].jobs(OTHER, ["opened"]),
    "inference_statistics.of_keys": lambda uow: uow[InferenceStatistics].of_keys(OTHER),
    "inference_statistics.of_key": lambda uow: (
        uow[InferenceStatistics].of_key(OTHER, "key").versions
    ),
    "inference_votes.put": lambda uow: uow[InferenceVotes].put(
        OTHER, "opened", 0, "x", Vote.NO_VOTES
    ),
    "inference_votes.find": lambda uow: (
        uow[InferenceVotes].find(OTHER, "opened", 0, "x") is not Vote.NO_VOTES
    ),
    "inference_votes.counts": lambda uow: uow[InferenceVotes].counts(OTHER, "opened"),
    "inference_votes.count": lambda uow: uow[InferenceVotes].count(OTHER, "opened", 0) != (0, 0),
    "inference_jobs.opened_inputs": lambda uow: uow[InferenceJobs].opened_inputs(OTHER, "opened"),
    "inference_jobs.start_inputs": lambda uow: uow[InferenceJobs].start_inputs(
        OTHER, "opened", [(0, 0)]
    ),
    "inference_jobs.finish_inputs": lambda uow: uow[InferenceJobs].finish_inputs(
        OTHER, "opened", [FINISHED]
    ),
    "inference_jobs.fail_unfinished": lambda uow: uow[InferenceJobs].fail_unfinished(
        OTHER, "opened", "ended"
    ),
    "models.get_many": lambda uow: uow[Models].get_many(OTHER, ["m"]),
    "models.list": lambda uow: uow[Models].list(OTHER, limit=9).items,
    "usages.of": lambda uow: uow[Usages].of(OTHER).blobs,
    "models.count": lambda uow: uow[Models].count(OTHER),
    "versions.counts": lambda uow: uow[Versions].counts(OTHER, ["m"])["m"],
    "keys.list": lambda uow: uow[Keys].list(OTHER, limit=9).items,
    "requests.find": lambda uow: uow[Requests].find(OTHER, "method", "r", "hash"),
    "jobs.get_many": lambda uow: uow[Jobs].get_many(OTHER, ["queued"]),
    "jobs.list": lambda uow: uow[Jobs].list(OTHER, limit=9).items,
    "user_schemas.list": lambda uow: uow[UserSchemas].list(OTHER, limit=9).items,
    "user_schemas.count": lambda uow: uow[UserSchemas].count(OTHER),
    "ground_truth_datasets.list": lambda uow: uow[GroundTruthDatasets].list(OTHER, limit=9).items,
    "ground_truth_datasets.count": lambda uow: uow[GroundTruthDatasets].count(OTHER),
    "extraction_runs.list": lambda uow: uow[ExtractionRuns].list(OTHER, limit=9).items,
    "extraction_runs.count": lambda uow: uow[ExtractionRuns].count(OTHER),
    "ground_truth_datasets.grow": lambda uow: uow[GroundTruthDatasets].grow(
        OTHER, dataset(uow), 9, 9
    ),
    "extraction_runs.grow": lambda uow: uow[ExtractionRuns].grow(OTHER, run(uow), 9, 9),
    "entries.by_id": lambda uow: uow[Entries].by_id(OTHER, [first_entry(uow)]),
    "benchmarks.list": lambda uow: uow[Benchmarks].list(OTHER, limit=9).items,
    "benchmarks.count": lambda uow: uow[Benchmarks].count(OTHER),
    "model_jobs.list": lambda uow: uow[ModelJobs].list(OTHER, limit=9).items,
    "version_artifacts.find": lambda uow: uow[VersionArtifacts].find(OTHER, "m", "v"),
}
# These make rows of the organization that they are given, whatever others have.
FREE = {
    "datasets.create": lambda uow: uow[Datasets].create(OTHER, TEXTS),
    "usages.count": lambda uow: uow[Usages].count(OTHER, 5),
    "blob_references.add": lambda uow: uow[BlobReferences].add(OTHER, "job/queued", ["sha256:x"]),
    "blob_references.remove": lambda uow: uow[BlobReferences].remove(OTHER, "job/queued"),
    "blob_references.drop": lambda uow: uow[BlobReferences].drop(OTHER, "job/queued", ["sha256:x"]),
    "models.create": lambda uow: uow[Models].create(OTHER, records.replace(CHURN, model_id="m")),
    "versions.create": lambda uow: uow[Versions].create(OTHER, "m", NewVersion(version_id="v")),
    "catalogue.put_card": lambda uow: uow[Catalogue].put_card(
        OTHER, StoredCard(model_id="m", version_id="v")
    ),
    "jobs.submit": lambda uow: uow[Jobs].submit(OTHER, replace(NEW_JOB, job_id="queued")),
    "jobs.record": lambda uow: uow[Jobs].record(
        OTHER, replace(NEW_JOB, job_id="running"), batches=(), result=b"{}"
    ),
    "requests.record": lambda uow: uow[Requests].record(
        OTHER, "method", "r", body_hash="h", resource_id="x"
    ),
    "keys.create": lambda uow: uow[Keys].create(OTHER, replace(KEY, prefix="another")),
    "user_schemas.create": lambda uow: uow[UserSchemas].create(OTHER, NEW_SCHEMA),
    "ground_truth_datasets.create": lambda uow: uow[GroundTruthDatasets].create(OTHER, NEW_DATASET),
    "extraction_runs.create": lambda uow: uow[ExtractionRuns].create(OTHER, NEW_RUN),
    "benchmarks.create": lambda uow: add_benchmark(uow, "one", OTHER),
}


def schema(uow):
    return uow[UserSchemas].list(ORG, limit=1).items[0]


def dataset(uow):
    return uow[GroundTruthDatasets].list(ORG, limit=1).items[0].dataset_id


def rows_of(uow):
    return uow[Datasets].find(ORG, TEXTS.name).dataset_id


def first_entry(uow):
    return uow[Entries].list(ORG, dataset(uow), limit=1).items[0].entry_id


def run(uow):
    return uow[ExtractionRuns].list(ORG, limit=1).items[0].run_id


def first_extraction(uow):
    return uow[Extractions].list(ORG, run(uow), limit=1).items[0].extraction_id


@pytest.fixture
def furnished(store, runner):
    """A store in which ORG has one of everything, under ids that are known."""
    with store.write() as uow:
        add_model(uow, model_id="m", project_path="p")
        uow[Versions].create(ORG, "m", NewVersion(version_id="v"))
        add_job(uow, job_id="done", kind="evaluation")
        new = records.replace(EVALUATION, job_id="done", evaluation_id="e")
        finish(uow, runner, uow[Evaluations].create(ORG, new), 0.5)
        add_job(uow, job_id="running")
        claimed(uow, runner)
        add_job(uow, job_id="queued")
        add_upload(uow, job_id="upload")
        uow[Keys].create(ORG, KEY)
        uow[Requests].record(ORG, "method", "r", body_hash="hash", resource_id="x")
        uow[UserSchemas].create(ORG, NEW_SCHEMA)
        uow[GroundTruthDatasets].create(ORG, NEW_DATASET)
        uow[Entries].add(ORG, dataset(uow), entry("d"))
        uow[ExtractionRuns].create(ORG, NEW_RUN)
        uow[Extractions].add_many(ORG, run(uow), [extraction("d")])
        add_benchmark(uow, "one")
        rows = uow[Datasets].create(ORG, TEXTS).dataset_id
        uow[Datasets].add_revision(ORG, rows, {}, blobs=(), job_id="done", created_by="x")
        uow[ModelJobs].create(ORG, "done", MODEL_JOB)
        uow[VersionArtifacts].put(ORG, "m", "v", job_id="done", artifact=ARTIFACT)
        add_upload(uow, job_id="opened")
        uow[InferenceJobs].open(ORG, "opened", INFERENCE)
        uow[InferenceJobs].add_input(ORG, "opened", INPUT)
        uow[InferenceVotes].put(ORG, "opened", 0, "x", Vote.UP)
    return store


def contents(store) -> dict[str, list[tuple[object, ...]]]:
    from assay.kernel.storage.tables import metadata

    with store.read() as uow:
        tables = metadata.sorted_tables
        return {
            table.name: sorted(map(tuple, uow.select(table.select())), key=repr) for table in tables
        }


def test_another_organizations_row_is_not_found(furnished):
    """A method that names another organization's row is refused as absent and writes nothing."""
    before = contents(furnished)
    for method, call in REFUSED.items():
        try:
            with furnished.write() as uow:
                call(uow)
        except NotFound:
            continue
        pytest.fail(f"{method} did not refuse")
    assert contents(furnished) == before


def test_another_organizations_rows_are_not_listed(furnished):
    """Listings, counts and look-ups of many see nothing of another organization."""
    with furnished.write() as uow:
        for method, call in EMPTY.items():
            assert not call(uow), method


def test_an_id_that_another_organization_has_is_free(furnished):
    """An organization may use any id that another one uses, and learns nothing by it."""
    with furnished.write() as uow:
        for call in FREE.values():
            call(uow)
        assert uow[Models].get(ORG, "m").organization_id == ORG
        assert uow[Models].get(OTHER, "m").organization_id == OTHER


def test_every_method_that_takes_an_organization_is_walked():
    """The tests above call every method of the stores whose first argument is one."""
    walked = REFUSED.keys() | EMPTY.keys() | FREE.keys()
    for store in STORES:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", store.__name__).lower()
        for method, function in inspect.getmembers(store, inspect.isfunction):
            if method.startswith("_"):
                continue
            takes_one = "organization_id" in inspect.signature(function).parameters
            assert takes_one == (f"{name}.{method}" in walked), f"{name}.{method}"
