"""Requests of imports as calls of `Imports`, the same for each feature that takes documents.

`holder` is the field of a request that names the dataset or the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from assay.features.imports.document_files import TypedRow
from assay.features.imports.service import Imports
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import message_of
from assay.kernel.rpc.uploads import file_parts, first_of, rows_of
from assay.v1.ground_truth_pb2 import ImportResponse


async def import_rows(
    imports: Imports,
    requests: AsyncIterator[Any],
    call: Call,
    convert: Callable[[Any], Sequence[TypedRow]],
    holder: str,
) -> ImportResponse:
    """Take a stream of documents; `convert` reads those of one message."""
    first = await first_of(requests)
    done = await imports.stream(
        call.organization_id,
        getattr(first, holder),
        rows=rows_of(first, requests, convert, holder),
        request_id=call.idempotency_key(first.request_id),
    )
    return message_of(ImportResponse, done)


async def import_file(
    imports: Imports, requests: AsyncIterator[Any], call: Call, source: str, holder: str
) -> ImportResponse:
    """Take one file of the format `source`."""
    first = await first_of(requests)
    done = await imports.file(
        call.organization_id,
        getattr(first, holder),
        source=source,
        content_type=first.file.content_type or call.metadata.get("content-type", ""),
        parts=file_parts(first, requests, holder),
        request_id=call.idempotency_key(first.request_id),
    )
    return message_of(ImportResponse, done)
