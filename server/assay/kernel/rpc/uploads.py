"""Client streams of an upload: the first message, and what all of them carry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol, TypeVar

from google.api import httpbody_pb2

from assay.kernel.errors import InvalidArgument, clip

M = TypeVar("M")
R = TypeVar("R")


class FilePart(Protocol):
    """A message that carries bytes of a file."""

    @property
    def file(self) -> httpbody_pb2.HttpBody:
        """The bytes."""
        ...


async def first_of(requests: AsyncIterator[M]) -> M:
    """Return the first message of an upload; InvalidArgument when there is none."""
    first = await anext(aiter(requests), None)
    if first is None:
        raise InvalidArgument("Nothing was sent. Send where the documents go, and the documents.")
    return first


async def file_parts(
    first: FilePart, rest: AsyncIterator[FilePart], holder: str
) -> AsyncIterator[bytes]:
    """Yield the bytes of a file in their order; `holder` is the field that says where they go."""
    yield first.file.data
    async for request in rest:
        _check_holder(first, request, holder)
        yield request.file.data


async def rows_of(
    first: M, rest: AsyncIterator[M], convert: Callable[[M], Sequence[R]], holder: str
) -> AsyncIterator[Sequence[R]]:
    """Yield the documents of each message; `holder` is the field that says where they go."""
    yield convert(first)
    async for request in rest:
        _check_holder(first, request, holder)
        yield convert(request)


def _check_holder(first: object, later: object, holder: str) -> None:
    """Raise InvalidArgument for a message that goes elsewhere; it may also leave that out."""
    begun, sent = getattr(first, holder), getattr(later, holder)
    if sent not in {"", begun}:
        raise InvalidArgument.of(
            holder,
            f"'{clip(sent)}' was sent after '{clip(begun)}'; one import goes to one place. Nothing "
            "was stored",
            value=sent,
        )
