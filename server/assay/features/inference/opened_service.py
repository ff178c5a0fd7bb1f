"""The inputs of jobs that were opened, as they come in chunks of files or as rows of a table."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from assay.features.inference.job_spec import InferenceSpec
from assay.features.inference.model import (
    MAX_CHUNKS,
    MAX_INPUT_BYTES,
    MAX_ITEMS,
    InferenceJob,
    Item,
    ItemForm,
    NewInput,
    Piece,
    check_name,
)
from assay.features.inference.store import InferenceJobs
from assay.features.inference.table_inputs import TableInputs, TableWork, inputs_of_table
from assay.kernel.body_reader import Receiver
from assay.kernel.errors import (
    FailedPrecondition,
    InvalidArgument,
    OffsetGap,
    TooLarge,
    UploadFinished,
    clip,
)
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.kernel import Kernel
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, decode, replace

_SPAN = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(?:\d{1,15}|\*)")


@dataclass(frozen=True, kw_only=True)
class Span:
    """The bytes of an item that a chunk says it is."""

    first: int
    last: int

    @classmethod
    def parse(cls, header: str) -> Span | None:
        """Return the span of a header `Content-Range`; None for none at all."""
        if not header.strip():
            return None
        found = _SPAN.fullmatch(header.strip())
        if found is None or int(found[1]) > int(found[2]):
            raise InvalidArgument.of(
                "content-range",
                f"'{clip(header, 60)}' was sent; such as 'bytes 0-1048575/*' is allowed",
            )
        return cls(first=int(found[1]), last=int(found[2]))

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.last - self.first + 1


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Consecutive bytes of one item of an input."""

    input_name: str
    item_name: str
    pieces: AsyncIterator[bytes]  # its bytes, as they come
    span: Span | None = None  # None: it follows what came before

    def check(self) -> None:
        """Raise InvalidArgument for a wrong name."""
        check_name("input_name", self.input_name)
        if self.item_name:
            check_name("item_name", self.item_name)


class ReceivedInput(Record):
    """What has come of one item of an input."""

    job_id: str
    input_name: str
    item_name: str
    size: int  # bytes of the item, all chunks together


class OpenedJobs:
    """Takes the inputs of OPEN jobs; async, as a body may be long."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._store, self._blobs = kernel.store, kernel.blobs
        self._run_in_thread = kernel.run_in_thread

    async def add_chunk(self, organization_id: str, job_id: str, chunk: Chunk) -> ReceivedInput:
        """Append a chunk to an item of an input; both are there from their first chunk on.

        A chunk that says by its span that it came before is acknowledged again and not stored.

        Raises:
            NotFound: no such job.
            UploadFinished: the job was closed.
            FailedPrecondition: it was canceled, or timed out.
            InvalidArgument: a name is wrong, or the chunk has another size than it says.
            OffsetGap: the chunk does not follow what came before.
            TooLarge: the input, or the number of inputs or of items, is over its limit.
            QuotaExceeded: the organization may store no more.
        """
        chunk.check()
        room = await self._run_in_thread(lambda: self._room(organization_id, job_id, chunk))
        receiver = Receiver(
            self._blobs, run_in_thread=self._run_in_thread, max_bytes=room, may_be_empty=True
        )
        async with receiver.received(organization_id, chunk.pieces) as body:
            if chunk.span is not None and chunk.span.size != body.size:
                raise InvalidArgument.of(
                    "content-range",
                    f"the chunk has {body.size} bytes and says {chunk.span.size}. Send it again",
                )
            piece = Piece(blob=body.address, offset=0, size=body.size)
            return await self._run_in_thread(
                lambda: self._append(organization_id, job_id, chunk, piece)
            )

    async def add_rows(
        self, organization_id: str, job_id: str, source: str, pieces: AsyncIterator[bytes]
    ) -> InferenceJob:
        """Add the rows of a file as inputs, all of them or none, and return the job.

        Args:
            organization_id: Whose job it is.
            job_id: The job.
            source: The file's format, of assay.tabular.opening.
            pieces: Its bytes, as they come.

        Raises:
            NotFound, UploadFinished, FailedPrecondition, QuotaExceeded: as for `add_chunk`.
            BadFile, BadRows: the file or a row cannot be read; the message names it.
            InvalidArgument: a row_id is no name, or is that of another input.
            TooLarge: there are too many rows, or the file is too large.
        """
        spec = await self._run_in_thread(lambda: self._spec(organization_id, job_id))
        receiver = Receiver(
            self._blobs,
            run_in_thread=self._run_in_thread,
            max_bytes=min(MAX_INPUT_BYTES, self._kernel.limits.max_file_bytes),
        )
        async with receiver.received(organization_id, pieces, keep=False) as body:
            context = ComputeContext(
                blobs=JobBlobs(self._blobs, organization_id),
                settings=self._kernel.compute_settings,
            )
            work = TableWork(
                file=body.address,
                source=source,
                artifact=spec.artifact,
                item_name=spec.inputs[0].name,
            )
            compute = self._kernel.network if spec.artifact.waits else self._kernel.compute
            found = await compute.run(inputs_of_table, context, work)
            return await self._run_in_thread(lambda: self._add_all(organization_id, job_id, found))

    def _spec(self, organization_id: str, job_id: str) -> InferenceSpec:
        with self._store.read() as uow:
            check_open(uow[InferenceJobs].get(organization_id, job_id))
            return decode(InferenceSpec, uow[Jobs].get(organization_id, job_id).spec)

    def _add_all(self, organization_id: str, job_id: str, found: TableInputs) -> InferenceJob:
        pieces = (piece for one in found.inputs for item in one.items for piece in item.pieces)
        named = tuple(dict.fromkeys(piece.blob for piece in pieces))
        try:
            with self._store.write() as uow:
                lock_open(uow, organization_id, job_id)
                uow[BlobReferences].add(organization_id, job_owner(job_id), named)
                return uow[InferenceJobs].add_inputs(organization_id, job_id, found.inputs)
        except BaseException:
            found.draft.take_back()
            raise

    def _room(self, organization_id: str, job_id: str, chunk: Chunk) -> int:
        """Return how many bytes the input may still get."""
        with self._store.read() as uow:
            check_open(uow[InferenceJobs].get(organization_id, job_id))
            there = uow[InferenceJobs].opened_input(organization_id, job_id, chunk.input_name)
        return MAX_INPUT_BYTES - (0 if there is None else there.size)

    def _append(
        self, organization_id: str, job_id: str, chunk: Chunk, piece: Piece
    ) -> ReceivedInput:
        with self._store.write() as uow:
            lock_open(uow, organization_id, job_id)
            jobs = uow[InferenceJobs]
            there = jobs.opened_input(organization_id, job_id, chunk.input_name)
            items = {item.name: item for item in (() if there is None else there.items)}
            item = items.get(chunk.item_name) or Item(
                name=chunk.item_name, form=ItemForm.FILE, size=0
            )
            if not _is_repeat(item, chunk.span, piece):
                items[item.name] = item = replace(
                    item, size=item.size + piece.size, pieces=(*item.pieces, piece)
                )
                _check_count(chunk.input_name, len(items), MAX_ITEMS, "items")
                _check_count(item.name, len(item.pieces), MAX_CHUNKS, "chunks")
                uow[BlobReferences].add(organization_id, job_owner(job_id), (piece.blob,))
                new = NewInput(name=chunk.input_name, items=tuple(items.values()))
                jobs.add_input(organization_id, job_id, new)
        return ReceivedInput(
            job_id=job_id, input_name=chunk.input_name, item_name=item.name, size=item.size
        )


def lock_open(uow: UnitOfWork, organization_id: str, job_id: str) -> None:
    """Hold a job until the commit, so that it is not closed meanwhile; raises as `check_open`."""
    uow[InferenceJobs].get(organization_id, job_id)  # a job of another kind is absent
    uow[Jobs].lock(organization_id, job_id)
    check_open(uow[InferenceJobs].get(organization_id, job_id))


def check_open(job: InferenceJob) -> None:
    """Raise UploadFinished for a job that was closed, FailedPrecondition for one that ended open."""
    if job.state is JobState.OPEN:
        return
    metadata = {"job_id": job.job_id, "state": job.status}
    if job.submitted_at is None:
        raise FailedPrecondition(
            f"The job '{job.job_id}' has ended: {job.status}. Open another one.", metadata=metadata
        )
    raise UploadFinished(
        f"The job '{job.job_id}' takes no more inputs: it was submitted with {job.total}. Open "
        "another one.",
        metadata=metadata,
    )


def _check_count(name: str, count: int, limit: int, what: str) -> None:
    """Raise TooLarge where something would have more parts than are allowed."""
    if count > limit:
        raise TooLarge(
            f"'{clip(name)}' would have {count} {what}; at most {limit} are allowed.",
            metadata={"name": name, "sent": count, "limit": limit},
        )


def _is_repeat(item: Item, span: Span | None, piece: Piece) -> bool:
    """Return whether a chunk came before; OffsetGap where it neither did nor follows the last one."""
    if span is None or span.first == item.size:
        return False
    at = 0
    for known in item.pieces:
        if at == span.first and known == piece:
            return True
        at += known.size
    raise OffsetGap(
        f"The chunk begins at byte {span.first}, and '{clip(item.name)}' has {item.size} bytes so "
        "far. Send the chunk that follows them.",
        metadata={"sent_byte": span.first, "expected_byte": item.size},
    )
