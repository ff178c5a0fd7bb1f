"""Pages of a listing, and the tokens that lead from one to the next."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from assay.kernel.errors import BadPageToken, clip
from assay.records import DamagedRecord, Record, decode, encode

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Cursor(Record):
    """The position of one row in a listing that is ordered by (created_at, id)."""

    created_at: datetime  # aware, UTC, to the microsecond
    id: str  # breaks ties between rows of one microsecond

    def token(self, scope: str) -> str:
        """Return this position as an opaque page token, valid for the listing `scope` only.

        `scope` is a secret text that names the listing and its filters, organization included:
        it signs the token.
        """
        micros = (self.created_at - _EPOCH) // timedelta(microseconds=1)
        signed = _Signed(micros=micros, id=self.id, mark=_mark(scope, micros, self.id))
        return base64.urlsafe_b64encode(encode(signed)).decode().rstrip("=")

    @classmethod
    def parse(cls, token: str, scope: str, field: str = "page_token") -> Cursor:
        """Return the position that `token` names; BadPageToken if it is of another listing.

        `field` is what the caller sent it as.
        """
        try:
            padded = token + "=" * (-len(token) % 4)
            sent = decode(_Signed, base64.b64decode(padded, b"-_", validate=True))
            created_at = _EPOCH + timedelta(microseconds=sent.micros)
        except (ValueError, OverflowError, DamagedRecord) as error:
            raise _bad_token(token, field) from error
        mark = _mark(scope, sent.micros, sent.id)
        if not hmac.compare_digest(sent.mark.encode(), mark.encode()):
            raise _bad_token(token, field)
        return cls(created_at=created_at, id=sent.id)


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """One page of a listing."""

    items: tuple[T, ...]  # in the order of the listing
    next: Cursor | None  # where the next page starts (exclusive); None: this was the last


class _Signed(Record, array_like=True):
    micros: int  # since 1970, of `created_at`
    id: str
    mark: str  # proves that this listing made the token


def _mark(scope: str, micros: int, key: str) -> str:
    return hmac.new(scope.encode(), f"{micros}/{key}".encode(), hashlib.sha256).hexdigest()[:32]


def _bad_token(token: str, field: str) -> BadPageToken:
    called = field.replace("_", " ")
    return BadPageToken(
        f"The {called} '{clip(token)}' was not made by this listing with these arguments. "
        f"Start again without a {called}.",
        metadata={"field": field, field: token},
    )
