"""Authentication: the principal of a call; anonymous methods pass without a credential."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from assay.kernel.errors import RateLimited, Unauthenticated
from assay.kernel.identity import Principal
from assay.kernel.rpc.auth import Authenticator
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.interceptors.base import Interceptor
from assay.kernel.rpc.interceptors.rate_counters import Key, ProcessCounters

_WINDOW_SECONDS = 60.0
_CLASS = "failed_credential"
# What a proxy tells of a call that it passes on, ours among them.
_PROXY_MARKS = ("forwarded", "via", "x-forwarded-", "x-real-", "x-envoy-", "x-assay-")


class Authenticate(Interceptor):
    """Sets `call.principal`, or refuses: with Unauthenticated, or with RateLimited.

    An address that has sent too many wrong credentials may go on with those that were right
    before; others of it are not even looked up, until a minute has passed.

    Where the operator said so, a caller who brings no credential at all and whom no proxy passes
    on is a given principal, for the methods alone whose policy lets it be.
    """

    name = "authenticate"

    def __init__(
        self,
        authenticator: Authenticator,
        failures_per_minute: int,
        keyless: Principal | None = None,
    ) -> None:
        self._authenticator = authenticator
        self._keyless = keyless
        self._limit = failures_per_minute
        self._failures = ProcessCounters()

    def before(self, call: Call) -> Awaitable[None] | None:
        """Resolve the Authorization header."""
        if call.method.anonymous:
            return None
        authorization = call.metadata.get("authorization")
        if authorization is None and (token := _watch_token(call)) is not None:
            return self._resolve(call, token, self._authenticator.watcher)
        call.principal = self._authenticator.remembered(authorization)
        return None if call.principal is not None else self._known(call, authorization)

    async def _known(self, call: Call, authorization: str | None) -> None:
        if authorization is None and call.method.keyless and _is_direct(call):
            call.principal = self._keyless
        if call.principal is not None:
            return
        if not authorization:
            call.principal = await self._authenticator.principal(authorization)
            return
        await self._resolve(call, authorization, self._authenticator.principal)

    async def _resolve(
        self, call: Call, authorization: str, find: Callable[[str], Awaitable[Principal]]
    ) -> None:
        key = (_CLASS, call.connection.rpartition(":")[0], "")
        if self._failures.count(key) >= self._limit and not self._authenticator.knows(
            authorization
        ):
            raise self._limited(key)
        try:
            call.principal = await find(authorization)
        except Unauthenticated:
            self._failures.add(key, _WINDOW_SECONDS)
            raise

    def _limited(self, key: Key) -> RateLimited:
        wait = max(1.0, self._failures.seconds_left(key))
        return RateLimited(
            f"Over {self._limit} credentials that do not hold came from your address within a "
            f"minute. Try again in {math.ceil(wait)} s, with one that does.",
            metadata={
                "rate_class": _CLASS,
                "limit": self._limit,
                "remaining": 0,
                "reset": math.ceil(self._failures.ends(key)),
            },
            retry_after=wait,
        )


def _is_direct(call: Call) -> bool:
    """Return whether nothing in the metadata says that a proxy passes the call on."""
    return not any(name.startswith(_PROXY_MARKS) for name in call.metadata)


def _watch_token(call: Call) -> str | None:
    """Return the token in the query of a watch, which alone takes one."""
    if "access_token" not in call.method.request.DESCRIPTOR.fields_by_name or not call.query:
        return None
    return next(iter(parse_qs(call.query).get("access_token", ())), None)
