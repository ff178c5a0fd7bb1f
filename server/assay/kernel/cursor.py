"""Pages of a listing, and the tokens that lead from one to the next."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from assay.kernel.errors import BadPageToken, clip

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """The place of one row in a listing that is ordered by (created_at, id)."""

    created_at: datetime  # aware, UTC, to the microsecond
    id: str  # breaks ties between rows of one microsecond

    def token(self, scope: str) -> str:
        """Return this place as an opaque page token, valid for the listing `scope` only.

        `scope` is a secret text that names the listing and its filters, organization included:
        it signs the token.
        """
        micros = (self.created_at - _EPOCH) // timedelta(microseconds=1)
        text = json.dumps([micros, self.id, _mark(scope, micros, self.id)], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, token: str, scope: str, field: str = "page_token") -> Cursor:
        """Return the place that `token` names; BadPageToken if it is of another listing.

        `field` is what the caller sent it as.
        """
        try:
            padded = token + "=" * (-len(token) % 4)
            micros, key, mark = json.loads(base64.b64decode(padded, b"-_", validate=True))
            signed = hmac.compare_digest(mark.encode(), _mark(scope, micros, key).encode())
            place = cls(created_at=_EPOCH + timedelta(microseconds=int(micros)), id=key)
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise _bad_token(token, field) from error
        if not signed:
            raise _bad_token(token, field)
        return place


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """One page of a listing."""

    items: tuple[T, ...]  # in the order of the listing
    next: Cursor | None  # where the next page starts (exclusive); None: this was the last


def _mark(scope: str, micros: object, key: object) -> str:
    place = f"{micros}/{key}".encode(errors="surrogatepass")  # of a token that somebody made up
    return hmac.new(scope.encode(), place, hashlib.sha256).hexdigest()[:32]


def _bad_token(token: str, field: str) -> BadPageToken:
    called = field.replace("_", " ")
    return BadPageToken(
        f"The {called} '{clip(token)}' was not made by this listing with these arguments. "
        f"Start again without a {called}.",
        metadata={"field": field, field: token},
    )
