"""Handlers made of two functions: one asks a use case, the other makes the reply of its answer.

The typed service and the REST one of a resource ask alike, and differ in their replies alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, get_type_hints

from assay.kernel.rpc import rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.paging import Counted
from assay.kernel.rpc.rest import Body, ViewPage

S = TypeVar("S")
Q = TypeVar("Q")
T = TypeVar("T")
R = TypeVar("R")
Ask = Callable[[S, Q, Call], T]
Handler = Callable[[S, Q, Call], Awaitable[R]]


def handler(ask: Ask[S, Q, T], reply: Callable[[T], R]) -> Handler[S, Q, R]:
    """Return a service's method that replies `reply(ask(request, call))`, run as `Call.run` does."""

    async def handle(self: S, request: Q, call: Call) -> R:
        return await call.run(lambda: reply(ask(self, request, call)))

    return handle


def view_handler(ask: Ask[S, Q, T], view: Callable[[T], R]) -> Handler[S, Q, Body[R]]:
    """Return a method of a REST service, which replies with the view of what was asked for."""
    handle = handler(ask, lambda found: rest.body(view(found)))
    shown: Any = get_type_hints(view)["return"]
    handle.__annotations__["return"] = Body[shown]  # as OpenAPI reads it
    return handle


def page_handler(
    ask: Ask[S, Q, Counted[T]], view: Callable[[T], R]
) -> Handler[S, Q, Body[ViewPage[R]]]:
    """Return a method of a REST service, which replies with a page of views."""
    handle = handler(ask, lambda found: rest.body(rest.page(found, view)))
    shown: Any = get_type_hints(view)["return"]
    handle.__annotations__["return"] = Body[ViewPage[shown]]
    return handle
