"""What uploads of documents have in common: the first message, and the rest after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol, TypeVar

from google.api import httpbody_pb2

from assay.domain.errors import InvalidArgument
from assay.usecases.imports import TypedRow

M = TypeVar("M")


class _Piece(Protocol):
    @property
    def file(self) -> httpbody_pb2.HttpBody: ...


async def first_of(requests: AsyncIterator[M]) -> M:
    """Return the first message of an upload; InvalidArgument when there is none."""
    first = await anext(aiter(requests), None)
    if first is None:
        raise InvalidArgument("Nothing was sent. Send where the documents go, and the documents.")
    return first


async def file_pieces(first: _Piece, rest: AsyncIterator[_Piece]) -> AsyncIterator[bytes]:
    """Yield the bytes of a file in their order."""
    yield first.file.data
    async for request in rest:
        yield request.file.data


async def rows_of(
    first: M, rest: AsyncIterator[M], convert: Callable[[M], Sequence[TypedRow]]
) -> AsyncIterator[Sequence[TypedRow]]:
    """Yield the documents of each message."""
    yield convert(first)
    async for request in rest:
        yield convert(request)
