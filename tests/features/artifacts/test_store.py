"""What versions run, as it is stored."""

from __future__ import annotations

import pytest

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.artifacts.store import VersionArtifacts
from assay.features.models.model import NewVersion
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.errors import FailedPrecondition, NoPromotedVersion, NotFound
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.learning.rows import TaskType
from assay.records import replace
from tests.support.store_rows import ORG, add_model

ARTIFACT = Artifact(
    kind=ArtifactKind.TRAINED,
    blob="sha256:x",
    bytes=1,
    task_type=TaskType.TEXT_CLASSIFICATION,
    labels=("a", "b"),
    learning_version="1",
    libraries={"scikit-learn": "1.7.0"},
)


@pytest.fixture
def pair(store):
    """A model and a version of it."""
    with store.write() as uow:
        model_id = add_model(uow).model_id
        return model_id, uow[Versions].create(ORG, model_id, NewVersion()).version_id


def put(uow, pair, artifact=ARTIFACT) -> str:
    """Store an artifact and the job that made it, and return that job's id."""
    job = uow[Jobs].submit(ORG, NewJob(kind="any", spec=b"{}", blobs=(artifact.blob,)))
    uow[VersionArtifacts].put(ORG, *pair, job_id=job.job_id, artifact=artifact)
    return job.job_id


def test_an_artifact_takes_the_place_of_a_former_one(store, pair):
    """A version has the artifact that was stored last; before that it has none."""
    with store.write() as uow:
        assert uow[VersionArtifacts].find(ORG, *pair) is None
        for artifact in (ARTIFACT, replace(ARTIFACT, bytes=2)):
            job_id = put(uow, pair, artifact)
            found = uow[VersionArtifacts].find(ORG, *pair)
            assert found is not None
            assert (found.artifact, found.job_id) == (artifact, job_id)


def test_what_is_served_elsewhere_needs_no_job(store, pair):
    """A version that is served elsewhere is of no job, and can be deleted with its model."""
    remote = replace(ARTIFACT, kind=ArtifactKind.REMOTE, blob="", bytes=0)
    with store.write() as uow:
        uow[VersionArtifacts].put(ORG, *pair, job_id=None, artifact=remote)
        found = uow[VersionArtifacts].find(ORG, *pair)
        assert found is not None
        assert (found.artifact, found.job_id) == (remote, None)
        uow[Models].delete(ORG, pair[0])
        assert uow[VersionArtifacts].find(ORG, *pair) is None


def test_the_promoted_version_is_meant_where_none_is_named(store, pair):
    """Without a name the promoted version is meant, and where there is none that is said."""
    with store.write() as uow:
        with pytest.raises(NoPromotedVersion):
            uow[VersionArtifacts].of(uow[Models].get(ORG, pair[0]), "")
        uow[Versions].mark_ready(ORG, *pair)
        uow[Versions].promote(ORG, *pair, promoted_by="ann")
        model = uow[Models].get(ORG, pair[0])
        with pytest.raises(FailedPrecondition, match="has no artifact"):
            uow[VersionArtifacts].of(model, "")
        put(uow, pair)
        assert uow[VersionArtifacts].of(model, "").version_id == pair[1]
        with pytest.raises(NotFound):
            uow[VersionArtifacts].of(model, "another")


@pytest.mark.parametrize("whole_model", [True, False])
def test_a_deleted_version_lets_its_blob_go(store, pair, whole_model):
    """The blob of an artifact is held by its job until the version or the model is deleted."""
    with store.write() as uow:
        owner = job_owner(put(uow, pair))
        uow[BlobReferences].add(ORG, owner, ["sha256:x"])
        held = (ORG, "sha256:x")
        assert held in uow[BlobReferences].every()
        if whole_model:
            uow[Models].delete(ORG, pair[0])
        else:
            uow[Versions].delete(ORG, *pair)
        assert held not in uow[BlobReferences].every()
