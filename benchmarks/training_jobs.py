"""Jobs of models: a search on two processes against one, and an evaluation against bare predictions.

The search is that of a text classifier: sixteen trials in two waves. The evaluation is a job on one
process, from its submission to its end; its peer predicts the same blocks with the decoded model in
this process, counts them and computes the same metrics, without a ledger.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import harness

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pyarrow as pa

from assay.features.registry import FEATURES
from assay.kernel.feature import kinds_of, preload_of
from assay.learning.rows import TaskType, canonical_schema
from tools.demo.languages import language_records

ORGANIZATION = "bench"
PATH = "bench/languages"
TASK = TaskType.TEXT_CLASSIFICATION
BLOCK = 250  # rows
RUNS = 3
SEARCHED = 30  # records of each language that are searched on
LEAST_SPEEDUP = 1.6
MOST_EVALUATION = 1.3
EPOCHS = {"name": "num_train_epochs", "type": "int", "low": 8, "high": 10}
RATE = {"name": "learning_rate", "type": "float", "low": 2e-5, "high": 1e-4, "log": True}
TRAINING: dict[str, Any] = {"num_train_epochs": 10}
SEARCH: dict[str, Any] = TRAINING | {
    "do_hyperparam_optimization": True,
    "hp_search_num_trials": 16,
    "hp_search_param_space": [RATE, EPOCHS],
}


class Site:
    """A store with a dataset of texts and a model, and a runner on some processes."""

    def __init__(self, folder: Path, processes: int, per_language: int) -> None:
        from assay.features.models.model import NewModel
        from assay.features.models.store import Models
        from assay.features.training.model import TASKS
        from assay.kernel.jobs.blobs import JobBlobs
        from assay.kernel.jobs.executors.process_pool import LocalPool
        from assay.kernel.jobs.runner import Runner
        from assay.kernel.storage.blobs import open_blobs
        from assay.kernel.storage.store import open_store

        self.store = open_store(f"sqlite:///{folder}/assay.db", upgrade=True)
        self.blobs = open_blobs(folder / "blobs")
        self.of_jobs = JobBlobs(self.blobs, ORGANIZATION)
        self._ended = threading.Event()
        self._pool = LocalPool(workers=processes, preload=preload_of(FEATURES))
        self._pool.warm_up()
        with self.store.write() as uow:
            new = NewModel(name="languages", task_type=TASKS[TASK], project_path=PATH)
            uow[Models].create(ORGANIZATION, new)
        self.dataset_id = self._dataset(per_language)
        self._runner = Runner(
            self.store,
            blobs=self.blobs,
            executor=self._pool,
            kinds=kinds_of(FEATURES),
            listener=lambda signal: self._ended.set() if signal.what == "ended" else None,
        )
        self._runner.start()

    def _dataset(self, per_language: int) -> str:
        from assay.features.datasets.model import NewDataset, StoredSplit
        from assay.features.datasets.split_writer import SplitWriter
        from assay.features.datasets.store import Datasets
        from assay.kernel.jobs.job import NewJob
        from assay.kernel.jobs.ledger_runs import Jobs
        from assay.records import encode

        stored, named = {}, []
        for split in ("train", "validation", "test"):
            records = list(language_records(split, per_language=per_language))
            columns = {
                "row_id": [one.row_id for one in records],
                "pages": [[one.text] for one in records],
                "label": [one.label for one in records],
            }
            schema = canonical_schema(TASK)
            writer = SplitWriter(TASK, schema, self.of_jobs)
            for batch in pa.table(columns, schema=schema).to_batches(max_chunksize=BLOCK):
                writer.add(batch)
            manifest = writer.finish()
            address = self.of_jobs.put(encode(manifest))
            size = sum(one.bytes for one in manifest.blocks)
            stored[split] = StoredSplit(manifest=address, rows=manifest.rows, bytes=size)
            named += manifest.addresses
        with self.store.write() as uow:
            new = NewDataset(name="languages", task_type=TASK)
            made = uow[Datasets].create(ORGANIZATION, new)
            job = uow[Jobs].submit(ORGANIZATION, NewJob(kind="rows", spec=b"{}"))
            uow[Datasets].add_revision(
                ORGANIZATION,
                made.dataset_id,
                stored,
                blobs=named,
                job_id=job.job_id,
                created_by="bench",
            )
        return made.dataset_id

    def run(self, job_type: str, **fields: Any) -> Any:
        """Submit a job, and return it when it has ended well."""
        from assay.features.training.store import ModelJobs
        from assay.features.training.submission_service import JobRequest, Submissions
        from assay.kernel.jobs.states import JobState

        request = JobRequest(
            job_type=job_type, model_project_path=PATH, dataset_id=self.dataset_id, **fields
        )
        self._ended.clear()
        job_id = Submissions(self.store, self.blobs).submit(ORGANIZATION, request)
        self._ended.wait()
        with self.store.read() as uow:
            job = uow[ModelJobs].get(ORGANIZATION, job_id)
        assert job.state is JobState.SUCCEEDED, job.error
        return job

    def close(self) -> None:
        """Stop everything."""
        self._runner.stop()
        self._pool.close()
        self.store.close()


@contextmanager
def site(processes: int, per_language: int = 100) -> Iterator[Site]:
    """Open a site in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        made = Site(Path(folder), processes, per_language)
        try:
            yield made
        finally:
            made.close()


def searches() -> harness.Ratio:
    """Return a search on two processes against one."""
    with site(1, SEARCHED) as one, site(2, SEARCHED) as two:
        peer, ours = harness.alternate(
            lambda: one.run("training", hyperparams=SEARCH),
            lambda: two.run("training", hyperparams=SEARCH),
            runs=RUNS,
            warm=False,
        )
    return harness.Ratio(
        name="a search of 16 trials on two processes",
        ours=ours,
        peer=peer,
        peer_name="one process",
        at_least=LEAST_SPEEDUP,
    )


def evaluations() -> harness.Ratio:
    """Return an evaluation of a stored version against its own batched predictions."""
    with site(1) as one:
        version_id = one.run("training", hyperparams=TRAINING).version_id
        ours, peer = harness.alternate(
            lambda: one.run("evaluation", version_id=version_id),
            lambda: by_hand(one, version_id),
            runs=RUNS,
        )
    return harness.Ratio(
        name="an evaluation of a stored version, as a job",
        ours=ours,
        peer=peer,
        peer_name="its predictions and metrics",
        at_most=MOST_EVALUATION,
    )


def by_hand(one: Site, version_id: str) -> None:
    """Predict the test split and compute its metrics in this process."""
    from assay.features.artifacts.store import VersionArtifacts
    from assay.features.datasets.store import Datasets
    from assay.features.datasets.stored_split import read_blocks, read_manifest
    from assay.features.evaluations.measurement import measure_split
    from assay.features.models.store import Models
    from assay.features.training.job_predictions import (
        Place,
        count_predictions,
        spec_of,
        truths_of_rows,
    )
    from assay.kernel.jobs.kind import ComputeContext
    from assay.learning.model import Model
    from assay.learning.predictions import ClassPredictions

    with one.store.read() as uow:
        model_id = uow[Models].by_path(ORGANIZATION, PATH).model_id
        made = uow[VersionArtifacts].find(ORGANIZATION, model_id, version_id)
        stored = uow[Datasets].revision(ORGANIZATION, one.dataset_id).splits["test"]
    assert made is not None
    model = Model.decode(one.of_jobs.read(made.artifact.blob))
    spec = spec_of(TASK, model.labels, None)
    context = ComputeContext(blobs=one.of_jobs)
    first_row, counted = 0, []
    for batch in read_blocks(read_manifest(stored.manifest, one.of_jobs), one.of_jobs):
        place = Place(split="test", first_row=first_row, shows_chunks=True)
        found = model.predict(batch)
        assert isinstance(found, ClassPredictions)
        true = truths_of_rows(batch, model.labels)
        part = count_predictions(found, true, spec, place, context).records
        assert part is not None
        counted.append(part)
        first_row += batch.num_rows
    measure_split("test", spec, counted, context)


def main() -> int:
    """Print the ratios; 1 if a bar is missed."""
    return harness.report("Jobs of models", [evaluations(), searches()])


if __name__ == "__main__":
    sys.exit(main())
