"""Finds out who is calling; anonymous methods pass without a credential."""

from __future__ import annotations

from assay.rpc.auth import Authenticator
from assay.rpc.call import Call
from assay.rpc.links.link import Passive


class Authenticate(Passive):
    """Sets `call.principal`, or refuses with Unauthenticated."""

    name = "authenticate"

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def before(self, call: Call) -> None:
        """Resolve the Authorization header."""
        if call.method.anonymous:
            return
        call.principal = await self._authenticator.principal(call.metadata.get("authorization"))
