"""The feature of ground truth: datasets of documents whose values are known."""

from collections.abc import Iterable

from assay.features.ground_truth.api import GroundTruthService
from assay.features.ground_truth.rest import GroundTruthRestService
from assay.features.ground_truth.schema_service import DatasetSchemas
from assay.features.ground_truth.service import ENTRIES, GroundTruthUseCases
from assay.features.ground_truth.store import Entries, GroundTruthDatasets, RefuseNamedSchemas
from assay.features.ground_truth.tables import entries, ground_truth
from assay.features.imports.service import imports
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    truth = GroundTruthUseCases(kernel.store)
    schemas = DatasetSchemas(
        kernel.store, compute=kernel.compute, run_in_thread=kernel.run_in_thread
    )
    yield GroundTruthService(truth, schemas, imports(kernel, ENTRIES))
    yield GroundTruthRestService(truth, schemas)


FEATURE = Feature(
    name="ground_truth",
    tables=(ground_truth, entries),
    hooks=(RefuseNamedSchemas(),),
    stores=(GroundTruthDatasets, Entries),
    services=_services,
)
