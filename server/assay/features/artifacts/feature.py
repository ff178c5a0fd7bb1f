"""The feature of what versions run."""

from collections.abc import Iterable

from assay.features.artifacts import tables
from assay.features.artifacts.api import OnnxService
from assay.features.artifacts.job import OnnxCheckKind, VersionsOfCanceledChecks
from assay.features.artifacts.service import OnnxUseCases
from assay.features.artifacts.store import (
    ArtifactsOfModels,
    ArtifactsOfRemoteVersions,
    ArtifactsOfVersions,
    VersionArtifacts,
)
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    yield OnnxService(OnnxUseCases(kernel))


FEATURE = Feature(
    name="artifacts",
    tables=(tables.version_artifacts,),
    stores=(VersionArtifacts,),
    hooks=(
        ArtifactsOfRemoteVersions(),
        ArtifactsOfModels(),
        ArtifactsOfVersions(),
        VersionsOfCanceledChecks(),
    ),
    kinds=(OnnxCheckKind(),),
    services=_services,
)
