"""The feature of evaluations: uploads, the job that measures, and what it found."""

from collections.abc import Iterable

from assay.features.evaluations import tables
from assay.features.evaluations.api import EvaluationService
from assay.features.evaluations.curves_service import Curves
from assay.features.evaluations.details_service import DetailsReader
from assay.features.evaluations.diagnostics_api import DiagnosticsService
from assay.features.evaluations.diagnostics_service import Diagnostics
from assay.features.evaluations.file_upload import WAIT_SECONDS, FileUploads
from assay.features.evaluations.job import EvaluationKind
from assay.features.evaluations.performance_api import PerformanceService
from assay.features.evaluations.performance_service import PerformanceReader
from assay.features.evaluations.rest import PerformanceRestService
from assay.features.evaluations.revisions_store import (
    EvaluationsOfModels,
    EvaluationsOfVersions,
    RefuseMissingLabels,
    Revisions,
)
from assay.features.evaluations.row_upload import ROWS_WAIT_SECONDS, RowUploads
from assay.features.evaluations.service import EvaluationUseCases
from assay.features.evaluations.store import Evaluations
from assay.features.evaluations.upload import Uploads
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    evaluations = EvaluationUseCases(
        kernel.store, kernel.ids, kernel.clock, max_attempts=kernel.limits.max_attempts
    )
    uploads = Uploads(
        kernel.store,
        kernel.blobs,
        compute=kernel.compute,
        run_in_thread=kernel.run_in_thread,
        max_chunk_bytes=kernel.limits.max_chunk_bytes,
    )
    rows = RowUploads(
        _files(kernel, evaluations, ROWS_WAIT_SECONDS),
        compute=kernel.compute,
        run_in_thread=kernel.run_in_thread,
    )
    performance = PerformanceReader(kernel.store)
    details = DetailsReader(performance, kernel.blobs)
    files = _files(kernel, evaluations, WAIT_SECONDS)
    yield EvaluationService(evaluations, uploads, files, rows)
    yield PerformanceService(performance)
    yield PerformanceRestService(performance)
    yield DiagnosticsService(Curves(details), Diagnostics(details, kernel.store.scope))


def _files(kernel: Kernel, evaluations: EvaluationUseCases, wait_seconds: float) -> FileUploads:
    return FileUploads(
        kernel.store,
        kernel.blobs,
        evaluations=evaluations,
        watches=kernel.watches,
        run_in_thread=kernel.run_in_thread,
        max_file_bytes=kernel.limits.max_file_bytes,
        wait_seconds=wait_seconds,
    )


FEATURE = Feature(
    name="evaluations",
    tables=(tables.evaluations,),
    stores=(Evaluations, Revisions),
    hooks=(EvaluationsOfModels(), EvaluationsOfVersions(), RefuseMissingLabels()),
    kinds=(EvaluationKind(),),
    services=_services,
)
