"""Watch tokens: credentials of minutes that let a browser's EventSource watch one job.

An EventSource cannot send a header, so that its credential stands in the URL. It is good for the
watches of one job alone, and is signed by what only the installation knows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import jwt

from assay.kernel.clock import Clock
from assay.kernel.errors import Unauthenticated
from assay.kernel.identity import Principal

LIFETIME = timedelta(minutes=15)
_AUDIENCE = "assay-watch"  # of no other token, so that neither passes for the other
_ALGORITHM = "HS256"


class WatchTokens:
    """Makes and reads watch tokens; blocking, as the first use reads the store."""

    def __init__(self, scope: Callable[[str], str], clock: Clock) -> None:
        """Take `Store.scope`, which gives the secret that signs."""
        self._scope = scope
        self._clock = clock

    def mint(self, principal: Principal, job_id: str) -> tuple[str, datetime]:
        """Return a token to watch one job as `principal` may, and when it ends."""
        ends = self._clock.now().replace(microsecond=0) + LIFETIME
        claims = {
            "aud": _AUDIENCE,
            "exp": ends,
            "org": principal.organization_id,
            "sub": principal.subject,
            "job": job_id,
            "permissions": sorted(principal.permissions),
        }
        return jwt.encode(claims, self._secret(), algorithm=_ALGORITHM), ends

    def read(self, token: str) -> Principal:
        """Return who may watch with a token; raises Unauthenticated where it does not hold."""
        required = ["exp", "aud", "org", "sub", "job", "permissions"]
        try:
            claims = jwt.decode(
                token,
                self._secret(),
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": required},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthenticated(
                "The watch token does not hold or has expired. Ask for a new one."
            ) from error
        return Principal(
            organization_id=claims["org"],
            subject=claims["sub"],
            permissions=frozenset(claims["permissions"]),
            job_id=claims["job"],
        )

    def _secret(self) -> str:
        return self._scope("watch tokens")
