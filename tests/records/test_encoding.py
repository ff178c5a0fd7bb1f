"""The one encoding of stored values: equal values are equal bytes, and come back as they were."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.records import DamagedRecord, Record, decode, encode, replace, schema


class Inner(Record):
    """A value inside of another one."""

    label: str
    share: float | None = None


class Outer(Record):
    """A value of every type that records are made of."""

    name: str
    inner: tuple[Inner, ...] = ()
    metrics: Mapping[str, float] = {}
    exact: Decimal | None = None
    at: datetime | None = None
    whole: int = 0

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a name is needed")


_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
_OUTERS = st.builds(
    Outer,
    name=_TEXTS,
    inner=st.lists(st.builds(Inner, label=_TEXTS, share=_FLOATS | st.none())).map(tuple),
    metrics=st.dictionaries(_TEXTS, _FLOATS),
    exact=st.decimals(allow_nan=False, allow_infinity=False) | st.none(),
    at=st.datetimes(timezones=st.just(UTC)) | st.none(),
    whole=st.integers(),
)


@given(_OUTERS)
def test_a_value_comes_back_bit_by_bit(value: Outer) -> None:
    """What is decoded equals what was encoded, and its encoding is the same bytes again."""
    data = encode(value)
    again = decode(Outer, data)
    assert again == value
    assert encode(again) == data


@given(st.dictionaries(_TEXTS, _FLOATS))
def test_equal_values_are_equal_bytes_in_whatever_order_they_were_made(
    metrics: dict[str, float],
) -> None:
    """Neither the order in which a map was filled nor its class shows in the bytes."""
    turned = dict(reversed(metrics.items()))
    first, second = (Outer(name="a", metrics=one) for one in (metrics, MappingProxyType(turned)))
    assert encode(first) == encode(second)


def test_every_digit_of_a_decimal_is_kept() -> None:
    """A Decimal is a number of JSON, with its trailing zeros and exponent."""
    value = Outer(name="a", exact=Decimal("1234567890123456789.500"))
    assert b'"exact":1234567890123456789.500' in encode(value)
    assert str(decode(Outer, encode(value)).exact) == "1234567890123456789.500"


def test_minus_zero_stays_minus_zero() -> None:
    """-0.0 is another value than 0.0 in the bytes, and comes back with its sign."""
    assert encode(-0.0) == b"-0.0"
    assert str(decode(float, encode(-0.0))) == "-0.0"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("depth", range(4))
def test_numbers_that_json_lacks_are_refused_at_any_depth(number: float, depth: int) -> None:
    """NaN and infinities never become a null that would be read as no value."""
    values: list[object] = [
        number,
        {"a": [None, number]},
        (Inner(label="a", share=number),),
        Outer(name="a", metrics={"b": number}),
    ]
    with pytest.raises(ValueError, match="NaN and infinities"):
        encode(values[depth])


def test_a_type_that_json_lacks_is_refused() -> None:
    """What records cannot hold is a TypeError, where it is encoded."""
    with pytest.raises(TypeError, match="complex"):
        encode({"a": 1j})


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff", b'{"name":1}', b'{"name":""}', b'{"whole":1}']
)
def test_bytes_that_are_no_value_of_the_type_are_damage(data: bytes) -> None:
    """Broken JSON, a wrong type, a missing field and a failed check name the record's type."""
    with pytest.raises(DamagedRecord, match="a stored Outer"):
        decode(Outer, data)


def test_a_field_of_a_later_version_is_dropped() -> None:
    """A process reads what a newer one stored, while a deployment goes on."""
    assert decode(Outer, b'{"name":"a","later":1}') == Outer(name="a")


def test_a_record_is_frozen_and_checked_when_it_is_replaced() -> None:
    """No field is set after construction; `replace` runs the checks of the class again."""
    value = Outer(name="a")
    with pytest.raises(AttributeError):
        value.name = "b"  # type: ignore[misc]  # that is what is tested
    with pytest.raises(ValueError, match="a name is needed"):
        replace(value, name="")


def test_a_schema_says_what_may_be_null_and_what_must_be_there() -> None:
    """The JSON schema names required fields, types and nulls."""
    found = schema(Inner)["$defs"]["Inner"]
    assert found["required"] == ["label"]
    assert found["properties"]["share"]["anyOf"] == [{"type": "number"}, {"type": "null"}]
