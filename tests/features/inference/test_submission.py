"""Submissions of inference jobs against a store: where contents rest, and what is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from assay.features.inference.job_spec import InferenceSpec
from assay.features.inference.model import InferenceJob, InputType, ItemForm
from assay.features.inference.packing import PACK_BYTES
from assay.features.inference.store import InferenceJobs
from assay.features.inference.submission_service import (
    INLINE_BYTES,
    InferenceRequest,
    InferenceSubmissions,
    SentInput,
    SentItem,
)
from assay.features.models.versions_store import Versions
from assay.kernel.clock import Clock
from assay.kernel.errors import NotFound, QuotaExceeded
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.object_storage import ObjectLocation, StorageAccess
from assay.kernel.sealing import Sealer
from assay.kernel.storage.blobs import BlobStore, open_blobs
from assay.kernel.storage.store import Store, open_store
from assay.kernel.storage.unit_of_work import StoreContext
from assay.learning.rows import TaskType
from assay.records import decode, encode
from tests.support.store_rows import ORG
from tests.support.trained_versions import TrainedVersion, put_version

QUOTA = 8 * 1024**2


class Desk:
    """A store with a quota, its blobs, and a version of texts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "blobs"
        self.blobs: BlobStore = open_blobs(self.folder)
        context = StoreContext(
            blob_size=self.blobs.size,
            quota_bytes=QUOTA,
        )
        self.store: Store = open_store(f"sqlite:///{folder}/assay.db", context, upgrade=True)
        self.version: TrainedVersion = put_version(
            self.store, self.blobs, ORG, TaskType.TEXT_CLASSIFICATION
        )

    def submit(self, *contents: bytes) -> InferenceJob:
        """Submit contents."""
        inputs = tuple(
            SentInput(
                name=f"i{at}",
                items=(SentItem(name="input.txt", form=ItemForm.TEXT, data=data),),
            )
            for at, data in enumerate(contents)
        )
        request = InferenceRequest(
            model_id=self.version.model_id, input_type=InputType.TEXT, inputs=inputs
        )
        submissions = InferenceSubmissions(
            self.store, self.blobs, Clock(), sealer=Sealer.of("tests")
        )
        return submissions.submit(ORG, request)

    def spec(self, job: InferenceJob) -> InferenceSpec:
        """Return what a job was told."""
        with self.store.read() as uow:
            return decode(InferenceSpec, uow[Jobs].get(ORG, job.job_id).spec)

    def files(self) -> set[Path]:
        """Return the blobs that are there."""
        return {one for one in self.folder.rglob("*") if one.is_file() and "~tmp" not in str(one)}


@pytest.fixture
def desk(tmp_path: Path):
    """A desk of its own."""
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_small_contents_rest_in_the_specification(desk: Desk):
    """A job of a few small inputs puts no blob."""
    before = desk.files()
    spec = desk.spec(desk.submit(b"a", b"b"))
    assert spec.manifest is not None
    assert [one.items[0].inline for one in spec.manifest.inputs] == [b"a", b"b"]
    assert desk.files() == before


def test_many_contents_share_blobs(desk: Desk):
    """Contents of more bytes are packed, each where its piece says, and the manifest is a blob."""
    contents = [bytes([at % 251]) * 2_000 for at in range(1_000)]
    before = desk.files()
    spec = desk.spec(desk.submit(*contents))
    assert spec.manifest is None
    assert spec.manifest_blob is not None
    packs = -(-sum(map(len, contents)) // PACK_BYTES)
    assert len(desk.files() - before) == packs + 1
    assert sum(map(len, contents)) > INLINE_BYTES


def test_what_is_over_the_quota_leaves_nothing(desk: Desk):
    """A submission that an organization may not store makes no job, and its blobs are taken back."""
    before = desk.files()
    with pytest.raises(QuotaExceeded):
        desk.submit(*(bytes([at]) * PACK_BYTES for at in range(9)))
    assert desk.files() == before
    with desk.store.read() as uow:
        assert uow[Jobs].list(ORG, limit=9).items[0].kind == "made"
    made = desk.submit(b"small")
    with desk.store.read() as uow:
        assert uow[InferenceJobs].get(ORG, made.job_id).total == 1


def test_a_model_of_another_organization_is_absent(desk: Desk):
    """A submission names only models of its own organization."""
    request = InferenceRequest(model_id=desk.version.model_id)
    submissions = InferenceSubmissions(desk.store, desk.blobs, Clock(), sealer=Sealer.of("tests"))
    with pytest.raises(NotFound):
        submissions.submit("globex", request)


def test_what_tells_a_repeat_holds_no_secret():
    """A hash of it is stored: whoever has that could try secrets on it."""
    access = StorageAccess(access_key_id="known", secret_access_key="hidden", session_token="too")
    body = InferenceRequest(model_id="m", storage=access, request_id="r").body
    assert b"hidden" not in encode(body)
    assert b"too" not in encode(body)
    assert b"known" in encode(body)


@dataclass(frozen=True, kw_only=True)
class SealerOfALostVersion(Sealer):
    """Deletes the version of a desk while it seals, between the look for it and the commit."""

    desk: Desk

    def seal(self, secret: bytes) -> str:
        """Delete, and seal."""
        version = self.desk.version
        with self.desk.store.write() as uow:
            uow[Versions].delete(ORG, version.model_id, version.version_id)
        return super().seal(secret)


def test_a_version_deleted_meanwhile_is_not_found(desk: Desk):
    """A version that is deleted while contents come to rest is absent, and no job is made of it."""
    storage = StorageAccess(access_key_id="a", secret_access_key="b")
    location = ObjectLocation(bucket="mails", key="a")
    item = SentItem(name="input.txt", form=ItemForm.FILE, data=b"", location=location)
    request = InferenceRequest(
        model_id=desk.version.model_id,
        input_type=InputType.AWS_S3,
        inputs=(SentInput(name="a", items=(item,)),),
        storage=storage,
    )
    sealer = SealerOfALostVersion(key=Sealer.of("tests").key, desk=desk)
    with pytest.raises(NotFound, match=desk.version.version_id):
        InferenceSubmissions(desk.store, desk.blobs, Clock(), sealer=sealer).submit(ORG, request)
    with desk.store.read() as uow:
        assert [one.kind for one in uow[Jobs].list(ORG, limit=9).items] == ["made"]
