"""Finding what a request names, with the refusals that the documents promise."""

from __future__ import annotations

from assay.features.models.model import Version
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.errors import NotFound
from assay.kernel.storage.unit_of_work import UnitOfWork


def version_under(uow: UnitOfWork, organization_id: str, model_id: str, version_id: str) -> Version:
    """Return a version that is addressed below its model.

    Raises:
        NotFound: the model or the version is absent, or the version is of another model.
    """
    uow[Models].get(organization_id, model_id)
    version = uow[Versions].get(organization_id, version_id)
    if version.model_id != model_id:
        raise NotFound.of("version", version_id, f"The model '{model_id}' has no such version.")
    return version
