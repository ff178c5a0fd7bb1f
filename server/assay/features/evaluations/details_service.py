"""The details of stored evaluations, section by section: read from blobs, and remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.features.evaluations import details_artifact as parts
from assay.features.evaluations.details_artifact import (
    AreaDetails,
    CellHead,
    KeptMistakes,
    SliceDetails,
    read_section,
)
from assay.features.evaluations.model import EvaluationResult
from assay.features.evaluations.performance_service import (
    EvaluationKey,
    Performance,
    PerformanceReader,
)
from assay.features.models.model import TaskType
from assay.kernel.cache import BoundedCache
from assay.kernel.errors import DetailsNotStored
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.failures import data_of
from assay.kernel.storage.indexed_json import SectionIndex
from assay.metrics.curves import Curve
from assay.metrics.intervals import Interval
from assay.metrics.order_statistics import ResidualSummary
from assay.metrics.reliability import Calibration

T = TypeVar("T")

REMEMBERED_BYTES = 16 * 1024**2  # of JSON; what it becomes takes several times as much


class _Section(Generic[T]):
    """A section that is read when it is asked for; `missing` where the details have none."""

    def __init__(self, name: str, missing: Any = None) -> None:
        self._name = name
        self._missing = missing

    def __get__(self, details: StoredDetails, _: type[StoredDetails]) -> T:
        found: T = details.section(self._name, self._missing)
        return found


class StoredDetails:
    """The details of one evaluation; each section is read when it is asked for."""

    def __init__(self, address: str, open_: Callable[[], BinaryIO], memory: BoundedCache) -> None:
        self._address = address
        self._open = open_
        self._memory = memory

    calibration = _Section[Calibration | None](parts.CALIBRATION)  # None without scores
    roc_auc = _Section[AreaDetails | None](parts.ROC_AUC)  # None without scores
    average_precision = _Section[AreaDetails | None](parts.AVERAGE_PRECISION)  # likewise
    residuals = _Section[ResidualSummary | None](parts.RESIDUALS)  # None where none were stored
    slices = _Section[Mapping[str, tuple[SliceDetails, ...]]](parts.SLICES, {})  # by column
    intervals = _Section[Mapping[str, Interval]](parts.INTERVALS, {})  # by metric
    without_interval = _Section[Mapping[str, str]](parts.WITHOUT_INTERVAL, {})  # their reasons
    # The cells of the confusion matrix with mistakes; None where none were stored.
    cells = _Section[tuple[CellHead, ...] | None](parts.CELLS)

    def mistakes(self, cell: int) -> KeptMistakes:
        """Return what is kept of a cell, by its key in `cells`."""
        found: KeptMistakes = self.section(f"{parts.KEPT}{cell}", parts.NOTHING_KEPT)
        return found

    @property
    def curve_labels(self) -> tuple[str, ...]:
        """The labels that have a curve."""
        return tuple(self._index().named(parts.CURVE))

    def curve(self, label: str) -> Curve | None:
        """Return the curve of a label; None where it has none."""
        found: Curve | None = self.section(f"{parts.CURVE}{label}", None)
        return found

    def rates(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield (points,) false and true positive rates of every curve, in the order of labels.

        A thousand classes have a million points: they are not made objects, nor remembered.
        """
        index = self._index()
        with self._open() as file:
            for label in index.named(parts.CURVE):
                curve = index.read(file, f"{parts.CURVE}{label}", parts.CurveColumns)
                false = np.array(curve.false_positives, np.float64) / curve.negatives
                true = np.array(curve.true_positives, np.float64) / curve.positives
                yield false, true

    def derived(self, name: str, make: Callable[[], Any], *, size: int) -> Any:
        """Return what follows from the details under a name, made when it is not remembered."""
        return self._memory.get((self._address, "derived", name), lambda: (make(), size))

    def _index(self) -> SectionIndex:
        def read() -> tuple[SectionIndex, int]:
            with self._open() as file:
                index = SectionIndex.of(file)
            return index, index.start

        found: SectionIndex = self._memory.get((self._address, "index"), read)
        return found

    def section(self, name: str, missing: Any) -> Any:
        """Return a section by its name, `missing` where there is none."""
        index = self._index()
        if name not in index.places:
            return missing

        def read() -> tuple[Any, int]:
            with self._open() as file:
                return read_section(index, file, name), index.places[name][1]

        return self._memory.get((self._address, "section", name), read)


@dataclass(frozen=True, kw_only=True)
class Detailed:
    """An evaluation that serves a request, with its details."""

    performance: Performance
    details: StoredDetails

    @property
    def result(self) -> EvaluationResult:
        """The small part of the result."""
        return self.performance.result


class DetailsReader:
    """Finds the details of evaluations; blocking, and safe to share between threads."""

    def __init__(self, performance: PerformanceReader, blobs: BlobStore) -> None:
        self._performance = performance
        self._blobs = blobs
        self._memory = BoundedCache(REMEMBERED_BYTES)

    def of(self, key: EvaluationKey, task: TaskType | None = None) -> Detailed:
        """Return an evaluation with its details, of a model of `task` (None: of any).

        Raises:
            DetailsNotStored: the evaluation was made before there were any.
            WrongTaskType: the model is of another task type.
            And what PerformanceReader.of raises.
        """
        organization_id = key.organization_id
        found = self._performance.of(key, task)
        address = found.result.details
        if address is None:
            raise not_stored(found)

        def open_() -> BinaryIO:
            with data_of("evaluation", found.evaluation.evaluation_id):
                return self._blobs.open(organization_id, address)

        # An address names its content, so that organizations may share what is remembered of it:
        # whoever comes this far has an evaluation with this very content.
        return Detailed(performance=found, details=StoredDetails(address, open_, self._memory))


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
