"""Page sizes and tokens, the same for every listing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import InvalidArgument

T = TypeVar("T")
S = TypeVar("S")

DEFAULT_PAGE = 50
MAX_PAGE = 500
DEFAULT_LIMIT = 20  # of the listings under /v1/quality


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[T]):
    """One page as a caller gets it."""

    items: tuple[T, ...]  # in the order of the listing
    next_token: str  # leads to the next page; empty on the last one


@dataclass(frozen=True, kw_only=True)
class Counted(Generic[T]):
    """One page of a listing under /v1/quality, which tells its total."""

    items: tuple[T, ...]  # in the order of the listing
    total: int  # items of the whole listing
    limit: int  # the most items that the page may have
    next_cursor: str | None  # leads to the next page; None on the last one


def page_limit(sent: int | None) -> int:
    """Return how many items to list: None is the default, too many is the most allowed.

    Raises:
        InvalidArgument: zero or negative.
    """
    if sent is not None and sent < 1:
        raise InvalidArgument.of(
            "limit", f"{sent} was sent; 1 to {MAX_PAGE} is allowed, {DEFAULT_LIMIT} is the default"
        )
    return min(DEFAULT_LIMIT if sent is None else sent, MAX_PAGE)


def requested_limit(request: Any) -> int:
    """Return how many items a request with an optional `limit` asks for, as `page_limit`."""
    return page_limit(request.limit if request.HasField("limit") else None)


def page_size(sent: int) -> int:
    """Return how many items to list: 0 is the default, too many is the most allowed.

    Raises:
        InvalidArgument: negative.
    """
    if sent < 0:
        raise InvalidArgument.of(
            "page_size",
            f"{sent} was sent; 0 (the default, {DEFAULT_PAGE}) to {MAX_PAGE} is allowed",
        )
    return min(sent or DEFAULT_PAGE, MAX_PAGE)


def cursor(token: str, scope: str) -> Cursor | None:
    """Return where a listing goes on; BadPageToken when the token is of another one."""
    return Cursor.parse(token, scope) if token else None


def place_of(token: str, scope: str) -> Cursor | None:
    """Return where a listing under /v1/quality goes on, as `cursor` does."""
    return Cursor.parse(token, scope, "cursor") if token else None


def counted(page: Page[T], scope: str, *, total: int, limit: int) -> Counted[T]:
    """Return a stored page as a caller of /v1/quality gets it."""
    return Counted(
        items=page.items,
        total=total,
        limit=limit,
        next_cursor=page.next.token(scope) if page.next else None,
    )


def listing(page: Page[S], scope: str, convert: Callable[[S], T]) -> Listing[T]:
    """Return a stored page as a caller gets it."""
    return Listing(
        items=tuple(convert(item) for item in page.items),
        next_token=page.next.token(scope) if page.next else "",
    )
