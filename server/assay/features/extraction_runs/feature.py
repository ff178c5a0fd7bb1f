"""The feature of extraction runs: what a model read from documents."""

from collections.abc import Iterable

from assay.features.extraction_runs import tables
from assay.features.extraction_runs.api import ExtractionService
from assay.features.extraction_runs.rest import ExtractionRestService
from assay.features.extraction_runs.service import EXTRACTIONS, ExtractionUseCases
from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.features.imports.service import imports
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    extractions = ExtractionUseCases(kernel.store)
    yield ExtractionService(extractions, imports(kernel, EXTRACTIONS))
    yield ExtractionRestService(extractions)


FEATURE = Feature(
    name="extraction_runs",
    tables=(tables.extraction_runs, tables.extractions),
    stores=(ExtractionRuns, Extractions),
    services=_services,
)
