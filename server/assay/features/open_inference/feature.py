"""The feature of the Open Inference Protocol."""

from collections.abc import Iterable
from importlib import metadata

from assay.features.open_inference.api import GRPCInferenceService
from assay.features.open_inference.service import OpenInference
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    yield GRPCInferenceService(OpenInference(kernel), metadata.version("assay-quality"))


FEATURE = Feature(
    name="open_inference",
    services=_services,
    preload=("assay.features.open_inference.prediction",),
)
