"""The values of documents: every digit is kept, and what cannot be kept is refused."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.features.imports import documents
from assay.kernel.errors import BadDocument

NAMES = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20
).filter(str.strip)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
    | st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
)
OBJECTS = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS, lambda one: st.lists(one, max_size=4) | st.dictionaries(NAMES, one, max_size=4)
    ),
    max_size=6,
)


def kept(text: str) -> str:
    return documents.text_of("f", documents.parse("f", text))


def refusal(text: str) -> str:
    with pytest.raises(BadDocument) as refused:
        kept(text)
    assert refused.value.violations[0].field == "f"
    return refused.value.message


@given(OBJECTS)
def test_what_is_kept_reads_back_as_it_is(value):
    """Any object reads back from its canonical text with the same values, digit for digit."""
    text = documents.text_of("f", documents.check("f", value))
    assert repr(documents.read(text)) == repr(sorted_keys(documents.read(text)))
    assert documents.read(text) == value
    assert kept(text) == text
    assert json.loads(text) is not None


def sorted_keys(value):
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "number",
    ["1.10", "0.1", "12345678901234567890.123456789012345678901", "1E+5", "-0.0", "1E-399", "0"],
)
def test_numbers_keep_their_digits(number):
    """A number's digits are those that were sent, whatever a float would make of them."""
    text = kept(f'{{"a": {number}}}')
    assert text == f'{{"a":{number}}}'
    assert str(documents.read(text)["a"]) == str(Decimal(number))


def test_equal_objects_are_equal_text():
    """The order of keys and the spaces between values make no difference to the text."""
    assert kept('{"b": [1, 2.0],\n "a": "é\\u0000"}') == '{"a":"é\\u0000","b":[1,2.0]}'
    assert kept('{"a":"\\u00e9\\u0000","b":[1,2.0]}') == kept('{"b":[1,2.0],"a":"é\\u0000"}')


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "a list was sent"),
        ("1", "1 was sent"),
        ("null", "null was sent"),
        ("", "cannot be read as JSON"),
        ('{"a": 1', "cannot be read as JSON"),
        ('{"a": 1} x', "cannot be read as JSON"),
        ('{"a": NaN}', "NaN was sent"),
        ('{"a": -Infinity}', "-Infinity was sent"),
        ('{"a": 1e309}', "1E+309"),
        ('{"a": 1e-401}', "numbers from"),
        ('{"a": 1e99999999999999999999}', "numbers from"),
        ('{"a": 0.%s}' % ("1" * 400), "400 digits"),
        ('{"a": %s}' % ("9" * 310), "numbers from"),
        ('{"a": %s}' % ("9" * 5000), "thousands of digits"),
        ('{"a": {"b": 1, "b": 2}}', "'b' is given twice"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"\\udc00": 1}', "names a field"),
        ('{"": 1}', "names a field"),
        ('{"  ": 1}', "names a field"),
        ('{"a": [{"b\\u0007": 1}]}', "names a field"),
        ('{"%s": 1}' % ("k" * 201), "names a field"),
        (f'{{"a": {"[" * 32}1{"]" * 32}}}', "32 levels"),
        ('{"a": %s' % ("[" * 200_000), "32 levels"),
        (f'{{"a": [{",".join("1" * 10_000)}]}}', "10000 fields"),
        ('{"a": "%s"}' % ("x" * 2**20), "1048576 are allowed"),
    ],
)
def test_what_cannot_be_kept_is_refused(text, told):
    """Each thing that no document may hold is refused in words that say what is allowed."""
    assert told in refusal(text)


def test_the_limits_themselves_are_kept():
    """A document of 32 levels, 10 000 fields or 1 MiB is kept."""
    for text in (
        f'{{"a":{"[" * 31}1{"]" * 31}}}',
        f'{{"a":[{",".join("1" * 9_999)}]}}',
        '{"a":"%s"}' % ("x" * (2**20 - 8)),
        f'{{"{"k" * 200}":{"9" * 308}}}',
    ):
        assert kept(text) == text


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        (None, True), ({}, True), ({"a": 0, "b[0].c": 1, "d": Decimal("0.5"), "e": 0.25}, True),
        ({"a": -0.1}, False), ({"a": Decimal("1.01")}, False), ({"a": True}, False),
        ({"a": "0.5"}, False), ({"a": None}, False), ({"a": {"b": 0.5}}, False), ([0.5], False),
        (0.5, False), ({"a": float("nan")}, False),
    ],
)  # fmt: skip  # a table
def test_confidences_are_numbers_from_0_to_1_by_place(value, allowed):
    """A confidence is a map from places to numbers from 0 to 1, or absent; else it is refused."""
    if allowed:
        assert documents.parse_confidence("f", value) == value
        return
    with pytest.raises(BadDocument, match="f: "):
        documents.parse_confidence("f", value)
