"""The binary codec of statistics."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from assay.records import DamagedRecord, Record
from assay.records.arrays import MAGIC, VERSION, decode, encode


class Colour(StrEnum):
    """An enumeration of the tests."""

    RED = "red"


@dataclass(frozen=True, kw_only=True)
class Sum:
    """One kind of a union."""

    TAG = "sum"

    units: int


class Nothing(Record):
    """A record without fields."""


class Mean(Record):
    """Another kind of it, a record."""

    value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Everything:
    """A field of each type that the codec knows."""

    whole: int
    number: float
    flag: bool
    text: str
    raw: bytes
    colour: Colour
    absent: str | None
    integers: tuple[int, ...]
    pair: tuple[bool, int]
    by_value: Mapping[str | None, tuple[Sum | Mean, ...]]
    counts: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    floats: NDArray[np.float64]


def everything(**changes) -> Everything:
    fields = {
        "whole": -3, "number": 0.1, "flag": True, "text": "é", "raw": b"\0", "colour": Colour.RED,
        "absent": None, "integers": (0, 1 << 70, -(1 << 2148)), "pair": (False, 7),
        "by_value": {None: (Sum(units=1),), "a": (Mean(value=-0.0), Sum(units=2))},
        "counts": np.array([3, 5, 9]), "hashes": np.array([1 << 63, 0], np.uint64),
        "floats": np.array([np.inf, -0.0, 1e-300]),
    }  # fmt: skip
    return Everything(**(fields | changes))


def test_the_bytes_of_a_value_are_those_of_the_first_release():
    """Stored statistics stay readable: the bytes of a value are these, to the last one."""
    assert encode(everything()).hex() == GOLDEN
    assert encode(decode(Everything, bytes.fromhex(GOLDEN))).hex() == GOLDEN


def test_a_record_without_fields_survives():
    """A task whose result is that it has ended returns such a record."""
    assert decode(Nothing, encode(Nothing())) == Nothing()


def test_each_field_comes_back_as_it_was():
    """Types, bits and the order of mappings survive."""
    before, after = everything(), decode(Everything, encode(everything()))
    for name in ("whole", "number", "flag", "text", "raw", "colour", "absent", "integers", "pair"):
        assert getattr(after, name) == getattr(before, name)
        assert type(getattr(after, name)) is type(getattr(before, name))
    assert list(after.by_value.items()) == list(before.by_value.items())
    for name in ("counts", "hashes", "floats"):
        ours, theirs = getattr(after, name), getattr(before, name)
        assert ours.dtype == theirs.dtype
        assert ours.flags.writeable
        assert ours.tobytes() == theirs.tobytes()


@given(st.integers(min_value=-(1 << 2300), max_value=1 << 2300))
def test_integers_of_any_size_survive(value):
    """An exact sum has thousands of bits, and comes back to the last one."""
    assert decode(Sum, encode(Sum(units=value))) == Sum(units=value)


@given(st.lists(st.integers(0, 1 << 62), max_size=50), st.booleans())
def test_arrays_of_integers_survive_in_any_order(values, ascend):
    """Ascending or not, dense or sparse, integers come back."""
    array = np.array(sorted(set(values)) if ascend else values, np.int64)
    found = decode(Everything, encode(everything(counts=array))).counts
    assert found.tolist() == array.tolist()


@pytest.mark.parametrize(
    ("array", "most"),
    [
        (np.arange(80_000), 10_020),
        (np.arange(0, 80_000_000, 1000), 160_020),
        (np.full(80_000, 255), 80_020),
    ],
)
def test_arrays_of_integers_take_few_bytes(array, most):
    """A dense set of cells costs a bit each, a sparse one its gaps, counts their narrowest width."""
    assert len(encode(everything(counts=array))) - len(encode(everything())) < most


def test_half_a_surrogate_pair_survives():
    """A text that JSON can hold but UTF-8 cannot comes back."""
    assert decode(Everything, encode(everything(text="\ud800x"))).text == "\ud800x"


def test_damaged_bytes_are_refused_as_one_error():
    """Every truncation, 500 mutations, another version and other bytes raise DamagedRecord."""
    good, rng = encode(everything()), random.Random(1)
    bad = [good[:end] for end in range(len(good))]
    for _ in range(500):
        data = bytearray(good)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        bad.append(bytes(data))
    for data in bad:
        with pytest.raises(DamagedRecord):
            decode(Everything, data)


def sealed(body: bytes) -> bytes:
    import zlib

    return body + zlib.crc32(body).to_bytes(4, "little")


def test_another_version_or_type_is_named():
    """What was found and what is read here stand in the message."""
    good = encode(everything())
    newer = sealed(MAGIC + bytes([VERSION + 1]) + good[4:-4])
    with pytest.raises(DamagedRecord, match=f"version {VERSION + 1}; this code reads {VERSION}"):
        decode(Everything, newer)
    with pytest.raises(DamagedRecord, match="no Everything: it holds a sum"):
        decode(Everything, encode(Sum(units=1)))
    with pytest.raises(DamagedRecord, match="not a statistic"):
        decode(Everything, b"PK\3\4 something else")


def test_a_wrong_payload_under_a_right_checksum_is_refused_or_read():
    """A forged payload either decodes or is refused as DamagedRecord; no other error escapes."""
    good, rng = encode(everything()), random.Random(2)
    for _ in range(2000):
        data = bytearray(good[:-4])
        data[rng.randrange(4, len(data))] = rng.randrange(256)
        try:
            decode(Everything, sealed(bytes(data)))
        except DamagedRecord:
            continue


def test_a_type_that_the_codec_does_not_know_is_refused():
    """A set has no order, so it has no bytes."""

    @dataclass(frozen=True, kw_only=True)
    class Odd:
        found: frozenset[int]

    with pytest.raises(TypeError, match="no binary form"):
        encode(Odd(found=frozenset()))


GOLDEN = (
    "415354019eaa45766572797468696e67fdcb3fb999999999999ac3a2c3a9c40100a3726564c09300c703004600"
    "01c703006408ff92c20794c09192a373756d01a1619292a44d65616ecb800000000000000092a373756d02d602"
    "00030509c711020300000000000000800000000000000000c7190205000000000000f07f000000000000008059"
    "f3f8c21f6ea501527374e8"
)
