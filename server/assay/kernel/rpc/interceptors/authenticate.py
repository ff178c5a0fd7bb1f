"""Authentication: the principal of a call; anonymous methods pass without a credential."""

from __future__ import annotations

from collections.abc import Awaitable

from assay.kernel.rpc.auth import Authenticator
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.interceptors.base import Interceptor


class Authenticate(Interceptor):
    """Sets `call.principal`, or refuses with Unauthenticated."""

    name = "authenticate"

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def before(self, call: Call) -> Awaitable[None] | None:
        """Resolve the Authorization header."""
        if call.method.anonymous:
            return None
        authorization = call.metadata.get("authorization")
        call.principal = self._authenticator.remembered(authorization)
        return None if call.principal is not None else self._resolve(call, authorization)

    async def _resolve(self, call: Call, authorization: str | None) -> None:
        call.principal = await self._authenticator.principal(authorization)
