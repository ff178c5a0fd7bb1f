"""Imports of documents into what a feature declares as a target: all of a file, or nothing.

The bytes come to rest as a blob, a compute child reads and checks every row of it, and one
transaction stores what is new. What is wrong anywhere stops it before anything is stored.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from assay.features.imports.document_files import TYPED, RowFormat, TypedRow
from assay.features.imports.model import (
    PRESENT,
    Imported,
    Staged,
    StagedRow,
)
from assay.features.imports.staging import stage_file
from assay.kernel.body_reader import Receiver
from assay.kernel.errors import BadContentType, clip
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext
from assay.kernel.kernel import Compute, Kernel
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.kernel.threads import RunInThread
from assay.records import decode, encode, encode_text
from assay.tabular.opening import CSV, JSON_LINES

# What is sent where the route has said the format: its own types, and those that say nothing.
_NEUTRAL = ("", "text/plain", "application/octet-stream", "application/x-www-form-urlencoded")
CONTENT_TYPES = {
    CSV: ("text/csv", "application/csv", "text/tab-separated-values", *_NEUTRAL),
    JSON_LINES: ("application/x-ndjson", "application/jsonl", *_NEUTRAL),
}


@dataclass(frozen=True, kw_only=True)
class ImportTarget:
    """What documents are imported into, as the feature that keeps it declares it."""

    kind: str  # of document, such as entries
    shape: RowFormat  # of a row
    # Raises NotFound unless the organization has the dataset or run of an id.
    find: Callable[[UnitOfWork, str, str], object]
    # Stores rows in it; returns the places in the list of those that it has already.
    add: Callable[[UnitOfWork, str, str, Sequence[StagedRow]], tuple[int, ...]]


class Imports:
    """Imports of an organization's documents; async, as a body may be long."""

    def __init__(
        self,
        target: ImportTarget,
        store: Store,
        blobs: BlobStore,
        *,
        compute: Compute,
        run_in_thread: RunInThread,
        max_file_bytes: int,
    ) -> None:
        self._target = target
        self._store = store
        self._blobs = blobs
        self._compute = compute
        self._run_in_thread = run_in_thread
        self._receiver = Receiver(blobs, run_in_thread=run_in_thread, max_bytes=max_file_bytes)

    async def file(
        self,
        organization_id: str,
        holder_id: str,
        *,
        source: str,
        content_type: str,
        parts: AsyncIterator[bytes],
        request_id: str | None,
    ) -> Imported:
        """Store the documents of a file of the format `source`, CSV or JSON_LINES.

        Raises:
            BadContentType: the body says that it is something else.
            NotFound: no such dataset or run.
            TooLarge: the file, or what the dataset or run would hold, is over its limit.
            BadFile, BadDocument: a row is wrong; the message names it and nothing is stored.
            RequestIdReused: the request_id came before with another body.
        """
        _check_type(content_type, source)
        return await self._take(organization_id, holder_id, source, parts, request_id)

    async def stream(
        self,
        organization_id: str,
        holder_id: str,
        *,
        rows: AsyncIterator[Sequence[TypedRow]],
        request_id: str | None,
    ) -> Imported:
        """Store the documents of a stream; raises as `file`."""
        return await self._take(organization_id, holder_id, TYPED, _as_lines(rows), request_id)

    async def _take(
        self,
        organization_id: str,
        holder_id: str,
        source: str,
        parts: AsyncIterator[bytes],
        request_id: str | None,
    ) -> Imported:
        await self._run_in_thread(lambda: self._find(organization_id, holder_id))
        async with self._receiver.received(organization_id, parts, keep=False) as body:
            context = ComputeContext(blobs=JobBlobs(self._blobs, organization_id))
            staged = await self._compute.run(
                stage_file, context, body.address, source, self._target.shape
            )
            request = CreateRequest(
                method=f"Import/{self._target.kind}",
                request_id=request_id,
                body={"holder_id": holder_id, "source": source, "blob": body.address},
            )
            try:
                return await self._run_in_thread(
                    lambda: self._commit(organization_id, holder_id, staged, request)
                )
            finally:
                await self._run_in_thread(staged.draft.take_back)

    def _find(self, organization_id: str, holder_id: str) -> None:
        with self._store.read() as uow:
            self._target.find(uow, organization_id, holder_id)

    def _commit(
        self, organization_id: str, holder_id: str, staged: Staged, request: CreateRequest
    ) -> Imported:
        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                request,
                make=lambda: self._add(uow, organization_id, holder_id, staged),
                again=lambda made: decode(Imported, made),
                key_of=encode_text,
            )

    def _add(
        self, uow: UnitOfWork, organization_id: str, holder_id: str, staged: Staged
    ) -> Imported:
        skipped = staged.skipped
        imported = 0
        for address in staged.blobs:
            rows = decode(list[StagedRow], self._blobs.read(organization_id, address))
            left_out = self._target.add(uow, organization_id, holder_id, rows)
            for place in left_out:
                skipped.add(rows[place].row, rows[place].document_id, PRESENT)
            imported += len(rows) - len(left_out)
        return Imported(imported=imported, skipped=skipped.count, skipped_rows=skipped.told())


def _check_type(content_type: str, source: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    allowed = ", ".join(one for one in CONTENT_TYPES[source] if one and one not in _NEUTRAL)
    if kind not in CONTENT_TYPES[source]:
        raise BadContentType(
            f"The content type '{clip(kind)}' was sent; allowed is {allowed}. Send the bytes of the "
            "file as the whole body.",
            metadata={"content_type": kind, "allowed": allowed},
        )


async def _as_lines(rows: AsyncIterator[Sequence[TypedRow]]) -> AsyncIterator[bytes]:
    """Yield rows as TYPED lines."""
    async for some in rows:
        yield b"".join([encode(row) + b"\n" for row in some])


def imports(kernel: Kernel, target: ImportTarget) -> Imports:
    """Return the imports of a kernel into a target."""
    return Imports(
        target,
        kernel.store,
        kernel.blobs,
        compute=kernel.compute,
        run_in_thread=kernel.run_in_thread,
        max_file_bytes=kernel.limits.max_file_bytes,
    )
