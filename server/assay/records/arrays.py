"""The binary codec of statistics: MessagePack with NumPy arrays, a version and a checksum.

A message is `b"AST"`, one byte of version, the MessagePack of `[tag, field, field, …]` and the
CRC-32 of all before it, little-endian. A dataclass or record is written by its declared fields, in
their order; its tag is its `TAG`, or the name of the class. Fields may be

- bool, int of any size, float, str, bytes, enumerations, and None beside any of them;
- tuples and mappings, which keep their order;
- (n,) arrays, `NDArray` of one dtype; integers take as few bytes as their values need;
- other dataclasses and records, and unions of them, which are told apart by their tags.

Equal values are equal bytes, and numbers come back bit by bit. Nothing is ever unpickled.
"""

from __future__ import annotations

import types
import zlib
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter
from typing import (
    Any,
    Final,
    NamedTuple,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.records import DamagedRecord

T = TypeVar("T")

MAGIC: Final = b"AST"
VERSION: Final = 1
_HEAD = MAGIC + bytes([VERSION])
_CRC = 4

_LOW, _HIGH = -(1 << 63), (1 << 64) - 1  # integers that MessagePack holds itself
_MOST_SHIFT = (1 << 16) - 1
_INTEGER, _TEXT, _PLAIN, _GAPS, _BITMAP = range(5)  # codes of MessagePack's extensions
_UNSIGNED = tuple(np.dtype(f"<u{width}") for width in (1, 2, 4, 8))
_TOPS = [int(np.iinfo(dtype).max) for dtype in _UNSIGNED]  # the largest integer of each
_DTYPES = (*_UNSIGNED, np.dtype("<i8"), np.dtype("<f8"))  # the first byte of an array names one


def encode(value: object) -> bytes:
    """Return a dataclass or record of statistics as bytes.

    Raises TypeError where a field has a type that the codec does not know.
    """
    body = _HEAD + _ENCODER.encode(_form(type(value)).pack(value))
    return body + zlib.crc32(body).to_bytes(_CRC, "little")


def decode(kind: type[T], data: bytes | memoryview) -> T:
    """Return the value that `encode` wrote.

    Raises DamagedRecord when the bytes are cut or changed, of another version, or of another type
    than `kind`.
    """
    body, crc = memoryview(data)[:-_CRC], bytes(data[-_CRC:])
    if bytes(body[: len(MAGIC)]) != MAGIC:
        raise DamagedRecord("these bytes are not a statistic of Assay")
    if zlib.crc32(body).to_bytes(_CRC, "little") != crc:
        raise DamagedRecord("the statistic is corrupt: its checksum does not match")
    if body[len(MAGIC)] != VERSION:
        version = body[len(MAGIC)]
        raise DamagedRecord(f"the statistic has version {version}; this code reads {VERSION}")
    try:
        value: T = _form(kind).unpack(_DECODER.decode(body[len(_HEAD) :]))
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DamagedRecord(f"the statistic is no {kind.__name__}: {error}") from error
    return value


class _Form(NamedTuple):
    """How values of one type become what MessagePack holds, and back; `unpack` checks types."""

    pack: Callable[[Any], Any]
    unpack: Callable[[Any], Any]


def _make_form(kind: Any) -> _Form:
    """Return the form of a type. Raises TypeError where there is none."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return _union(args)
    if origin is tuple:
        return _sequence(args[0]) if args[-1] is ... else _row(args)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(*args)
    if origin is np.ndarray:
        return _array(get_args(args[1])[0])
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Form(pack=lambda value: value.value, unpack=kind)
    if _is_product(kind):
        return _members((kind,))
    raise TypeError(f"{kind} has no binary form")


_form: Callable[[Any], _Form] = cache(_make_form)


def _is_product(kind: Any) -> bool:
    return isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, msgspec.Struct))


def _union(kinds: tuple[Any, ...]) -> _Form:
    """Return the form of an optional type, or of classes told apart by their tags."""
    others = tuple(kind for kind in kinds if kind is not type(None))
    if len(others) > 1 and not all(map(_is_product, others)):
        raise TypeError(f"only classes make a union: {kinds}")
    pack, unpack = _members(others) if len(others) > 1 else _form(others[0])
    if len(others) == len(kinds):
        return _Form(pack, unpack)
    return _Form(
        pack=lambda value: None if value is None else pack(value),
        unpack=lambda value: None if value is None else unpack(value),
    )


def _members(kinds: tuple[type, ...]) -> _Form:
    """Return the form of one of some classes: `[tag, field, …]`."""
    tags = {kind: getattr(kind, "TAG", kind.__name__) for kind in kinds}
    by_tag = {tag: kind for kind, tag in tags.items()}
    forms: dict[type, _Form] = {}  # made when first needed: a class may hold others of its kind

    def form(kind: type) -> _Form:
        found = forms.get(kind)
        if found is None:
            found = forms[kind] = _fields(kind)
        return found

    def pack(value: Any) -> list[Any]:
        kind = type(value)
        return [tags[kind], *form(kind).pack(value)]

    def unpack(value: Any) -> Any:
        tag, *values = value
        if tag not in by_tag:
            raise ValueError(f"it holds a {tag}")
        return form(by_tag[tag]).unpack(values)

    return _Form(pack, unpack)


def _fields(kind: type) -> _Form:
    """Return the form of the declared fields of a class, without a tag."""
    hints = get_type_hints(kind)
    if issubclass(kind, msgspec.Struct):
        names: tuple[str, ...] = kind.__struct_fields__
    else:
        names = tuple(field.name for field in fields(cast(Any, kind)))
    forms = [_form(hints[name]) for name in names]
    packs, unpacks = [form.pack for form in forms], [form.unpack for form in forms]
    # Of one name an attrgetter returns no tuple, and of none there is none.
    get = attrgetter(*names) if len(names) > 1 else None

    def pack(value: Any) -> list[Any]:
        values = [getattr(value, name) for name in names] if get is None else get(value)
        return [one(each) for one, each in zip(packs, values, strict=True)]

    def unpack(values: list[Any]) -> Any:
        found = (one(each) for one, each in zip(unpacks, values, strict=True))
        return kind(**dict(zip(names, found, strict=True)))

    return _Form(pack, unpack)


def _sequence(kind: Any) -> _Form:
    """Return the form of a tuple of any length."""
    if kind in _SEQUENCES:
        return _SEQUENCES[kind]
    pack, unpack = _form(kind)
    return _Form(
        pack=lambda values: [pack(value) for value in values],
        unpack=lambda values: tuple([unpack(value) for value in values]),
    )


def _row(kinds: tuple[Any, ...]) -> _Form:
    """Return the form of a tuple of fixed length."""
    packs, unpacks = zip(*map(_form, kinds), strict=True)
    return _Form(
        pack=lambda values: [one(value) for one, value in zip(packs, values, strict=True)],
        unpack=lambda values: tuple([one(v) for one, v in zip(unpacks, values, strict=True)]),
    )


def _mapping(key: Any, value: Any) -> _Form:
    """Return the form of a mapping: keys and values by turns, in its order."""
    keys, values = _form(key), _form(value)

    def pack(mapping: Mapping[Any, Any]) -> list[Any]:
        flat: list[Any] = []
        for name, each in mapping.items():
            flat += (keys.pack(name), values.pack(each))
        return flat

    def unpack(flat: Any) -> dict[Any, Any]:
        names, found = map(keys.unpack, flat[::2]), map(values.unpack, flat[1::2])
        return dict(zip(names, found, strict=True))

    return _Form(pack, unpack)


def _array(kind: type[np.generic]) -> _Form:
    """Return the form of an (n,) array: as integers, or as float64."""
    dtype = np.dtype(kind)

    def unpack(value: Any) -> NDArray[Any]:
        if not isinstance(value, np.ndarray) or (value.dtype.kind == "f") != (dtype.kind == "f"):
            raise ValueError(f"an array of {dtype} is {type(value).__name__}")
        # Never a view of the message, and of whatever sign: gaps add up modulo 2**64.
        return value.astype(dtype, copy=not value.flags.writeable)

    return _Form(pack=_pack_integers if dtype.kind in "iu" else _pack_floats, unpack=unpack)


def _pack_floats(values: NDArray[Any]) -> msgspec.msgpack.Ext:
    wide = values.astype("<f8", copy=False)
    return _extension(_PLAIN, _DTYPES.index(np.dtype("<f8")), wide)


def _pack_integers(values: NDArray[Any]) -> msgspec.msgpack.Ext:
    """Write integers as they are; ascending ones by their gaps if narrower, dense as a bitmap."""
    rows = len(values)
    # Of unsigned integers the negative ones are the largest, so one pass over them tells both.
    largest = int(values.view(f"u{values.itemsize}").max()) if rows else 0
    if values.dtype.kind == "i" and largest >> 8 * values.itemsize - 1:
        return _extension(_PLAIN, _DTYPES.index(np.dtype("<i8")), values)
    top = int(values[-1]) if rows else 0
    width = _width(largest)
    # The first two tell of most counts that they do not ascend, for a tenth of the time.
    if rows < 2 or values[1] <= values[0] or not bool((values[1:] > values[:-1]).all()):
        return _extension(_PLAIN, width, values)
    gaps = values.copy()
    gaps[1:] -= values[:-1]
    narrow = _width(int(gaps.max()))
    if top // 2 < rows << narrow:  # gaps are read faster, so only where it is a quarter of them
        flags = np.zeros(top + 1, dtype=np.bool_)
        flags[values] = True
        return msgspec.msgpack.Ext(_BITMAP, np.packbits(flags).tobytes())
    return _extension(_GAPS, narrow, gaps) if narrow < width else _extension(_PLAIN, width, values)


def _width(top: int) -> int:
    """Return the index of the narrowest unsigned dtype that holds `top`."""
    return bisect_left(_TOPS, top)


def _extension(code: int, dtype: int, values: NDArray[Any]) -> msgspec.msgpack.Ext:
    data = values.astype(_DTYPES[dtype], copy=False).tobytes()
    return msgspec.msgpack.Ext(code, bytes([dtype]) + data)


def _pack_integer(value: int) -> Any:
    """Return an integer, or where MessagePack has none of its size its digits without zero bits."""
    if _LOW <= value <= _HIGH:
        return int(value)
    shift = min((value & -value).bit_length() - 1, _MOST_SHIFT)
    digits = value >> shift
    size = digits.bit_length() // 8 + 1
    data = shift.to_bytes(2, "little") + digits.to_bytes(size, "little", signed=True)
    return msgspec.msgpack.Ext(_INTEGER, data)


def _pack_text(value: str) -> Any:
    """Return a string; one that holds half a surrogate pair is no UTF-8, and stands apart."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return msgspec.msgpack.Ext(_TEXT, value.encode("utf-8", "surrogatepass"))
    return value


def _read_extension(code: int, data: memoryview) -> Any:
    if code == _INTEGER:
        shift = int.from_bytes(data[:2], "little")
        return int.from_bytes(data[2:], "little", signed=True) << shift
    if code == _TEXT:
        return bytes(data).decode("utf-8", "surrogatepass")
    if code == _BITMAP:
        return np.flatnonzero(np.unpackbits(np.frombuffer(data, np.uint8)).view(np.bool_))
    values = np.frombuffer(data[1:], _DTYPES[data[0] % len(_DTYPES)])
    return np.cumsum(values, dtype=np.int64) if code == _GAPS else values


def _exactly(kind: type[T]) -> Callable[[Any], T]:
    def unpack(value: Any) -> T:
        if type(value) is not kind:
            raise ValueError(f"a {kind.__name__} is a {type(value).__name__}")
        return value

    return unpack


def _all_exactly(kind: type[T]) -> Callable[[Any], tuple[T, ...]]:
    def unpack(values: Any) -> tuple[T, ...]:
        if not set(map(type, values)) <= {kind}:
            raise ValueError(f"a {kind.__name__} is of another type")
        return tuple(values)

    return unpack


def _pack_integers_each(values: tuple[int, ...]) -> list[Any]:
    return [v if _LOW <= v <= _HIGH else _pack_integer(v) for v in values]


@lru_cache(maxsize=64)  # the chunks of an upload share one table of labels
def _pack_texts(values: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(map(_pack_text, values))


_SCALARS: Mapping[Any, _Form] = {
    bool: _Form(pack=bool, unpack=_exactly(bool)),
    int: _Form(pack=_pack_integer, unpack=_exactly(int)),
    float: _Form(pack=float, unpack=_exactly(float)),
    str: _Form(pack=_pack_text, unpack=_exactly(str)),
    bytes: _Form(pack=bytes, unpack=_exactly(bytes)),
}
# Long ones of these are common, and checked at once.
_SEQUENCES: Mapping[Any, _Form] = {
    int: _Form(pack=_pack_integers_each, unpack=_all_exactly(int)),
    float: _Form(pack=lambda values: [float(v) for v in values], unpack=_all_exactly(float)),
    str: _Form(pack=_pack_texts, unpack=_all_exactly(str)),
}

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(ext_hook=_read_extension)
