"""Manners of the camelCase family: numbered pages, the header Link, query names that are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from assay.kernel.errors import InvalidArgument
from assay.kernel.rpc import rest, values
from assay.kernel.rpc.call import GATEWAY_PATH, Call
from assay.kernel.rpc.http_binding import binding_of
from assay.kernel.rpc.methods import Method, methods_of
from assay.kernel.rpc.numbered_pages import (
    MAX_QUERY_CHARS,
    NumberedPage,
    add_links,
    check_query,
    requested_page,
)
from assay.v1 import job_service_pb2

SERVICE = job_service_pb2.DESCRIPTOR.services_by_name["JobService"]
METHOD: Method = next(one for one in methods_of(SERVICE) if one.name == "ListJobs")


@dataclass(frozen=True)
class Request:
    """A request with the two fields of a numbered page."""

    page: int = 0
    per_page: int | None = None

    def HasField(self, name: str) -> bool:
        """Return whether a field was sent."""
        return getattr(self, name) is not None


class Shown(rest.CamelRecord):
    """A view."""

    start_time: str
    total: int


async def threads(function):
    """Run a function in place."""
    return function()


def call(path: str, metadata: Mapping[str, str] | None = None) -> Call:
    """Return a REST call of a path."""
    sent = {GATEWAY_PATH: path} if metadata is None else metadata
    return Call(method=METHOD, metadata=sent, started=0.0, threads=threads)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request(), NumberedPage(number=1, size=10)),
        (Request(page=1, per_page=3), NumberedPage(number=1, size=3)),
        (Request(page=4, per_page=100_000), NumberedPage(number=4, size=1000)),
    ],
)
def test_a_page_is_counted_from_one(request_: Request, expected: NumberedPage):
    """Page 0 is the first one too, ten items are a page by default, and a thousand at most."""
    assert requested_page(request_) == expected


@pytest.mark.parametrize("request_", [Request(page=-1), Request(per_page=0), Request(per_page=-2)])
def test_a_page_that_cannot_be_is_refused(request_: Request):
    """A negative page, and one without items, are refused by the name that was sent."""
    with pytest.raises(InvalidArgument, match=r"^(page|per-page): "):
        requested_page(request_)


def test_links_lead_to_the_pages_beside():
    """Link has the URL of the next and of the previous page, with all else of the query."""
    asked = call("/api/jobs/history?user=J%C3%B6rg%20%3Ca%3E&page=2&per-page=1&x=")
    add_links(asked, NumberedPage(number=2, size=1), has_more=True)
    path = "/api/jobs/history?user=J%C3%B6rg+%3Ca%3E&per-page=1&x=&page="
    assert asked.headers["link"] == f'<{path}3>; rel="next", <{path}1>; rel="prev"'
    assert NumberedPage(number=2, size=7).offset == 7


def test_there_is_no_link_where_there_is_no_page_beside():
    """The only page has no Link, nor has the reply of a native caller."""
    alone, native = call("/api/models"), call("", metadata={})
    add_links(alone, NumberedPage(), has_more=False)
    add_links(native, NumberedPage(), has_more=True)
    assert alone.headers == native.headers == {}


def test_a_query_that_no_link_could_repeat_is_refused():
    """A query of more than two thousand characters is refused before anything is read."""
    check_query(call("/api/models?x=" + "a" * (MAX_QUERY_CHARS - 2)))
    with pytest.raises(InvalidArgument, match="at most 2000 are allowed"):
        check_query(call("/api/models?x=" + "a" * MAX_QUERY_CHARS))


def test_unknown_query_names_are_ignored_where_the_policy_says_so():
    """Such a method leaves unknown names unread, and refuses a repeated name as any other."""
    descriptor = SERVICE.methods_by_name["ListJobs"]
    lenient = binding_of(descriptor, METHOD.request, ignores_unknown_query=True)
    strict = binding_of(descriptor, METHOD.request)
    assert lenient is not None
    assert strict is not None
    lenient.check_query("isActive=True&sort-by=name&kind=training&=&%00=1")
    with pytest.raises(InvalidArgument, match="given twice"):
        lenient.check_query("kind=a&nothing=1&kind=b")
    with pytest.raises(InvalidArgument, match="is not a query parameter"):
        strict.check_query("isActive=True")


def test_a_variable_of_the_path_is_never_ignored():
    """A name of the path in the query is refused even where unknown names are ignored."""
    descriptor = SERVICE.methods_by_name["GetJob"]
    lenient = binding_of(descriptor, job_service_pb2.GetJobRequest, ignores_unknown_query=True)
    assert lenient is not None
    with pytest.raises(InvalidArgument, match="must not stand in the query"):
        lenient.check_query("x=1&jobId=2")


def test_views_of_the_family_are_printed_in_camel_case():
    """Names are camelCase, integers have no quotes, times have milliseconds and +00:00."""
    moment = datetime(2026, 1, 2, 5, 4, 5, 678_901, tzinfo=timezone(timedelta(hours=2)))
    shown = Shown(start_time=values.offset_millis(moment), total=3)
    assert rest.text(shown) == '{"startTime":"2026-01-02T03:04:05.678+00:00","total":3}'
    whole = datetime(2026, 1, 2, tzinfo=UTC)
    assert values.offset_millis(whole) == "2026-01-02T00:00:00.000+00:00"
