"""Numbered pages, as the camelCase family has them: `page`, `per-page` and the header Link."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.paging import most_items
from assay.records import Record

MAX_PER_PAGE = 1000
_DIRECTIONS = {"ASC": "ASC", "DESC": "DESC"}
MAX_QUERY_CHARS = 2000  # of a URL's query, which the links of its reply repeat


class NumberedPage(Record):
    """Which part of a listing is asked for."""

    number: int = 1
    size: int = 10  # items, at most

    @property
    def offset(self) -> int:
        """How many items come before the page."""
        return (self.number - 1) * self.size


def requested_page(request: Any, *, default: int = 10) -> NumberedPage:
    """Return the page that a request with optional fields `page` and `per_page` asks for.

    The first one is number 1; 0 is taken for it, as some clients count from there.

    Raises:
        InvalidArgument: `page` is negative, or `per-page` below 1.
    """
    if request.page < 0:
        raise InvalidArgument.of(
            "page", f"{request.page} was sent; 1, the first, or more is allowed"
        )
    sent = request.per_page if request.HasField("per_page") else None
    size = most_items("per-page", sent, default=default, most=MAX_PER_PAGE)
    return NumberedPage(number=max(1, request.page), size=size)


def sort_order(
    sent: str, directions: str, allowed: Collection[str]
) -> tuple[tuple[str, bool], ...]:
    """Return the columns that a listing is sorted by, and whether the order of each descends.

    Commas divide columns, which come in any case. One direction holds for all of them, several
    stand for one each.

    Raises:
        InvalidArgument: a column or a direction is unknown, or there are more of these.
    """
    by_form = {name.lower(): name for name in allowed}
    columns = [_known("sort-by", one.lower(), one, by_form) for one in _parts(sent)]
    words = [_known("direction", one.upper(), one, _DIRECTIONS) for one in _parts(directions)]
    if len(set(columns)) < len(columns):
        raise InvalidArgument.of("sort-by", "names a column twice")
    if len(words) > max(1, len(columns)):
        raise InvalidArgument.of(
            "direction", f"{len(words)} were sent for {len(columns)} columns of sort-by"
        )
    if len(words) <= 1:
        words = (words or ["ASC"]) * len(columns)
    words += ["ASC"] * (len(columns) - len(words))
    return tuple((name, word == "DESC") for name, word in zip(columns, words, strict=True))


def check_query(call: Call) -> None:
    """Check that the query of a REST caller fits into the links of the reply.

    Raises:
        InvalidArgument: it is too long.
    """
    if len(call.query) > MAX_QUERY_CHARS:
        raise InvalidArgument(
            f"The query of the URL has {len(call.query)} characters; "
            f"at most {MAX_QUERY_CHARS} are allowed.",
            metadata={"characters": len(call.query), "allowed": MAX_QUERY_CHARS},
        )


def add_links(call: Call, page: NumberedPage, *, has_more: bool) -> None:
    """Tell a REST caller the pages after and before this one in the header Link (RFC 8288)."""
    links = {"next": page.number + 1 if has_more else 0, "prev": page.number - 1}
    shown = [f'<{_url(call, number)}>; rel="{name}"' for name, number in links.items() if number]
    if shown and call.is_rest:
        call.headers["link"] = ", ".join(shown)


def _url(call: Call, number: int) -> str:
    """Return the URL of another page, relative to the host."""
    sent = [pair for pair in parse_qsl(call.query, keep_blank_values=True) if pair[0] != "page"]
    return f"{call.path}?{urlencode([*sent, ('page', str(number))])}"


def _parts(sent: str) -> list[str]:
    return [part for one in re.split("[,;]", sent) if (part := one.strip())]


def _known(field: str, form: str, sent: str, by_form: Mapping[str, str]) -> str:
    if form not in by_form:
        *names, last = by_form.values()
        allowed = f"{', '.join(names)} or {last} is allowed"
        raise InvalidArgument.of(field, f"'{clip(sent)}' was sent; {allowed}")
    return by_form[form]
