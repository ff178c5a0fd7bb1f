"""Authentication by API key or JWT: from the Authorization header to a Principal.

A bearer with two dots and a JSON header is a JWT, else it is an API key. Both are remembered for
a moment, so that a hot caller costs one dictionary look-up: a JWT for TOKEN_MEMORY_SECONDS, which
bounds how long one of a withdrawn signing key still works, a key for KEY_MEMORY_SECONDS, which
bounds how long a revoked one does, and neither beyond its own end.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from assay.kernel.clock import Clock
from assay.kernel.errors import Unauthenticated
from assay.kernel.identity import ApiKey, Principal
from assay.kernel.rpc.tokens import TokenVerifier
from assay.kernel.rpc.watch_tokens import WatchTokens
from assay.kernel.threads import RunInThread

KEY_MEMORY_SECONDS = 2.0
TOKEN_MEMORY_SECONDS = 300.0
MAX_REMEMBERED = 10_000
MAX_CREDENTIAL_CHARS = 8_192

FindKey = Callable[[str], Awaitable[ApiKey | None]]


@dataclass(frozen=True, kw_only=True)
class _Remembered:
    principal: Principal
    until: float  # monotonic seconds


class Authenticator:
    """Turns an Authorization header into a Principal, or raises Unauthenticated."""

    def __init__(
        self,
        *,
        find_key: FindKey,
        tokens: TokenVerifier,
        clock: Clock,
        watch_tokens: WatchTokens,
        run_in_thread: RunInThread,
    ) -> None:
        self._find_key = find_key
        self._tokens = tokens
        self._clock = clock
        self._watch_tokens = watch_tokens
        self._run_in_thread = run_in_thread
        self._memory: OrderedDict[str, _Remembered] = OrderedDict()

    def remembered(self, authorization: str | None) -> Principal | None:
        """Return who sent this a moment ago, None when that must be found out."""
        found = self._memory.get(authorization) if authorization else None
        if found is None or self._clock.monotonic() >= found.until:
            return None
        return found.principal

    def knows(self, authorization: str) -> bool:
        """Return whether this held when it was last looked at, some time ago."""
        return authorization in self._memory

    async def watcher(self, token: str) -> Principal:
        """Return who may watch with a watch token; raises Unauthenticated where it does not hold."""
        if len(token) > MAX_CREDENTIAL_CHARS:
            raise Unauthenticated("The watch token is too long to be one of Assay.")
        return await self._run_in_thread(lambda: self._watch_tokens.read(token))

    async def principal(self, authorization: str | None) -> Principal:
        """Return who sent `authorization`.

        Raises:
            Unauthenticated: absent, malformed, unknown, expired or revoked.
        """
        if not authorization:
            raise Unauthenticated(
                "No credential was sent. Send 'Authorization: Bearer <token or key>' "
                "or 'Authorization: ApiKey <prefix>.<secret>'."
            )
        known = self.remembered(authorization)
        if known is not None:
            return known
        principal, until = await self._resolve(authorization)
        self._remember(authorization, principal, until)
        return principal

    async def _resolve(self, authorization: str) -> tuple[Principal, float]:
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip(" \t")  # and no other blank, such as no ASCII has
        scheme = scheme.lower()
        if scheme not in {"bearer", "apikey"} or not credential:
            raise Unauthenticated(
                "The Authorization header is malformed. Send 'Bearer <token or key>' "
                "or 'ApiKey <prefix>.<secret>'."
            )
        if len(credential) > MAX_CREDENTIAL_CHARS:
            raise Unauthenticated("The credential is too long to be a token or a key of Assay.")
        if scheme == "bearer" and looks_like_jwt(credential):
            return await self._by_token(credential)
        return await self._by_key(credential)

    async def _by_token(self, token: str) -> tuple[Principal, float]:
        principal, expires_at = await self._tokens.verify(token)
        left = expires_at - self._clock.now().timestamp()
        return principal, self._clock.monotonic() + min(left, TOKEN_MEMORY_SECONDS)

    async def _by_key(self, credential: str) -> tuple[Principal, float]:
        prefix, dot, secret = credential.partition(".")
        key = await self._find_key(prefix) if dot and secret else None
        now = self._clock.now()
        sent = hashlib.sha256(secret.encode()).digest()
        # An unknown prefix costs the same comparison, so that timing tells nothing.
        known = key.secret_hash if key is not None else bytes(32)
        if not hmac.compare_digest(sent, known) or key is None:
            raise Unauthenticated("The API key is not valid. Check it, or ask for a new one.")
        if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
            raise Unauthenticated("The API key is revoked or expired. Ask for a new one.")
        principal = Principal(
            organization_id=key.organization_id,
            subject=f"key:{key.prefix}",
            permissions=frozenset(key.permissions),
            key_prefix=key.prefix,
        )
        left = KEY_MEMORY_SECONDS
        if key.expires_at is not None:
            left = min(left, (key.expires_at - now).total_seconds())
        return principal, self._clock.monotonic() + left

    def _remember(self, authorization: str, principal: Principal, until: float) -> None:
        self._memory[authorization] = _Remembered(principal=principal, until=until)
        self._memory.move_to_end(authorization)
        while len(self._memory) > MAX_REMEMBERED:
            self._memory.popitem(last=False)


def looks_like_jwt(credential: str) -> bool:
    """Return True when `credential` has two dots and a JSON object as its header."""
    if credential.count(".") != 2:
        return False
    header = credential.partition(".")[0]
    try:
        decoded = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(decoded, dict)
