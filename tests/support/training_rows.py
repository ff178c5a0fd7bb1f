"""Datasets for trainings: real rows, put into the store as uploads would bring them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image
from sklearn import datasets

from assay.features.datasets.model import NewDataset, StoredSplit
from assay.features.datasets.split_writer import PutBlob, SplitWriter
from assay.features.datasets.store import Datasets
from assay.features.datasets.stored_split import SplitManifest
from assay.features.models.model import Model, NewModel
from assay.features.models.store import Models
from assay.features.training.model import TASKS
from assay.features.training.submission_service import JobRequest, Submissions
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.learning.rows import TaskType, canonical_schema
from assay.records import encode
from tools.demo.invoices import invoices as made_invoices
from tools.demo.languages import language_records
from tools.demo.pages import pages

ORG = "acme"

Splits = Mapping[str, pa.Table]


class OrganizationBlobs:
    """Where the rows of an organization go."""

    def __init__(self, blobs: BlobStore, organization_id: str) -> None:
        self._blobs = blobs
        self._organization_id = organization_id

    def put(self, data: bytes) -> str:
        """Store bytes and return their address."""
        return self._blobs.put(self._organization_id, data)


class Rows:
    """Rows as a dataset stores them: addresses of manifests, and the manifests."""

    def __init__(
        self, task_type: TaskType, splits: Splits, blobs: PutBlob, *, block_rows: int = 50_000
    ) -> None:
        self.task_type = task_type
        self.manifests: dict[str, SplitManifest] = {}
        self.stored: dict[str, StoredSplit] = {}
        for name, table in splits.items():
            writer = SplitWriter(task_type, table.schema, blobs)
            for batch in table.to_batches(max_chunksize=block_rows):
                writer.add(batch)
            manifest = writer.finish()
            self.manifests[name] = manifest
            self.stored[name] = StoredSplit(
                manifest=blobs.put(encode(manifest)),
                rows=manifest.rows,
                bytes=sum(one.bytes for one in manifest.blocks),
            )


def put_dataset(uow: UnitOfWork, organization_id: str, name: str, rows: Rows) -> str:
    """Store a dataset of one revision; return its id."""
    made = uow[Datasets].create(organization_id, NewDataset(name=name, task_type=rows.task_type))
    job = uow[Jobs].submit(organization_id, NewJob(kind="rows", spec=b"{}"))
    uow[Datasets].add_revision(
        organization_id,
        made.dataset_id,
        rows.stored,
        blobs=[address for one in rows.manifests.values() for address in one.addresses],
        job_id=job.job_id,
        created_by="ann",
    )
    return made.dataset_id


def put_model(uow: UnitOfWork, organization_id: str, path: str, task_type: TaskType) -> Model:
    """Store a model with a path."""
    new = NewModel(name=path.rpartition("/")[2], task_type=TASKS[task_type], project_path=path)
    return uow[Models].create(organization_id, new)


@cache
def digits() -> Splits:
    """Digits as tabular rows: 64 numbers, ten classes; 1 000 train, 397 validate, 400 test."""
    data = datasets.load_digits()
    order = np.random.default_rng(7).permutation(len(data.target))
    columns: dict[str, list[object]] = {"row_id": [f"digit-{row}" for row in order]}
    for pixel in range(64):
        columns[f"p{pixel:02d}"] = (data.data[order, pixel] / 16).tolist()
    columns["label"] = [str(label) for label in data.target[order]]
    features = [pa.field(f"p{pixel:02d}", pa.float64()) for pixel in range(64)]
    schema = canonical_schema(TaskType.TABULAR_CLASSIFICATION, features)
    table = pa.table(columns, schema=schema)
    return _cut(table, 1_000, 397)


@cache
def diabetes() -> Splits:
    """Diabetes: ten numbers and a category, of a regression; some values are missing."""
    data = datasets.load_diabetes()
    order = np.random.default_rng(3).permutation(len(data.target))
    columns: dict[str, list[object]] = {"row_id": [f"patient-{row}" for row in order]}
    for at, name in enumerate(data.feature_names):
        values = data.data[order, at].tolist()
        columns[name] = [None if row % 50 == at else one for row, one in enumerate(values)]
    columns["site"] = [("north", "south", None)[row % 3] for row in range(len(order))]
    columns["target"] = data.target[order].tolist()
    features = [pa.field(name, pa.float64()) for name in data.feature_names]
    features.append(pa.field("site", pa.string()))
    schema = canonical_schema(TaskType.TABULAR_REGRESSION, features)
    return _cut(pa.table(columns, schema=schema), 300, 70)


@cache
def texts() -> Splits:
    """Names in four languages: 36 records of each to train with, 12 to validate and to test."""
    schema = canonical_schema(TaskType.TEXT_CLASSIFICATION)
    splits = {}
    for split in ("train", "validation", "test"):
        found = list(language_records(split, per_language=60, languages=("da", "sv", "de", "nl")))
        columns = {
            "row_id": [one.row_id for one in found],
            "pages": [[one.text] for one in found],
            "label": [one.label for one in found],
        }
        splits[split] = pa.table(columns, schema=schema)
    return splits


@cache
def invoices() -> Splits:
    """Printed invoices: 60 to train with, 20 to validate and to test."""
    printed = list(pages(made_invoices(100, seed=5), seed=5))
    schema = canonical_schema(TaskType.EXTRACTION, boxes=True)
    columns = {
        "row_id": [one.row_id for one in printed],
        "words": [list(one.words) for one in printed],
        "labels": [list(one.labels) for one in printed],
        "boxes": [[list(box) for box in one.boxes] for one in printed],
    }
    return _cut(pa.table(columns, schema=schema), 60, 20)


@cache
def images() -> Splits:
    """Digits as PNG files of 8 × 8 pixels: 300 to train with, 100 to validate and to test."""
    data = datasets.load_digits()
    columns = {
        "row_id": [f"digit-{row}" for row in range(500)],
        "image": [_png(image) for image in data.images[:500]],
        "label": [str(label) for label in data.target[:500]],
    }
    return _cut(pa.table(columns, schema=canonical_schema(TaskType.IMAGE_CLASSIFICATION)), 300, 100)


def _png(image: NDArray[np.float64]) -> bytes:
    file = io.BytesIO()
    Image.fromarray((image * 15.9).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def _cut(table: pa.Table, train: int, validation: int) -> Splits:
    return {
        "train": table.slice(0, train),
        "validation": table.slice(train, validation),
        "test": table.slice(train + validation),
    }


def submit(
    store: Store, blobs: BlobStore, path: str, dataset_id: str, hyperparams: Mapping[str, Any]
) -> str:
    """Submit a training; return its job."""
    request = JobRequest(
        job_type="training",
        model_project_path=path,
        dataset_id=dataset_id,
        hyperparams=hyperparams,
    )
    return Submissions(store, blobs).submit(ORG, request)
