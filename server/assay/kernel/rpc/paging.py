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


def most_items(field: str, sent: int | None, *, default: int, most: int, least: int = 1) -> int:
    """Return how many items a field asks for: None is the default, too many are the most.

    Raises:
        InvalidArgument: fewer than `least`.
    """
    if sent is not None and sent < least:
        raise InvalidArgument.of(
            field,
            f"{sent} was sent; {least} or more is allowed, {default} is the default, and what is "
            f"above {most} is taken as {most}",
        )
    return min(default if sent is None else sent, most)


def page_limit(sent: int | None) -> int:
    """Return how many items of a listing under /v1/quality a page has, as `most_items`."""
    return most_items("limit", sent, default=DEFAULT_LIMIT, most=MAX_PAGE)


def requested_limit(request: Any) -> int:
    """Return how many items a request with an optional `limit` asks for, as `page_limit`."""
    return page_limit(request.limit if request.HasField("limit") else None)


def page_size(sent: int) -> int:
    """Return how many items to list, as `most_items`; here 0 is the default.

    Raises:
        InvalidArgument: negative.
    """
    return most_items("page_size", sent or None, default=DEFAULT_PAGE, most=MAX_PAGE, least=0)


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
