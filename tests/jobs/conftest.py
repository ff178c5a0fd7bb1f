"""A house for jobs: a store, blobs, a pool shared by all tests, and runners that tell."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from assay.features.evaluations.ingest import ingest_chunk
from assay.features.evaluations.job_spec import CHUNKS, CSV, EVALUATION_KIND, EvaluationJob
from assay.features.evaluations.model import EvaluationSpec, NewEvaluation
from assay.features.job_kinds import KINDS
from assay.features.models.model import NewModel, NewVersion
from assay.kernel.canonical import canonical_json
from assay.kernel.jobs.executors import LocalPool
from assay.kernel.jobs.job import Job, NewJob
from assay.kernel.jobs.runner import Runner, Signal
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blobs import BlobStore, open_blobs
from assay.kernel.storage.store import Store, open_store
from assay.settings import prepare_compute_environment
from tests.jobs.kinds_for_tests import Steps

ORG = "acme"
PATIENCE = 30.0  # seconds until a signal that never comes fails its test
TEST_KINDS = {**KINDS, "steps": Steps()}


class Signals:
    """Collects what runners tell, so that a test can wait for it."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.all: list[Signal] = []

    def __call__(self, signal: Signal) -> None:
        with self._news:
            self.all.append(signal)
            self._news.notify_all()

    def wait(self, what: str, job: Job, count: int = 1) -> None:
        """Wait until `count` signals of this name were told of a job."""

        def told() -> bool:
            return sum(s.what == what and s.job_id == job.job_id for s in self.all) >= count

        with self._news:
            assert self._news.wait_for(told, PATIENCE), f"{what} of {job.job_id}: {self.all}"


@dataclass
class House:
    """What a test of jobs needs."""

    folder: Path
    store: Store
    blobs: BlobStore
    pool: LocalPool
    runners: list[Runner] = field(default_factory=list)
    signals: Signals = field(default_factory=Signals)

    def runner(self, **settings: Any) -> Runner:
        """Start a runner that is stopped with the test."""
        values: dict[str, Any] = {
            "executor": self.pool, "kinds": TEST_KINDS, "listener": self.signals
        }  # fmt: skip  # as short as it is
        runner = Runner(self.store, **(values | settings))
        runner.start()
        self.runners.append(runner)
        return runner

    def steps(self, spec: Mapping[str, Any], **new: Any) -> Job:
        """Submit a job of the kind for tests."""
        with self.store.write() as tx:
            return tx.jobs.submit(ORG, NewJob(kind="steps", spec=canonical_json(spec), **new))

    def job(self, job: Job) -> Job:
        """Return a job as it now is."""
        with self.store.read() as tx:
            return tx.jobs.get(ORG, job.job_id)

    def events(self, job: Job) -> list[tuple[str, Mapping[str, Any]]]:
        """Return a job's log; its sequences have been checked for gaps."""
        with self.store.read() as tx:
            events = tx.events.after(ORG, job.job_id, 0)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        return [(event.kind, event.data) for event in events]

    def levels(self, job: Job) -> dict[str, Mapping[str, Any]]:
        """Return a job's levels by key."""
        with self.store.read() as tx:
            return {level.key: level.data for level in tx.levels.after(ORG, job.job_id)}

    def evaluation(self, spec: EvaluationSpec, *, csv: bytes | None = None) -> EvaluationJob:
        """Register a version and an evaluation of it, with its job."""
        with self.store.write() as tx:
            model = tx.models.create(ORG, NewModel(name="m", task_type=spec.task_type))
            version = tx.versions.create(ORG, model.model_id, NewVersion())
        asked = EvaluationJob(
            evaluation_id=f"evl-{version.version_id}",
            model_id=model.model_id,
            version_id=version.version_id,
            dataset_split="test",
            spec=spec,
            source=CHUNKS if csv is None else CSV,
            blob=None if csv is None else self.blobs.put(ORG, csv),
        )
        new = NewJob(
            kind=EVALUATION_KIND,
            spec=asked.to_json(),
            state=JobState.OPEN if csv is None else JobState.QUEUED,
        )
        with self.store.write() as tx:
            job = tx.jobs.submit(ORG, new)
            tx.evaluations.create(
                ORG,
                NewEvaluation(
                    model_id=model.model_id,
                    version_id=version.version_id,
                    dataset_split="test",
                    job_id=job.job_id,
                    spec=spec,
                    evaluation_id=asked.evaluation_id,
                ),
            )
        return asked

    def job_of(self, asked: EvaluationJob) -> Job:
        """Return the job of an evaluation."""
        with self.store.read() as tx:
            evaluation = tx.evaluations.get(ORG, asked.evaluation_id)
            return tx.jobs.get(ORG, evaluation.job_id)

    def upload(self, asked: EvaluationJob, chunks: list[bytes]) -> None:
        """Send chunks as the upload use case does, and finish."""
        job, first = self.job_of(asked), 0
        for data in chunks:
            taken = self.pool.submit(ingest_chunk, asked.to_json(), data, first).result(PATIENCE)
            address = self.blobs.put(ORG, data)
            with self.store.write() as tx:
                tx.jobs.add_chunk(
                    ORG, job.job_id, first_row=first, rows=taken.rows,
                    sha256=address.removeprefix("sha256:"), blob=address, partial=taken.partial,
                )  # fmt: skip  # one call
            first += taken.rows
        with self.store.write() as tx:
            tx.jobs.finish_upload(ORG, job.job_id, rows=first)


@pytest.fixture(scope="session")
def blob_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The blobs' folder of all tests here; content addresses keep them apart."""
    return tmp_path_factory.mktemp("blobs")


@pytest.fixture(scope="session")
def pool(blob_folder: Path) -> Iterator[LocalPool]:
    """A warm pool of two children."""
    prepare_compute_environment()
    pool = LocalPool(
        workers=2,
        blobs_url=str(blob_folder),
        memory_bytes=2 << 30,
        preload=("assay.features.job_kinds", "tests.jobs.kinds_for_tests"),
    )
    pool.warm_up()
    yield pool
    pool.close()


@pytest.fixture
def house(tmp_path: Path, pool: LocalPool, blob_folder: Path) -> Iterator[House]:
    """A fresh store with the shared pool."""
    store = open_store(f"sqlite:///{tmp_path}/assay.db", upgrade=True)
    house = House(folder=tmp_path, store=store, blobs=open_blobs(blob_folder), pool=pool)
    yield house
    for runner in house.runners:
        runner.stop()
    store.close()


class Gate:
    """A locked file at which shards that `block` wait; once opened it stays open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def open(self) -> None:
        """Let every shard pass, now and later."""
        self._file.close()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate that is opened with the end of the test, so that no child waits for ever."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()
