"""The feature of the catalogue of models."""

from collections.abc import Iterable

from assay.features.catalogue.rest import CatalogueRestService
from assay.features.catalogue.service import CatalogueReader
from assay.features.catalogue.store import Catalogue
from assay.features.catalogue.tables import version_cards
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    yield CatalogueRestService(CatalogueReader(kernel))


FEATURE = Feature(
    name="catalogue",
    tables=(version_cards,),
    stores=(Catalogue,),
    services=_services,
    preload=("assay.features.catalogue.samples",),
)
