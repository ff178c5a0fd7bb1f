"""The submission of inference jobs: checked, their contents at rest, then queued in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from assay.features.artifacts.store import VersionArtifacts
from assay.features.catalogue.store import Catalogue
from assay.features.inference.job_spec import InferenceSpec, Manifest, SealedAccess
from assay.features.inference.model import (
    KIND,
    MAX_TIMEOUT_MS,
    STORAGE_KIND,
    InferenceJob,
    InputType,
    Item,
    ItemForm,
    NewInferenceJob,
    NewInput,
    Piece,
    check_count,
    check_inputs,
)
from assay.features.inference.opened_service import check_open
from assay.features.inference.packing import packed
from assay.features.inference.store import InferenceJobs
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.clock import Clock
from assay.kernel.errors import Conflict, InvalidArgument, NotExplainable
from assay.kernel.idempotency import CreateRequest, answered, create_once
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.object_storage import ObjectLocation, StorageAccess
from assay.kernel.sealing import Sealer
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.learning.explanations.explaining import can_explain
from assay.records import Record, decode, encode, replace

OPEN_FOR = timedelta(hours=24)  # until a job that is never closed ends
INLINE_BYTES = 32 * 1024  # of all contents, which then rest in the specification
MANIFEST_BYTES = 64 * 1024  # of the inputs of a specification; more are a blob


class SentItem(Record):
    """One named content of an input."""

    name: str
    form: ItemForm
    data: bytes
    media_type: str = ""  # of a file
    location: ObjectLocation | None = None  # of an object, or a folder; there are no data then

    @property
    def size(self) -> int:
        """Bytes that were sent."""
        return len(self.data)


class SentInput(Record):
    """An input as it was sent."""

    name: str
    items: tuple[SentItem, ...]


class InferenceRequest(Record):
    """What a caller asks for."""

    model_id: str
    version: str = ""  # id, label or N.0.0; empty: the promoted one, else the newest ready one
    explain: bool = False
    timeout_ms: int = 0  # 0: no limit
    input_type: InputType | None = None  # None: the inputs come later, in chunks
    inputs: tuple[SentInput, ...] = ()
    storage: StorageAccess | None = None  # where the inputs are
    found: tuple[SentInput, ...] | None = None  # what is in the folders that the inputs are
    request_id: str | None = None  # a repeat returns the first job
    submitted_by: str = ""  # subject of the caller
    key_prefix: str | None = None  # public half of the caller's key

    @property
    def all_inputs(self) -> tuple[SentInput, ...]:
        """The inputs of the job."""
        return self.inputs if self.found is None else self.found

    @property
    def body(self) -> InferenceRequest:
        """What a repeat has the same of, of which a hash is stored: so no secret is in it.

        Writers of JSON may give its objects another order.
        """
        return replace(
            self,
            inputs=tuple(sorted(self.inputs, key=lambda one: one.name)),
            storage=self.storage and self.storage.without_secrets,
            found=None,
            request_id=None,
            submitted_by="",
            key_prefix=None,
        )


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a job runs, found by what its caller called it."""

    new: NewInferenceJob
    spec: InferenceSpec  # without the inputs


class InferenceSubmissions:
    """Checks and queues inference jobs; blocking, and safe to share between threads."""

    def __init__(
        self,
        store: Store,
        blobs: BlobStore,
        clock: Clock,
        *,
        sealer: Sealer,
        max_attempts: int = 3,
    ) -> None:
        self._store, self._blobs, self._clock = store, blobs, clock
        self._sealer = sealer
        self._max_attempts = max_attempts

    def submit(self, organization_id: str, request: InferenceRequest) -> InferenceJob:
        """Queue a job, or open one for inputs that come later; return it, or that of a repeat.

        Raises:
            InvalidArgument: no input, a wrong name, or two inputs of one name.
            TooLarge: too many inputs, or one of them is too large.
            NotFound: no such model or version.
            NoPromotedVersion, FailedPrecondition: nothing is there to run, or to explain.
            RequestIdReused: the request_id came before with another body.
            QuotaExceeded: the organization may store no more.
        """
        _check(request)
        repeat = CreateRequest(method=KIND, request_id=request.request_id, body=request.body)
        with self._store.read() as uow:
            jobs = uow[InferenceJobs]
            first = answered(
                uow, organization_id, repeat, lambda key: jobs.get(organization_id, key)
            )
            if first is not None:
                return first
            target = find_target(uow, organization_id, request)
        with JobBlobs(self._blobs, organization_id).draft() as blobs:
            inputs = _at_rest(request.all_inputs, blobs)
            sealed = request.storage and SealedAccess.of(request.storage, self._sealer)
            spec, kept = with_inputs(replace(target.spec, storage=sealed), inputs, blobs)
            with self._store.write() as uow:
                return create_once(
                    uow,
                    organization_id,
                    repeat,
                    make=lambda: self._make(
                        uow, organization_id, Target(new=target.new, spec=spec), inputs, kept
                    ),
                    again=lambda key: uow[InferenceJobs].get(organization_id, key),
                    key_of=lambda job: job.job_id,
                )

    def close(self, organization_id: str, job_id: str) -> InferenceJob:
        """Queue an OPEN job with the inputs that it has; one that was submitted before stays as it is.

        Raises:
            NotFound: no such job.
            InvalidArgument: it has no input.
            FailedPrecondition: it was canceled, or timed out.
            Conflict: an input came meanwhile.
        """
        with self._store.read() as uow:
            job = uow[InferenceJobs].get(organization_id, job_id)
            if job.submitted_at is not None:
                return job
            check_open(job)
            opened = decode(InferenceSpec, uow[Jobs].get(organization_id, job_id).spec)
            inputs = tuple(uow[InferenceJobs].opened_inputs(organization_id, job_id))
        check_count("input", len(inputs))
        with JobBlobs(self._blobs, organization_id).draft() as blobs:
            spec, kept = with_inputs(opened, inputs, blobs)
            with self._store.write() as uow:
                uow[Jobs].complete(
                    organization_id,
                    job_id,
                    spec=encode(spec),
                    blobs=kept,
                    deadline=self._deadline(job.timeout_ms),
                )
                closed = uow[InferenceJobs].close(organization_id, job_id)
                if (closed.total, closed.input_bytes) != (len(inputs), _size(inputs)):
                    raise Conflict(
                        "An input came while the job was closed. Close it once all have come.",
                        metadata={"job_id": job_id},
                    )
                return closed

    def _make(
        self,
        uow: UnitOfWork,
        organization_id: str,
        target: Target,
        inputs: tuple[NewInput, ...],
        blobs: Sequence[str],
    ) -> InferenceJob:
        new, is_open = target.new, not inputs
        # It may have been deleted while the contents came to rest; from now on the job keeps it.
        uow[Versions].get(organization_id, new.model_id, new.version_id)
        job = uow[Jobs].submit(
            organization_id,
            NewJob(
                kind=KIND if target.spec.storage is None else STORAGE_KIND,
                spec=encode(target.spec),
                state=JobState.OPEN if is_open else JobState.QUEUED,
                max_attempts=self._max_attempts,
                deadline=self._clock.now() + OPEN_FOR
                if is_open
                else self._deadline(new.timeout_ms),
                created_by=new.submitted_by,
                blobs=tuple(blobs),
            ),
        )
        if is_open:
            return uow[InferenceJobs].open(organization_id, job.job_id, new)
        return uow[InferenceJobs].create(organization_id, job.job_id, new, inputs)

    def _deadline(self, timeout_ms: int | None) -> datetime | None:
        if timeout_ms is None:
            return None
        return self._clock.now() + timedelta(milliseconds=timeout_ms)


def _size(inputs: Sequence[NewInput]) -> int:
    return sum(one.size for one in inputs)


def find_target(uow: UnitOfWork, organization_id: str, request: InferenceRequest) -> Target:
    """Return what a request asks to run; raises what `InferenceSubmissions.submit` raises for it."""
    model = uow[Models].get(organization_id, request.model_id)
    version = uow[Versions].find(organization_id, model.model_id, request.version)
    artifact = uow[VersionArtifacts].of(model, version.version_id).artifact
    if request.explain and not can_explain(artifact.task_type):
        raise NotExplainable(
            f"The version '{version.version_id}' predicts {artifact.task_type}, which is not "
            "explained. Submit without explain.",
            metadata={"version_id": version.version_id, "task_type": artifact.task_type},
        )
    declared = uow[Catalogue].declaration(organization_id, model.model_id, version.version_id)
    new = NewInferenceJob(
        model_id=model.model_id,
        model_name=model.name,
        version_id=version.version_id,
        version_label=version.shown,
        task_type=artifact.task_type,
        input_type=request.input_type or InputType.FILE,
        explain=request.explain,
        timeout_ms=request.timeout_ms or None,
        submitted_by=request.submitted_by,
        key_prefix=request.key_prefix,
    )
    spec = InferenceSpec(
        model_id=model.model_id,
        version_id=version.version_id,
        artifact=artifact,
        inputs=declared.inputs,
        output=declared.outputs[0],
        explain=request.explain,
    )
    return Target(new=new, spec=spec)


def with_inputs(
    spec: InferenceSpec, inputs: tuple[NewInput, ...], blobs: JobBlobs
) -> tuple[InferenceSpec, tuple[str, ...]]:
    """Return the specification of a job with its inputs, and the addresses that it names."""
    if not inputs:
        return spec, ()
    pieces = (piece for one in inputs for item in one.items for piece in item.pieces)
    named = dict.fromkeys(piece.blob for piece in pieces)
    manifest = Manifest(inputs=inputs)
    encoded = encode(manifest)
    if len(encoded) <= MANIFEST_BYTES:
        return replace(spec, manifest=manifest), tuple(named)
    address = blobs.put(encoded)
    return replace(spec, manifest_blob=address), (*named, address)


def _at_rest(inputs: tuple[SentInput, ...], blobs: JobBlobs) -> tuple[NewInput, ...]:
    """Return inputs whose contents rest: in the inputs where all are small, else packed in blobs."""
    contents = [item.data for one in inputs for item in one.items]
    is_small = sum(map(len, contents)) <= INLINE_BYTES
    pieces = iter([None] * len(contents) if is_small else packed(contents, blobs))
    return tuple(
        NewInput(
            name=one.name,
            items=tuple(_item(item, next(pieces)) for item in one.items),
        )
        for one in inputs
    )


def _item(sent: SentItem, piece: Piece | None) -> Item:
    if sent.location is not None:
        return Item(name=sent.name, form=sent.form, size=0, location=sent.location)
    return Item(
        name=sent.name,
        form=sent.form,
        size=sent.size,
        media_type=sent.media_type,
        inline=sent.data if piece is None else None,
        pieces=() if piece is None else (piece,),
    )


def _check(request: InferenceRequest) -> None:
    """Raise what `InferenceSubmissions.submit` raises for wrong inputs or a wrong timeout."""
    if request.timeout_ms > MAX_TIMEOUT_MS:
        raise InvalidArgument.of(
            "timeout",
            f"{request.timeout_ms} ms were sent; at most {MAX_TIMEOUT_MS}, 30 days, are allowed",
        )
    if request.input_type is not None:
        check_inputs("input", request.all_inputs)
