"""Large JSON bodies, read in a process of their own: whoever decodes one holds the interpreter.

In a thread of the server the others waited for it at each of their steps, a second and more in
all. How much of bodies an organization has here, in reading and in calls that go on, is bounded.
"""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import ParamSpec, Protocol, TypeVar
from weakref import WeakValueDictionary

from google.protobuf import descriptor_pool
from google.protobuf.message import Message

from assay.kernel.errors import RateLimited
from assay.kernel.memory import Trimmer
from assay.kernel.rpc import methods
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.methods import Method
from assay.kernel.rpc.request_reading import message_of, rest_request_of

P = ParamSpec("P")
R = TypeVar("R")

THREAD_BYTES = 8 * 1024  # a body from this size on is read in a thread
PROCESS_BYTES = 128 * 1024  # and from this size on in another process
# Of large requests that calls hold until they are answered: what is made of one takes many times its bytes.
ORGANIZATION_BYTES = 64 * 1024 * 1024
SERVER_BYTES = 4 * ORGANIZATION_BYTES


class Processes(Protocol):
    """Processes that read while a caller waits."""

    async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what a module-level function returns; its arguments are pickled."""
        ...


class LargeBodies:
    """Reads what is too large for the event loop. For one event loop."""

    def __init__(
        self,
        processes: Processes,
        *,
        of_organization: int = ORGANIZATION_BYTES,
        of_server: int = SERVER_BYTES,
    ) -> None:
        """Take the processes.

        Args:
            processes: that read bodies from PROCESS_BYTES on.
            of_organization: bytes of requests of that size that the calls of one may hold.
            of_server: bytes that all calls may hold.
        """
        self._processes = processes
        self._of_organization = of_organization
        self._of_server = of_server
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._trimmer = Trimmer()
        self._held: Counter[str] = Counter()  # bytes, by organization

    async def read(self, call: Call, data: bytes) -> Message:
        """Return the request of a REST call with its JSON body.

        Raises:
            RateLimited: the calls of the organization hold too much already.
            Unavailable: there is no process that could read it.
            BadContentType, InvalidArgument, TooLarge: the body is wrong.
        """
        encoding = call.metadata.get("content-encoding", "")
        if len(data) < PROCESS_BYTES:
            # One at a time of an organization, so that those of others need not wait for all of them.
            lock = self._locks.setdefault(_holder(call), asyncio.Lock())
            async with lock:
                return await call.run_in_thread(
                    lambda: rest_request_of(call.method, data, encoding)
                )
        self.hold(call, data)
        self._trimmer.soon()
        found = await self._processes.run(
            _read, _module_of(call.method), call.method.path, data, encoding
        )
        return await call.run_in_thread(lambda: message_of(call.method, found))

    def hold(self, call: Call, data: bytes) -> None:
        """Count a large request against who calls, until `leave`.

        Raises:
            RateLimited: the calls of the organization hold too much already.
        """
        holder, size = _holder(call), len(data)
        held = self._held[holder]
        if held + size > self._of_organization or self._held.total() + size > self._of_server:
            raise RateLimited(
                f"{size} bytes were sent while calls of your organization that are not answered yet "
                f"hold {held} bytes of large requests; {self._of_organization} are the limit, and "
                f"{self._of_server} for all organizations. Try again when others are answered.",
                metadata={
                    "rate_class": "large_requests",
                    "limit": self._of_organization,
                    "remaining": 0,
                },
                retry_after=1.0,
            )
        self._held[holder] = held + size
        call.held_bytes = size

    def leave(self, call: Call) -> None:
        """Forget what a call held that has ended."""
        holder = _holder(call)
        self._held[holder] -= call.held_bytes
        if not self._held[holder]:
            del self._held[holder]
        call.held_bytes = 0


def _holder(call: Call) -> str:
    """Return the organization of a call; all strangers are one."""
    return "" if call.principal is None else call.principal.organization_id


def _module_of(method: Method) -> str:
    """Return the module that brings a method's service into a process."""
    service = descriptor_pool.Default().FindServiceByName(method.service)
    return service.file.name.removesuffix(".proto").replace("/", ".") + "_pb2"


def _read(module: str, path: str, data: bytes, content_encoding: str) -> bytes:
    """Return the request, with its body, as bytes of the message that a method takes."""
    return rest_request_of(_method(module, path), data, content_encoding).SerializeToString()


@cache
def _method(module: str, path: str) -> Method:
    importlib.import_module(module)
    service, _, name = path.removeprefix("/").partition("/")
    descriptor = descriptor_pool.Default().FindServiceByName(service)
    return methods.method_of(descriptor.methods_by_name[name])
