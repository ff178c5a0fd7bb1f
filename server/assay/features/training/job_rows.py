"""The rows that a training reads: blocks of its splits, and those held out for validation.

A dataset without a validation split has a part of its training rows held out: of each class those
whose ids have the lowest hashes, or whole groups, so that any cut into blocks gives the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.features.datasets.stored_split import (
    SplitManifest,
    read_block,
    read_blocks,
    read_manifest,
)
from assay.features.training.job_spec import TEST, TRAIN, VALIDATION, TrainingJob
from assay.kernel.errors import FailedPrecondition
from assay.kernel.jobs.blobs import JobBlobs
from assay.learning.errors import DataError
from assay.learning.rows import GROUP, LABEL, ROW_ID
from assay.records import Record
from assay.tabular.arrays import from_numbers

Hashes = NDArray[np.uint64]
_ALL = ""  # the class of rows that have none


class BlockPayload(Record):
    """A block of rows of one split."""

    split: str  # what the rows are for
    stored: str  # the stored split that holds them
    number: int  # of its blocks, from 0


class HeldOut(Record):
    """Which training rows are for validation: those whose hash is below a limit of their class."""

    grouped: bool = False  # hashes are of groups
    limits: Mapping[str, int] = {}  # by class; none: no row is held out


@contextmanager
def data_refused() -> Iterator[None]:
    """Raise FailedPrecondition, which ends the job, for rows that nothing can be learned from."""
    try:
        yield
    except DataError as error:
        row = {} if error.row_id is None else {"row_id": error.row_id}
        raise FailedPrecondition(
            f"Nothing can be learned from the rows: {error}.", metadata=row
        ) from error


def manifest_of(job: TrainingJob, split: str, blobs: JobBlobs) -> SplitManifest:
    """Return the manifest of a stored split."""
    return read_manifest(job.manifests[split], blobs)


def has_own_validation(job: TrainingJob) -> bool:
    """Say whether the dataset has a validation split, so that no training row is held out."""
    return VALIDATION in job.manifests


def block_payloads(
    job: TrainingJob, blobs: JobBlobs, splits: Iterable[str] = (TRAIN, VALIDATION, TEST)
) -> Iterator[BlockPayload]:
    """Yield the blocks of splits; of held-out rows the blocks of the training split again."""
    for split in splits:
        stored = split
        if split == VALIDATION and not has_own_validation(job):
            stored = TRAIN
        if stored not in job.manifests:
            continue
        for number in range(len(manifest_of(job, stored, blobs).blocks)):
            yield BlockPayload(split=split, stored=stored, number=number)


def rows_of(
    job: TrainingJob, payload: BlockPayload, held: HeldOut, blobs: JobBlobs
) -> pa.RecordBatch:
    """Return the rows of a block that are for its split."""
    batch = read_block(manifest_of(job, payload.stored, blobs), payload.number, blobs)
    if payload.stored != TRAIN or not held.limits:
        return batch
    out = _is_out(batch, held)
    wanted = out if payload.split == VALIDATION else ~out
    return batch.take(from_numbers(np.flatnonzero(wanted)))


def hold_out(job: TrainingJob, share: float, blobs: JobBlobs) -> HeldOut:
    """Return which training rows are held out: about `share` of each class, or of the groups."""
    manifest = manifest_of(job, TRAIN, blobs)
    if manifest.has_groups:
        return HeldOut(grouped=True, limits={_ALL: int(share * 2**64)})
    columns = (ROW_ID, LABEL) if manifest.task_type.has_label else (ROW_ID,)
    found: dict[str, list[Hashes]] = {}
    for batch in read_blocks(manifest, blobs, columns=columns):
        hashes, classes = _hashes(batch.column(ROW_ID)), _classes(batch)
        for label in np.unique(classes):
            found.setdefault(str(label), []).append(hashes[classes == label])
    limits = {}
    for label, parts in found.items():
        ordered = np.sort(np.concatenate(parts))
        count = int(share * len(ordered))
        limits[label] = int(ordered[count]) if count < len(ordered) else 2**64
    return HeldOut(limits=limits)


def _is_out(batch: pa.RecordBatch, held: HeldOut) -> NDArray[np.bool_]:
    if held.grouped:
        # A row without a group is a group of its own.
        names = zip(batch.column(GROUP).to_pylist(), batch.column(ROW_ID).to_pylist(), strict=True)
        hashes = _hashes([f"row/{row}" if group is None else group for group, row in names])
        return np.array([one < held.limits[_ALL] for one in hashes.tolist()], np.bool_)
    hashes, classes = _hashes(batch.column(ROW_ID)), _classes(batch)
    pairs = zip(hashes.tolist(), classes.tolist(), strict=True)
    return np.array([one < held.limits.get(label, 0) for one, label in pairs], np.bool_)


def _classes(batch: pa.RecordBatch) -> NDArray[np.str_]:
    if LABEL not in batch.schema.names:
        return np.full(batch.num_rows, _ALL)
    return np.array(batch.column(LABEL).to_pylist(), dtype=np.str_)


def _hashes(texts: Iterable[object]) -> Hashes:
    digests = b"".join(hashlib.blake2b(str(one).encode(), digest_size=8).digest() for one in texts)
    return np.frombuffer(digests, "<u8").astype(np.uint64)
