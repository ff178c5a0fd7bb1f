"""JSON Web Tokens: verifying those of identity providers, and minting local ones.

RS256, ES256 and EdDSA by JWKS (URL or file); HS256 only where a secret is set explicitly. `none`
and key confusion are refused because every key is bound to its own family of algorithms.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.kernel.errors import Unauthenticated, Unavailable
from assay.kernel.identity import Principal

ASYMMETRIC = ("RS256", "ES256", "EdDSA")
LOCAL_ISSUER = "assay-local"
LOCAL_KEY_ID = "assay-local-1"
DEFAULT_AUDIENCE = "assay"
_MALFORMED = "The token is malformed, or its signature does not hold."
MAX_CLAIM_CHARS = 255  # of an organization or a subject


@dataclass(frozen=True, kw_only=True)
class TokenRules:
    """The claims that a token must have, and the keys that may have signed it."""

    issuer: str | None = None  # required `iss`; None: any issuer of the configured keys
    audience: str = DEFAULT_AUDIENCE  # required `aud`
    jwks_url: str | None = None
    jwks_file: Path | None = None
    hs256_secret: str | None = None  # None: HS256 is refused
    local_key: Path | None = None  # the development key of `assay token`
    organization_claim: str = "org_id"
    permission_claims: tuple[str, ...] = ("scope", "permissions")  # the first present counts
    leeway: float = 10.0  # seconds that clocks may differ


class TokenVerifier:
    """Verifies tokens by TokenRules."""

    def __init__(self, rules: TokenRules) -> None:
        self._rules = rules
        self._remote = (
            # Single keys are not cached beside the set: they would never be forgotten.
            jwt.PyJWKClient(rules.jwks_url, cache_keys=False, lifespan=300, timeout=5)
            if rules.jwks_url
            else None
        )
        self._file_keys = _keys_of_file(rules.jwks_file) if rules.jwks_file else {}

    async def verify(self, token: str) -> tuple[Principal, float]:
        """Return the principal of `token` and when it expires, in seconds since the epoch.

        Raises:
            Unauthenticated: the token does not hold, or lacks a claim.
            Unavailable: the identity provider's keys cannot be fetched now.
        """
        try:
            claims = await self._claims(token)
            expires_at = float(claims["exp"])
        except jwt.PyJWKClientConnectionError as error:
            raise Unavailable(
                "The identity provider's keys cannot be read now. Try again shortly.",
                retry_after=5.0,
            ) from error
        except jwt.PyJWTError as error:
            raise Unauthenticated(_public_fault(error)) from error
        except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
            # A claim of another type, or a number beyond every clock, which PyJWT trips over.
            raise Unauthenticated(_MALFORMED) from error
        return self._principal(claims), expires_at

    async def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        algorithm, key_id = header.get("alg"), header.get("kid")
        rules = self._rules
        if algorithm == "HS256":
            if rules.hs256_secret is None:
                raise jwt.InvalidAlgorithmError("HS256 is not accepted here")
            return self._decode(token, rules.hs256_secret, ["HS256"], rules.issuer)
        if algorithm not in ASYMMETRIC:
            raise jwt.InvalidAlgorithmError("the algorithm is not accepted here")
        if key_id == LOCAL_KEY_ID and rules.local_key is not None and rules.local_key.exists():
            public = load_local_key(rules.local_key).public_key()
            return self._decode(token, public, ["EdDSA"], LOCAL_ISSUER, DEFAULT_AUDIENCE)
        key = await self._key(key_id)
        return self._decode(token, key, [_family(key, algorithm)], rules.issuer)

    async def _key(self, key_id: str | None) -> jwt.PyJWK:
        known = self._file_keys.get(key_id)
        if known is not None:
            return known
        if key_id is None and len(self._file_keys) == 1:
            return next(iter(self._file_keys.values()))
        if self._remote is None or key_id is None:
            raise jwt.InvalidKeyError("the signing key is unknown")
        try:
            return await asyncio.to_thread(self._remote.get_signing_key, key_id)
        except (ValueError, OSError, jwt.PyJWKSetError) as error:
            # What the identity provider serves is no key set, which is not the caller's fault.
            raise jwt.PyJWKClientConnectionError("no key set") from error

    def _decode(
        self,
        token: str,
        key: Any,  # PyJWT takes keys of many types
        algorithms: Sequence[str],
        issuer: str | None,
        audience: str | None = None,
    ) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=list(algorithms),
            issuer=issuer,
            audience=audience or self._rules.audience,
            leeway=self._rules.leeway,
            options={"require": ["exp", "aud", *(["iss"] if issuer else [])]},
        )

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        rules = self._rules
        organization = claims.get(rules.organization_claim)
        if not isinstance(organization, str) or not organization:
            raise Unauthenticated(
                f"The token names no organization: claim '{rules.organization_claim}' is absent."
            )
        present = [claims[name] for name in rules.permission_claims if name in claims]
        return Principal(
            organization_id=_name(rules.organization_claim, organization),
            subject=_name("sub", str(claims.get("sub", "token"))),
            permissions=frozenset(_words(present[0]) if present else ()),
            key_prefix=None,
        )


def _public_fault(error: jwt.PyJWTError) -> str:
    """Return a public text for what PyJWT found; its own text may quote internals."""
    texts: dict[type[jwt.PyJWTError], str] = {
        jwt.ExpiredSignatureError: "The token has expired. Get a new one.",
        jwt.ImmatureSignatureError: "The token is not valid yet. Check the clocks.",
        jwt.InvalidAudienceError: "The token was made for another audience.",
        jwt.InvalidIssuerError: "The token was made by another issuer.",
        jwt.MissingRequiredClaimError: "The token lacks a claim that is required: exp, aud or iss.",
        jwt.InvalidAlgorithmError: "The token is signed by an algorithm that is not accepted here.",
    }
    for kind in type(error).__mro__:
        if kind in texts:
            return texts[kind]
    return _MALFORMED


def _name(claim: str, value: str) -> str:
    # Both become columns and log lines; a database may not even be able to hold others.
    if len(value) > MAX_CLAIM_CHARS or not value.isprintable():
        raise Unauthenticated(
            f"The token's claim '{claim}' is not a name: up to {MAX_CLAIM_CHARS} printable "
            "characters are allowed."
        )
    return value


def _words(value: object) -> set[str]:
    if isinstance(value, str):
        return set(value.split())
    if isinstance(value, list):
        return {word for word in value if isinstance(word, str)}
    return set()


def _family(key: jwt.PyJWK, algorithm: str) -> str:
    # The key decides which algorithm may be used with it; a token may not choose.
    expected = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}.get(str(key.key_type))
    if expected != algorithm:
        raise jwt.InvalidAlgorithmError("the key is not of the token's algorithm")
    return algorithm


def _keys_of_file(path: Path) -> dict[str | None, jwt.PyJWK]:
    keys = jwt.PyJWKSet.from_dict(json.loads(path.read_text()))
    return {key.key_id: key for key in keys.keys}


def load_local_key(path: Path) -> Ed25519PrivateKey:
    """Return the development key at `path`, made first where there is none (mode 0600)."""
    if not path.exists():
        _make_local_key(path)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path} does not hold an Ed25519 key")
    return key


def _make_local_key(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own for each maker, readable by its owner alone.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name) as fresh:
        fresh.write(pem)
        fresh.flush()
        os.fsync(fresh.fileno())
        with contextlib.suppress(FileExistsError):  # another was first: its key stays
            os.link(fresh.name, path)


def mint(
    path: Path,
    *,
    organization_id: str,
    subject: str,
    permissions: Sequence[str],
    now: datetime,
    lifetime: timedelta,
) -> str:
    """Return a token signed by the development key at `path`; for laptops and tests."""
    claims = {
        "iss": LOCAL_ISSUER,
        "aud": DEFAULT_AUDIENCE,
        "sub": subject,
        "org_id": organization_id,
        "permissions": list(permissions),
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(
        claims, load_local_key(path), algorithm="EdDSA", headers={"kid": LOCAL_KEY_ID}
    )
