"""The store of the catalogue."""

from __future__ import annotations

from assay.features.artifacts.store import VersionArtifacts
from assay.features.catalogue.model import Declaration, declaration_of
from assay.features.models.store import Models
from assay.kernel.storage.unit_of_work import SqlStore


class Catalogue(SqlStore):
    """Models as those who run them see them."""

    def declaration(self, organization_id: str, model_id: str, version_id: str) -> Declaration:
        """Return what a version takes and gives; NotFound if its model is absent."""
        model = self._db[Models].get(organization_id, model_id)
        found = self._db[VersionArtifacts].find(organization_id, model_id, version_id)
        task_type = None if found is None else found.artifact.task_type
        return declaration_of(model.inputs, model.outputs, task_type)
