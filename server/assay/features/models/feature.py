"""The feature of models and their versions."""

from collections.abc import Iterable

from assay.features.models.api import ModelService, VersionService
from assay.features.models.service import ModelUseCases
from assay.features.models.store import Models
from assay.features.models.tables import models, versions
from assay.features.models.versions_service import VersionUseCases
from assay.features.models.versions_store import Versions
from assay.features.remote.service import RemoteEndpoints
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    store = kernel.store
    yield ModelService(ModelUseCases(store))
    endpoints = RemoteEndpoints(sealer=kernel.sealer, allowed=kernel.limits.remote_allow)
    yield VersionService(VersionUseCases(store, endpoints))


FEATURE = Feature(
    name="models", tables=(models, versions), stores=(Models, Versions), services=_services
)
