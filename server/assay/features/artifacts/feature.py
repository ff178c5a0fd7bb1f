"""The feature of what versions run."""

from assay.features.artifacts import tables
from assay.features.artifacts.store import (
    ArtifactsOfModels,
    ArtifactsOfRemoteVersions,
    ArtifactsOfVersions,
    VersionArtifacts,
)
from assay.kernel.feature import Feature

FEATURE = Feature(
    name="artifacts",
    tables=(tables.version_artifacts,),
    stores=(VersionArtifacts,),
    hooks=(ArtifactsOfRemoteVersions(), ArtifactsOfModels(), ArtifactsOfVersions()),
)
