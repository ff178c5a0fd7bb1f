"""The details of stored evaluations: read from their blobs, and remembered by their addresses."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from assay.domain.errors import DetailsNotStored, Internal, NotFound
from assay.domain.evaluation import EvaluationResult
from assay.domain.evaluation_details import EvaluationDetails
from assay.domain.model import TaskType
from assay.storage.blobs import BlobStore
from assay.usecases.performance import Performance, PerformanceReader

REMEMBERED_BYTES = 32 * 1024**2  # of JSON; what it becomes takes a few times as much


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which evaluation is asked about."""

    organization_id: str
    model_id: str
    version_id: str  # empty: the promoted one
    dataset_split: str  # empty: test


@dataclass(frozen=True, kw_only=True)
class Detailed:
    """An evaluation that serves a request, with its details."""

    performance: Performance
    details: EvaluationDetails

    @property
    def result(self) -> EvaluationResult:
        """The small part of the result."""
        return self.performance.result


class DetailsReader:
    """Reads details; blocking, and safe to share between threads."""

    def __init__(
        self,
        performance: PerformanceReader,
        blobs: BlobStore,
        *,
        remembered_bytes: int = REMEMBERED_BYTES,
    ) -> None:
        self._performance = performance
        self._blobs = blobs
        self._limit = remembered_bytes
        self._lock = threading.Lock()
        self._held = 0
        self._memory: OrderedDict[tuple[str, str], tuple[EvaluationDetails, int]] = OrderedDict()

    def of(self, place: Place, task: TaskType | None = None) -> Detailed:
        """Return an evaluation with its details, of a model of `task` (None: of any).

        Raises:
            DetailsNotStored: the evaluation was made before there were any.
            WrongTaskType: the model is of another task type.
            And what PerformanceReader.of raises.
        """
        readers = {
            None: self._performance.of,
            TaskType.CLASSIFICATION: self._performance.of_classifier,
            TaskType.REGRESSION: self._performance.of_regression,
        }
        found = readers[task](
            place.organization_id, place.model_id, place.version_id, place.dataset_split
        )
        address = found.result.details
        if address is None:
            raise not_stored(found)
        return Detailed(performance=found, details=self._read(place.organization_id, address))

    def _read(self, organization_id: str, address: str) -> EvaluationDetails:
        key = (organization_id, address)
        with self._lock:
            known = self._memory.get(key)
            if known is not None:
                self._memory.move_to_end(key)
                return known[0]
        try:
            data = self._blobs.read(organization_id, address)
        except NotFound as error:  # an id that the caller never sent: our own loss
            raise Internal(f"The details {address} of an evaluation are gone.") from error
        details = EvaluationDetails.from_json(data)
        with self._lock:
            self._remember(key, details, len(data))
        return details

    def _remember(self, key: tuple[str, str], details: EvaluationDetails, size: int) -> None:
        if key in self._memory or size > self._limit:
            return
        self._memory[key] = (details, size)
        self._held += size
        while self._held > self._limit:
            _, (_, freed) = self._memory.popitem(last=False)
            self._held -= freed


def not_stored(found: Performance) -> DetailsNotStored:
    """Return the refusal of an evaluation that lacks what a later one has."""
    evaluation = found.evaluation
    return DetailsNotStored(
        f"The evaluation '{evaluation.evaluation_id}' of the split '{evaluation.dataset_split}' "
        "was made before what was asked for was stored. Evaluate the split again.",
        metadata={
            "evaluation_id": evaluation.evaluation_id,
            "dataset_split": evaluation.dataset_split,
        },
    )
