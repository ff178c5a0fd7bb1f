"""The store of what versions run."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from assay.features.artifacts.model import Artifact, ArtifactKind, VersionArtifact
from assay.features.artifacts.tables import version_artifacts
from assay.features.models.model import Model, Version
from assay.features.models.store import ModelDeletion, Models
from assay.features.models.versions_store import RemoteVersions, VersionDeletion, Versions
from assay.features.remote.model import RemoteSpec
from assay.kernel.errors import FailedPrecondition, InvalidArgument, NoPromotedVersion, clip
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.mapping import RowMapper
from assay.kernel.storage.sql import Prepared, insert_or_replace
from assay.kernel.storage.unit_of_work import SqlStore, UnitOfWork
from assay.records import encode_text

_A = version_artifacts.c
_OF_MODEL = (_A.organization_id == bindparam("org"), _A.model_id == bindparam("of_model"))
_PUT = insert_or_replace(version_artifacts)
_ARTIFACTS = RowMapper(VersionArtifact, version_artifacts)
_FIND = Prepared(
    select(*_ARTIFACTS.columns).where(*_OF_MODEL, _A.version_id == bindparam("version"))
)
_JOBS_OF_MODEL = Prepared(select(_A.job_id).where(*_OF_MODEL, _A.job_id.is_not(None)))


class VersionArtifacts(SqlStore):
    """What versions run, one artifact a version."""

    def put(
        self,
        organization_id: str,
        model_id: str,
        version_id: str,
        *,
        job_id: str | None,
        artifact: Artifact,
    ) -> None:
        """Store what a version runs, in place of what it ran before; `job_id` made or checked it.

        An absent version raises NotFound.
        """
        self._db[Versions].get(organization_id, model_id, version_id)
        self._db.run(
            _PUT,
            organization_id=organization_id,
            model_id=model_id,
            version_id=version_id,
            kind=artifact.kind.value,
            job_id=job_id,
            artifact=encode_text(artifact),
        )

    def find(self, organization_id: str, model_id: str, version_id: str) -> VersionArtifact | None:
        """Return the artifact of a version; None: it has none."""
        row = self._db.one(_FIND, org=organization_id, of_model=model_id, version=version_id)
        return None if row is None else _ARTIFACTS.read(row)

    def of(self, model: Model, version_id: str) -> VersionArtifact:
        """Return the artifact of a version: the one that is named, else the promoted one.

        Raises:
            NotFound: there is no such version.
            NoPromotedVersion: none is named, and none is promoted.
            FailedPrecondition: it runs nothing.
        """
        wanted = version_id or model.promoted_version_id
        if wanted is None:
            raise NoPromotedVersion(
                f"No version of the model '{model.model_id}' is promoted. Promote one, or send "
                "version_id.",
                metadata={"model_id": model.model_id},
            )
        version = self._db[Versions].get(model.organization_id, model.model_id, wanted)
        found = self.find(model.organization_id, model.model_id, wanted)
        if found is None:
            raise FailedPrecondition(
                f"The version '{wanted}' is {version.status} and has no artifact, so it cannot be "
                "run. Versions that are trained here, uploaded as ONNX files or served elsewhere "
                "have one, once they are ready.",
                metadata={"version_id": wanted, "status": version.status},
            )
        return found


class ArtifactsOfRemoteVersions(RemoteVersions):
    """Keeps what a version that somebody else serves calls."""

    def made(self, uow: UnitOfWork, version: Version, remote: RemoteSpec, sealed: str) -> None:
        """Keep it; raises InvalidArgument where it cannot be a version of the model."""
        org, model_id = version.organization_id, version.model_id
        model = uow[Models].get(org, model_id)
        foreign = sorted(set(remote.labels) - set(model.labels or remote.labels))
        if foreign:
            raise InvalidArgument.of(
                "remote.labels", f"the model has no label '{clip(foreign[0])}'"
            )
        artifact = Artifact(
            kind=ArtifactKind.REMOTE,
            blob="",
            bytes=0,
            task_type=remote.task_type(model.task_type),
            labels=remote.labels,
            remote=remote,
            credentials=sealed,
        )
        uow[VersionArtifacts].put(org, model_id, version.version_id, job_id=None, artifact=artifact)


class ArtifactsOfModels(ModelDeletion):
    """Lets the blobs of a deleted model's artifacts go."""

    def check(self, uow: UnitOfWork, organization_id: str, model_id: str) -> None:
        """Let the blobs go."""
        for row in uow.all(_JOBS_OF_MODEL, org=organization_id, of_model=model_id):
            uow[BlobReferences].remove(organization_id, job_owner(row.job_id))


class ArtifactsOfVersions(VersionDeletion):
    """Lets the blob of a deleted version's artifact go."""

    def check(
        self,
        uow: UnitOfWork,
        organization_id: str,
        model_id: str,
        version_id: str,
        *,
        cascade: bool,  # an artifact always goes with its version
    ) -> None:
        """Let the blob go."""
        made = uow[VersionArtifacts].find(organization_id, model_id, version_id)
        if made is not None and made.job_id is not None:
            uow[BlobReferences].remove(organization_id, job_owner(made.job_id))
