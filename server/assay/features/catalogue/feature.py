"""The feature of the catalogue of models."""

from collections.abc import Iterable

from assay.features.catalogue.engine_keeper import EngineKeeper
from assay.features.catalogue.engines_service import EngineReader
from assay.features.catalogue.engines_store import Engines
from assay.features.catalogue.rest import CatalogueRestService, EngineRestService
from assay.features.catalogue.service import CatalogueReader
from assay.features.catalogue.store import Catalogue
from assay.features.catalogue.tables import engine_hosts, version_cards
from assay.kernel.feature import Feature
from assay.kernel.kernel import Companion, Kernel, RunnerParts


def _services(kernel: Kernel) -> Iterable[object]:
    yield CatalogueRestService(CatalogueReader(kernel))
    yield EngineRestService(EngineReader(kernel))


def _companions(parts: RunnerParts) -> Iterable[Companion]:
    yield EngineKeeper(parts)


FEATURE = Feature(
    name="catalogue",
    tables=(version_cards, engine_hosts),
    stores=(Catalogue, Engines),
    companions=_companions,
    services=_services,
    preload=("assay.features.catalogue.samples",),
)
