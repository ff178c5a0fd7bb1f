"""The feature of the edge API."""

from collections.abc import Iterable

from assay.features.edge.inferences_api import InferenceService
from assay.features.edge.jobs_api import JobService
from assay.features.edge.results_api import ResultsService
from assay.features.edge.service import EdgeJobs
from assay.features.inference.results_service import ResultReader
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    jobs = EdgeJobs(kernel)
    reader = ResultReader(kernel.store, kernel.blobs, kernel.clock)
    yield JobService(jobs, kernel.clock)
    yield ResultsService(reader)
    yield InferenceService(jobs, reader)


FEATURE = Feature(name="edge", services=_services)
