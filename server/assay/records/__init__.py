"""Records: frozen values that are declared once, which is their canonical encoding and JSON schema.

Everything that is stored or crosses a process boundary is a `Record`. `encode` has one text for
one value, so that equal values are equal bytes and a hash names a value:

- keys are sorted, fields and maps alike, and there are no spaces; every field is written;
- floats are written in their shortest form. NaN and infinities are refused; -0.0 stays -0.0,
  another value than 0.0, so that numbers come back bit by bit;
- Decimals are numbers with all of their digits, trailing zeros too;
- times are aware and in UTC, written as RFC 3339 does, to the microsecond.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, cast, dataclass_transform

import msgspec

T = TypeVar("T")
R = TypeVar("R", bound="Record")


class DamagedRecord(Exception):
    """Stored bytes are no value of the type that they should be; our loss, never a caller's."""


class _RecordType(msgspec.StructMeta):
    """Makes records frozen, with keywords only, without each class having to say so."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> _RecordType:
        options = {"frozen": True, "kw_only": True, **options}
        return super().__new__(cls, name, bases, namespace, **options)


if TYPE_CHECKING:
    # What mypy cannot read off a class that the metaclass has made.
    @dataclass_transform(kw_only_default=True, frozen_default=True)
    class Record:
        """A frozen value; `__post_init__` of a subclass checks what its types do not say."""

        def __init_subclass__(cls, **options: Any) -> None:
            """Take msgspec's options, such as rename="camel"."""

else:

    class Record(msgspec.Struct, metaclass=_RecordType):
        """A frozen value; `__post_init__` of a subclass checks what its types do not say."""


def encode(value: object) -> bytes:
    """Return a record, or what JSON and records are made of, as canonical JSON in UTF-8.

    Raises ValueError for NaN, infinities and half a surrogate pair, TypeError for what JSON
    cannot hold.
    """
    data = _ENCODER.encode(value)
    # msgspec writes a number that JSON does not have as null; so only where there is a null.
    if b"null" in data:
        _refuse_not_finite(value)
    return data


def encode_text(value: object) -> str:
    """Return `encode(value)` as text, for a column of text."""
    return encode(value).decode()


def decode(kind: type[T], data: bytes | str, *, exact: bool = False) -> T:
    """Return the value of type `kind` that `encode` wrote; fields of later versions are dropped.

    `exact` makes fractions Decimals with every digit where `kind` does not say what they are.
    Raises DamagedRecord when `data` is no such value.
    """
    try:
        read: Any = kind  # a type, or what typing makes of some: list[Record]
        value: T = _decoder(read, Decimal if exact else None).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        name = getattr(kind, "__name__", str(kind))
        raise DamagedRecord(f"a stored {name} cannot be read: {error}") from error
    return value


def convert(kind: type[T], value: object) -> T:
    """Return decoded JSON as a value of type `kind`; raises DamagedRecord when it is none."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise DamagedRecord(f"a stored {kind.__name__} cannot be read: {error}") from error


def plain(record: Record) -> dict[str, Any]:
    """Return a record as decoded JSON: its fields by name."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    return fields


def schema(kind: Any) -> dict[str, Any]:
    """Return the JSON schema of a record's type."""
    return msgspec.json.schema(kind)


def replace(record: R, **changes: Any) -> R:
    """Return the record with other values in some fields; it is checked again."""
    changed: R = msgspec.structs.replace(cast(Any, record), **changes)
    return changed


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


@cache  # one for each type that is read
def _decoder(kind: Any, fraction: type[Decimal] | None) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, float_hook=fraction)


def _plain(value: object) -> object:
    """Return what msgspec does not know as something that it does."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, float):  # numpy.float64 is one
        _refuse_not_finite([float(value)])
        return float(value)
    raise TypeError(f"{type(value).__name__} is no type of a record's values")


_ENCODER = msgspec.json.Encoder(order="sorted", decimal_format="number", enc_hook=_plain)
_SCALARS = frozenset({str, int, bool, float, bytes, type(None)})


def _refuse_not_finite(value: object) -> None:
    """Raise ValueError when a float inside of `value` is not finite."""
    level: list[object] = [value]
    while level:
        if not all(map(math.isfinite, [one for one in level if type(one) is float])):
            raise ValueError("NaN and infinities are no numbers of JSON")
        holders = [_inside(one) for one in level if type(one) not in _SCALARS]
        level = list(chain.from_iterable(holders))


def _inside(value: object) -> Iterable[object]:
    """Return the values that a container holds."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.astuple(value)
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, Iterable):
        return value
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    return ()
