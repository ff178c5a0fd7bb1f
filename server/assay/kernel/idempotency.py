"""A repeated create answers with what the first one made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from assay.kernel.errors import NotFound, RequestIdReused, clip
from assay.kernel.storage.requests import Requests
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import encode, sha256_hex

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class CreateRequest:
    """What tells a repeat from a new request."""

    method: str  # which create it is
    request_id: str | None  # the caller's name for the request; None: never a repeat
    body: object  # a record or JSON; a repeat has the same

    @property
    def body_hash(self) -> str:
        """SHA-256 of the canonical JSON of the body."""
        return sha256_hex(encode(self.body))


def create_once(
    uow: UnitOfWork,
    organization_id: str,
    request: CreateRequest,
    *,
    make: Callable[[], T],
    again: Callable[[str], T],
    key_of: Callable[[T], str],
) -> T:
    """Return what `make` makes, or on a repeat what `again(key)` reads.

    Raises:
        RequestIdReused: the request_id came before with another body, or what it made is gone.
    """
    first = answered(uow, organization_id, request, again)
    if first is not None:
        return first
    made = make()
    if request.request_id is not None:
        uow[Requests].record(
            organization_id,
            request.method,
            request.request_id,
            body_hash=request.body_hash,
            resource_id=key_of(made),
        )
    return made


def answered(
    uow: UnitOfWork, organization_id: str, request: CreateRequest, again: Callable[[str], T]
) -> T | None:
    """Return on a repeat what `again(key)` reads of what the first request made, else None.

    Raises RequestIdReused as `create_once`.
    """
    if request.request_id is None:
        return None
    key = uow[Requests].find(organization_id, request.method, request.request_id, request.body_hash)
    if key is None:
        return None
    try:
        return again(key)
    except NotFound as error:
        raise RequestIdReused(
            f"The request id '{request.request_id}' has made '{clip(key)}', which was deleted "
            "since. Choose a new request id to make it anew.",
            metadata={"request_id": request.request_id, "resource_id": key},
        ) from error
