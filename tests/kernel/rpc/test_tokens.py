"""JSON Web Tokens: which ones hold, and what is said of those that do not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from assay.kernel.errors import Unauthenticated, Unavailable
from assay.kernel.identity import Principal
from assay.kernel.rpc import tokens
from assay.kernel.rpc.tokens import TokenRules, TokenVerifier

KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
ISSUER = "https://id.example"
SECRET = "s" * 40


def jwks(*algorithms: str) -> dict[str, Any]:
    """Return a key set of the public halves, each named after its algorithm."""
    keys = []
    for name in algorithms:
        made = jwt.get_algorithm_by_name(name).to_jwk(KEYS[name].public_key(), as_dict=True)
        keys.append({**made, "kid": name, "use": "sig"})
    return {"keys": keys}


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a token that holds, with changes; None takes one away."""
    now = datetime.now(UTC)
    held = {
        "iss": ISSUER,
        "aud": "assay",
        "sub": "ada",
        "org_id": "acme",
        "scope": "model:read model:write",
        "exp": now + timedelta(minutes=5),
        "nbf": now,
    }
    return {name: value for name, value in (held | changes).items() if value is not None}


def token(algorithm: str = "RS256", key: Any = None, kid: str | None = "", **changes: Any) -> str:
    """Return a signed token."""
    kid = algorithm if kid == "" else kid
    headers = {"kid": kid} if kid else {}
    return jwt.encode(
        claims(**changes), key or KEYS[algorithm], algorithm=algorithm, headers=headers
    )


@pytest.fixture
def rules(tmp_path: Path) -> TokenRules:
    """Rules with a key set file of all three algorithms."""
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(jwks(*KEYS)))
    return TokenRules(issuer=ISSUER, jwks_file=path)


def verify(rules: TokenRules, sent: str) -> Principal:
    return asyncio.run(TokenVerifier(rules).verify(sent))[0]


def refused(rules: TokenRules, sent: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        verify(rules, sent)
    return str(caught.value)


@pytest.mark.parametrize("algorithm", KEYS)
def test_tokens_of_the_key_set_hold(rules: TokenRules, algorithm: str):
    """RS256, ES256 and EdDSA tokens of the key set give organization, subject, permissions."""
    assert verify(rules, token(algorithm)) == Principal(
        organization_id="acme",
        subject="ada",
        permissions=frozenset({"model:read", "model:write"}),
    )


def test_the_expiry_is_returned(rules: TokenRules):
    """How long a token holds is told with its principal."""
    _, until = asyncio.run(TokenVerifier(rules).verify(token()))
    assert 200 < until - datetime.now(UTC).timestamp() <= 300


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": None}, "lacks"),
        ({"aud": "other"}, "audience"),
        ({"aud": None}, "lacks"),
        ({"exp": NOW - timedelta(minutes=1)}, "expired"),
        ({"exp": None}, "lacks"),
        ({"nbf": NOW + timedelta(hours=1)}, "not valid yet"),
        ({"org_id": None}, "org_id"),
        ({"org_id": ""}, "org_id"),
        ({"org_id": 7}, "org_id"),
        ({"org_id": ["acme"]}, "org_id"),
        ({"org_id": "a\x00b"}, "org_id"),
        ({"org_id": "o" * 256}, "org_id"),
        ({"sub": "ada\nroot"}, "sub"),
    ],
)
def test_a_wrong_claim_is_named(rules: TokenRules, changes: dict[str, Any], said: str):
    """A token with a wrong or missing claim is refused, and what is wrong is said."""
    assert said in refused(rules, token(**changes))


ODD = ["1" + "0" * 400, "1e400", "[1]", '{"a": 1}', '"soon"', "NaN", "1" * 5000]


@pytest.mark.parametrize("value", ODD, ids=lambda text: text[:12])
@pytest.mark.parametrize("claim", ["exp", "nbf"])
def test_a_signed_time_that_is_none_is_refused(rules: TokenRules, claim: str, value: str):
    """A well signed token with a time that no clock shows is refused as any other."""
    held = claims() | {"exp": 4_000_000_000, claim: "VALUE"}
    payload = json.dumps(held, default=lambda at: int(at.timestamp())).replace('"VALUE"', value)
    sent = jwt.api_jws.encode(
        payload.encode(), KEYS["RS256"], algorithm="RS256", headers={"kid": "RS256", "typ": "JWT"}
    )
    assert refused(rules, sent)


def test_clocks_may_differ_a_little(rules: TokenRules):
    """A token that expired within the leeway still holds."""
    assert verify(rules, token(exp=datetime.now(UTC) - timedelta(seconds=5)))


def test_none_is_refused(rules: TokenRules):
    """An unsigned token is refused, whatever it claims."""
    unsigned = jwt.encode(claims(), None, algorithm="none", headers={"kid": "RS256"})
    assert "algorithm" in refused(rules, unsigned)
    for spelling in ("None", "NONE", "nOnE", ""):
        assert refused(rules, forged({"alg": spelling, "kid": "RS256"}, b""))


def encode(data: Any) -> str:
    text = data if isinstance(data, bytes) else json.dumps(data, default=str).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def forged(header: Any, signature: bytes, payload: Any = None) -> str:
    held = claims() | {"exp": 4_000_000_000, "nbf": 0}
    return f"{encode(header)}.{encode(held if payload is None else payload)}.{encode(signature)}"


def test_key_confusion_is_refused(rules: TokenRules):
    """A token signed by HMAC with the public RSA key as its secret is refused."""
    public = KEYS["RS256"].public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = {"alg": "HS256", "kid": "RS256", "typ": "JWT"}
    unsigned = forged(header, b"").rpartition(".")[0]
    signature = hmac.new(pem, unsigned.encode(), hashlib.sha256).digest()
    for both in (rules, TokenRules(**{**rules.__dict__, "hs256_secret": SECRET})):
        assert refused(both, f"{unsigned}.{encode(signature)}")


def test_a_key_is_bound_to_its_algorithm(rules: TokenRules):
    """A token that names another key's id, or another algorithm of its family, is refused."""
    assert refused(rules, token("RS256", kid="ES256"))
    assert refused(rules, token("EdDSA", kid="RS256"))
    assert refused(rules, jwt.encode(claims(), KEYS["RS256"], "PS256", headers={"kid": "RS256"}))
    assert refused(rules, jwt.encode(claims(), KEYS["RS256"], "RS512", headers={"kid": "RS256"}))


def test_another_key_is_refused(rules: TokenRules):
    """A token signed by a stranger's key is refused, with a known and with an unknown kid."""
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "signature" in refused(rules, token(key=stranger))
    assert refused(rules, token(kid="unknown"))
    assert refused(rules, token(kid=None))


def test_a_changed_payload_is_refused(rules: TokenRules):
    """A token whose claims were changed after signing is refused."""
    head, _, signature = token().split(".")
    assert refused(rules, f"{head}.{encode(claims(org_id='other'))}.{signature}")


def test_one_key_alone_needs_no_kid(tmp_path: Path):
    """With a single key in the file, a token need not name it."""
    path = tmp_path / "one.json"
    path.write_text(json.dumps(jwks("EdDSA")))
    rules = TokenRules(jwks_file=path)
    assert verify(rules, token("EdDSA", kid=None)).organization_id == "acme"


def test_hs256_holds_only_where_it_is_set(rules: TokenRules):
    """An HS256 token is refused by default, and holds where its secret was set."""
    sent = token("HS256", key=SECRET)
    assert "algorithm" in refused(rules, sent)
    explicit = TokenRules(issuer=ISSUER, hs256_secret=SECRET)
    assert verify(explicit, sent).organization_id == "acme"
    assert refused(explicit, token("HS256", key="t" * 40))


def test_permissions_come_as_words_or_as_a_list(rules: TokenRules):
    """A scope string and a permissions list mean the same; the first claim present counts."""
    words = frozenset({"model:read", "job:read"})
    assert verify(rules, token(scope="model:read job:read")).permissions == words
    assert (
        verify(rules, token(scope=None, permissions=["job:read", "model:read"])).permissions
        == words
    )
    both = token(scope="model:read", permissions=["admin"])
    assert verify(rules, both).permissions == frozenset({"model:read"})
    assert verify(rules, token(scope=None)).permissions == frozenset()
    assert verify(rules, token(scope={"admin": 1})).permissions == frozenset()


def test_claims_are_settings(rules: TokenRules):
    """Which claims carry organization and permissions can be chosen."""
    chosen = TokenRules(
        **{**rules.__dict__, "organization_claim": "tenant", "permission_claims": ("roles",)}
    )
    found = verify(chosen, token(org_id=None, tenant="globex", roles=["model:read"]))
    assert (found.organization_id, found.permissions) == ("globex", frozenset({"model:read"}))
    assert "tenant" in refused(chosen, token())


@pytest.mark.parametrize(
    "sent",
    [
        "a.b.c",
        forged({"alg": "RS256", "kid": "RS256"}, b"x", payload=b"[" * 5000),
        forged({"alg": "RS256", "kid": ["RS256"]}, b"x"),
        forged({"alg": ["RS256"], "kid": "RS256"}, b"x"),
        forged({"alg": "RS256", "kid": "RS256", "crit": ["b64"], "b64": False}, b"x"),
        forged({}, b""),
        "..",
    ],
)
def test_malformed_tokens_are_refused(rules: TokenRules, sent: str):
    """What is no token at all is refused like any other, never a fault."""
    assert refused(rules, sent)


class Provider:
    """An identity provider on a local port."""

    def __init__(self) -> None:
        self.body = json.dumps(jwks(*KEYS)).encode()
        self.status = 200
        self.asked = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                self.send_response(provider.status)
                self.end_headers()
                self.wfile.write(provider.body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider that serves the key set."""
    provider = Provider()
    yield provider
    provider.close()


def test_keys_are_fetched_once_from_a_url(provider: Provider):
    """Keys of a URL verify tokens of all algorithms and are asked for once."""
    verifier = TokenVerifier(TokenRules(issuer=ISSUER, jwks_url=provider.url))

    async def all_three() -> list[str]:
        return [(await verifier.verify(token(name)))[0].organization_id for name in KEYS]

    assert asyncio.run(all_three()) == ["acme"] * 3
    assert provider.asked == 1


def test_unknown_key_ids_do_not_hammer_the_provider(provider: Provider):
    """However many unknown key ids are tried, the provider is asked a few times at most."""
    verifier = TokenVerifier(TokenRules(issuer=ISSUER, jwks_url=provider.url))

    async def attempts() -> None:
        for number in range(20):
            with pytest.raises(Unauthenticated):
                await verifier.verify(token(kid=f"k{number}"))

    asyncio.run(attempts())
    assert provider.asked <= 2


@pytest.mark.parametrize(
    ("status", "body"), [(500, b""), (200, b"<html>"), (200, b'{"keys": []}'), (302, b"")]
)
def test_a_provider_that_is_broken_is_unavailable(provider: Provider, status: int, body: bytes):
    """While the provider serves no key set, tokens are answered 503 and a retry is advised."""
    provider.status, provider.body = status, body
    with pytest.raises(Unavailable) as caught:
        verify(TokenRules(issuer=ISSUER, jwks_url=provider.url), token())
    assert caught.value.retry_after


def test_a_provider_that_is_gone_is_unavailable():
    """A URL where nobody listens is told as 503, without its address."""
    gone = Provider()
    gone.close()
    with pytest.raises(Unavailable) as caught:
        verify(TokenRules(issuer=ISSUER, jwks_url=gone.url), token())
    assert "127.0.0.1" not in str(caught.value)


def minted(path: Path, **changes: Any) -> str:
    given: dict[str, Any] = {
        "organization_id": "local", "subject": "me", "permissions": ["admin"],
        "now": datetime.now(UTC), "lifetime": timedelta(minutes=5),
    }  # fmt: skip  # a table
    return tokens.mint(path, **(given | changes))


def test_a_local_token_holds_where_its_key_is(tmp_path: Path):
    """A token of the development key holds for servers with the file, and no others."""
    path = tmp_path / "keys" / "development-key.pem"
    sent = minted(path)
    assert verify(TokenRules(issuer=ISSUER, local_key=path), sent) == Principal(
        organization_id="local", subject="me", permissions=frozenset({"admin"})
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert refused(TokenRules(), sent)
    other = tmp_path / "other.pem"
    tokens.load_local_key(other)
    assert refused(TokenRules(local_key=other), sent)
    assert "expired" in refused(TokenRules(local_key=path), minted(path, lifetime=timedelta(-1)))


def test_the_local_key_is_made_once(tmp_path: Path):
    """Of many processes that make the development key at once, one makes it for all."""
    path = tmp_path / "key.pem"
    made: list[bytes] = []

    def load() -> None:
        key = tokens.load_local_key(path)
        made.append(key.public_key().public_bytes_raw())

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1
    assert list(tmp_path.iterdir()) == [path]
