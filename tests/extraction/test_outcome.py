import json
import math
import random
import time
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.extraction.comparison import compare
from assay.extraction.field_counts import ComparisonCounts
from assay.extraction.measures import measures
from assay.extraction.outcome import Outcome
from assay.extraction.schema import MAX_LEAVES, Field, FieldSchema, FieldType
from assay.extraction.schema_inference import SchemaInference
from assay.extraction.values import MISSING, canonical_text, same_raw
from assay.records.arrays import decode, encode
from tests.extraction.test_alignment import COLUMNS, row_of
from tests.support import extraction_oracle as oracle

ABSENCES = [MISSING, None, "", "  \t", [], {}]


def schema_of(*fields: Field, **options) -> FieldSchema:
    return FieldSchema(fields=fields, **options)


def document(value) -> dict:
    return {} if value is MISSING else {"f": value}


def one(schema, expected, extracted):
    (told,) = compare(schema, document(expected), document(extracted)).comparisons
    return told


TEXT = schema_of(Field(name="f", type=FieldType.TEXT))


@pytest.mark.parametrize(
    ("expected", "extracted", "exact", "normalised"),
    [
        ("a", "a", "correct", "correct"),
        ("a", "A", "wrong_value", "correct"),
        ("a", "b", "wrong_value", "wrong_value"),
        (None, "b", "invented", "invented"),
        ("a", None, "missed", "missed"),
        (None, None, "correctly_empty", "correctly_empty"),
        ("1", 1, "wrong_value", "correct"),
        ("true", True, "wrong_value", "correct"),
        (0, "", "missed", "missed"),
        (False, None, "missed", "missed"),
    ],
)
def test_five_outcomes_on_two_tracks(expected, extracted, exact, normalised):
    """A comparison is correct, wrong, invented, missed or correctly empty, on each track."""
    told = one(TEXT, expected, extracted)
    assert (told.exact.value, told.normalised.value) == (exact, normalised)
    right = {"correct", "correctly_empty"}
    assert (told.exact.right, told.normalised.right) == (exact in right, normalised in right)


def test_missing_null_and_empty_are_one_absence_by_default():
    """A missing field, null, blank text, [] and {} are all the absence of a value."""
    for expected in ABSENCES:
        assert one(TEXT, expected, "x").normalised is Outcome.INVENTED
        assert one(TEXT, "x", expected).normalised is Outcome.MISSED
        for extracted in ABSENCES:
            assert one(TEXT, expected, extracted).exact is Outcome.EMPTY


@pytest.mark.parametrize(
    ("distinct", "expected", "extracted", "outcome"),
    [
        (("null",), None, None, "correct"),
        (("null",), None, MISSING, "missed"),
        (("null",), "", None, "invented"),
        (("null",), "x", None, "wrong_value"),
        (("null",), "", MISSING, "correctly_empty"),
        (("null",), "null", None, "wrong_value"),
        (("empty",), "", "  ", "correct"),
        (("empty",), "", None, "missed"),
        (("empty",), None, MISSING, "correctly_empty"),
        (("missing",), None, "", "correct"),
        (("missing",), None, MISSING, "missed"),
        (("missing",), MISSING, "", "invented"),
        (("missing",), MISSING, MISSING, "correctly_empty"),
        (("empty", "null"), None, "", "wrong_value"),
        (("empty", "missing", "null"), "", "", "correct"),
    ],
)
def test_empties_that_are_declared_distinct_are_values(distinct, expected, extracted, outcome):
    """What does not collapse with a missing field is a value of its own, equal to itself alone."""
    schema = schema_of(*TEXT.fields, distinct_empties=distinct)
    assert one(schema, expected, extracted).normalised.value == outcome


@pytest.mark.parametrize(
    ("expected", "extracted", "exact", "normalised"),
    [
        ("EUR", MISSING, "correct", "correct"),
        (None, "EUR", "correct", "correct"),
        ("eur", "", "missed", "correct"),
        ("USD", MISSING, "missed", "missed"),
        (MISSING, "USD", "invented", "invented"),
        (MISSING, None, "correctly_empty", "correctly_empty"),
    ],
)
def test_default_stands_for_absence_where_declared(expected, extracted, exact, normalised):
    """An absent value equals the declared default, and is absent beside anything else."""
    schema = schema_of(Field(name="f", type=FieldType.TEXT, default="EUR"))
    told = one(schema, expected, extracted)
    assert (told.exact.value, told.normalised.value) == (exact, normalised)
    if "EUR" in (expected, extracted):
        assert one(TEXT, expected, extracted).normalised.right is False


@pytest.mark.parametrize(
    ("expected", "extracted", "similarity", "outcome"),
    [
        ("widget", "widget", 1.0, "correct"),
        ("widget", "widgets", 1 - 1 / 7, "correct"),
        ("widget", "gadget", 1 - 2 / 6, "wrong_value"),
        ("widget", "zebra", 0.0, "wrong_value"),
        ("widget", None, 0.0, "missed"),
        (None, "widget", 0.0, "invented"),
        (None, "", 1.0, "correctly_empty"),
        ("ﬁve", "five", 1 - 2 / 4, "correct"),
    ],
)
def test_fuzzy_texts_are_right_from_their_threshold_on(expected, extracted, similarity, outcome):
    """A fuzzy text is right if its ANLS reaches the threshold; the ANLS is kept either way."""
    schema = schema_of(Field(name="f", type=FieldType.TEXT, fuzzy=True, threshold=0.8))
    told = one(schema, expected, extracted)
    kept = 0.0 if similarity == 0.5 else similarity  # one half is not below τ
    assert (told.similarity, told.normalised.value) == (kept, outcome)
    assert one(TEXT, expected, extracted).similarity is None


INVOICE = schema_of(
    Field(name="no", type=FieldType.CODE),
    Field(name="vendor", type=FieldType.OBJECT, fields=(Field(name="name", type=FieldType.TEXT),)),
    Field(name="lines", type=FieldType.TABLE, fields=(Field(name="amount", type=FieldType.MONEY),)),
    Field(name="tags", type=FieldType.LIST),
)


def test_document_without_extraction_is_all_missed():
    """Without an extraction every expected value is missed, and no absence is credited."""
    expected = {"no": "1", "vendor": {}, "lines": [{"amount": 1}, {"amount": None}], "tags": ["a"]}
    told = compare(INVOICE, expected, None)
    assert [(c.place, c.normalised.value) for c in told.comparisons] == [
        ("no", "missed"), ("lines[0].amount", "missed"), ("tags[0]", "missed"),
    ]  # fmt: skip
    assert (told.extracted, told.accuracy, told.perfect) == (False, 0.0, False)
    assert compare(INVOICE, expected, {}).accuracy == 1 / 4  # the vendor's name is correctly empty


def test_accuracy_is_right_over_all():
    """A document's accuracy is right / all, unrounded; None where there is nothing to compare."""
    expected = {"no": "A-1", "vendor": {"name": "x"}, "tags": ["a"]}
    told = compare(INVOICE, expected, {"no": "a1", "tags": ["a"]})
    assert (told.accuracy, told.right, told.perfect) == (2 / 3, 2, False)
    nothing = compare(schema_of(INVOICE.fields[2]), {}, {"lines": []})
    assert (nothing.accuracy, nothing.perfect) == (None, True)


def test_unexpected_fields_are_counted_and_not_compared():
    """Extracted values that the schema has no place for are told by path, if they are values."""
    extracted = {
        "no": "1", "extra": 1, "none": None, "blank": " ",
        "vendor": {"name": "x", "vat.id": "y", "\ud800": 1},
        "lines": [{"amount": 1, "note": "z"}, {"note": "z"}, "text", None],
        "tags": [],
    }  # fmt: skip
    told = compare(INVOICE, {"no": "1"}, extracted)
    assert told.unexpected == (
        "extra", 'vendor["vat.id"]', 'vendor["\\ud800"]', "lines[].note", "lines[].note", "lines[]",
    )  # fmt: skip
    known = {c.path for c in told.comparisons}
    assert known <= set(INVOICE.leaf_paths())


def test_other_shapes_than_declared_are_told():
    """A plain value for an object or a table is unexpected if extracted, compared if expected."""
    told = compare(INVOICE, {}, {"vendor": "ACME", "lines": 7, "tags": {"a": 1}})
    assert told.unexpected == ("vendor", "lines", "tags")
    wrong = {"vendor": "ACME", "lines": {"amount": 1}, "tags": "a"}
    told = compare(INVOICE, wrong, {**wrong, "vendor": "acme", "tags": None})
    found = {c.path: (c.exact.value, c.normalised.value) for c in told.comparisons}
    assert found == {
        "no": ("correctly_empty",) * 2,
        "vendor": ("wrong_value", "correct"),
        "vendor.name": ("correctly_empty",) * 2,
        "lines": ("correct", "correct"),
        "tags": ("missed", "missed"),
    }
    told = compare(INVOICE, {"lines": ["row", {"amount": 1}]}, {"lines": [{"amount": 1}]})
    lines = [(c.path, c.normalised.value) for c in told.comparisons if "lines" in c.path]
    assert lines == [("lines[]", "missed"), ("lines[].amount", "correct")]


@pytest.mark.parametrize("told", [True, "0.9", None, -0.1, 1.1, math.nan, [0.5]])
def test_confidence_that_is_none_is_left_out(told):
    """A confidence is a number in [0, 1]; anything else is as if it had not been said."""
    values = {"f": "x"}
    assert compare(TEXT, values, values, {"f": told}).comparisons[0].confidence is None
    assert compare(TEXT, values, values, {"f": 1}).comparisons[0].confidence == 1.0


def test_documents_equal_the_oracle():
    """Whole documents of every kind of field have the outcomes counted one by one."""
    fields = tuple(field for name, field in COLUMNS.items() if name not in ("list", "table"))
    schema = schema_of(*fields)
    tally = ComparisonCounts.empty()
    theirs: Counter = Counter()
    for seed in range(500):
        rng = random.Random(seed)
        expected, extracted = row_of(fields, rng), row_of(fields, rng)
        told = compare(schema, expected, extracted)
        mine = [(c.path, c.exact.value, c.normalised.value) for c in told.comparisons]
        assert mine == oracle.compared(schema, expected, extracted), seed
        tally = tally.merge(ComparisonCounts.of(told))
        theirs.update(word for _, _, word in mine)
    told = measures(tally).overall.normalised
    correct, wrong = theirs["correct"], theirs["wrong_value"]
    assert told.values["precision"] == correct / (correct + wrong + theirs["invented"])
    assert told.values["recall"] == correct / (correct + wrong + theirs["missed"])
    assert told.values["accuracy"] == (correct + theirs["correctly_empty"]) / theirs.total()


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, 1.0, True), (1, Decimal("1.00"), True), (0.1, Decimal("0.1"), True), (1, True, False),
        (1, "1", False), ("é", "e\u0301", False), (None, MISSING, False), (math.nan, math.nan, True),
        (0.0, -0.0, True), (10**30, 1e30, True), ([1, "a"], [1.0, "a"], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True), ([1, 2], [2, 1], False), ([], {}, False),
        ("[]", [], False),
    ],
)  # fmt: skip
def test_raw_values_are_the_same_as_json_is(a, b, same):
    """Texts are the same by code points, numbers by value, arrays and objects by what they hold."""
    assert same_raw(a, b) is same
    assert same_raw(b, a) is same


def test_integers_of_any_length_are_compared():
    """Integers of thousands of digits are the same by value, like any other."""
    for size in (5_000, 40_000):
        assert same_raw(10**size, 10**size)
        assert not same_raw(10**size, 10**size + 1)


def nested(depth: int, *, table: bool = False):
    value: object = "x"
    for _ in range(depth):
        value = [value] if table else {"f": value}
    return value


HOSTILE = [
    nested(100), nested(100, table=True), nested(5_000), nested(5_000, table=True),
    "x" * 1_000_000, "é " * 500_000, "\u0301\u0316" * 500_000, "1" * 1_000_000, "1," * 500_000,
    "1 April " * 100_000, "\ud800\udfff" * 1000, "".join(map(chr, range(0x250))), "\x00",
    math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"),
    Decimal("1e999999999"), Decimal("1e-999999999"), 10**5_000, -(10**5_000), 10**100_000,
    "٣" * 50, "፩፪", "½", "1e400", "-", "()", "%", "€", ".", ",", "1.", "-.-", "99/99/9999",
    True, [None], {"": None}, [[[]]], {"amount": {"amount": 1}}, {"amount": [1], "currency": 3},
    {"amount": "x" * 100_000, "currency": "EUR"}, b"bytes", object(), ("a", 1), {1: 2},
]  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in FieldType if kind is not FieldType.ENUM])
def test_hostile_values_never_raise_and_never_take_long(kind):
    """Deep, long, odd and impossible values are compared in any type of field, in a moment."""
    options: dict = {"fields": (Field(name="f", type=FieldType.MONEY),)} if kind in (
        FieldType.TABLE, FieldType.OBJECT) else {}  # fmt: skip
    if kind is FieldType.TEXT:
        options["fuzzy"] = True
    schema = schema_of(Field(name="f", type=kind, **options))
    start = time.perf_counter()
    for number, value in enumerate(HOSTILE):
        other = HOSTILE[number - 1]
        for expected, extracted in ((value, value), (value, other), ([value], [other, value])):
            told = compare(schema, {"f": expected}, {"f": extracted})
            decode(ComparisonCounts, encode(ComparisonCounts.of(told)))
        if kind.leaf:
            assert compare(schema, {"f": value}, {"f": value}).perfect
    assert time.perf_counter() - start < 60


def test_hostile_values_can_be_guessed_from():
    """A schema is guessed from deep, long and odd values too, and fits them."""
    for value in HOSTILE:
        schema = SchemaInference.of([{"f": value}]).schema()
        assert compare(schema, {"f": value}, {"f": value}).perfect


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["x", "é ", "\u0301\u0316", "1", "1,", "1 ", "4 May ", "(", "ab", "€", "a\u0344", "-"],
)
def test_time_grows_with_the_length_only(text):
    """A text ten times as long takes some ten times as long, in a field of any type."""
    kinds = [FieldType.TEXT, FieldType.NUMBER, FieldType.MONEY, FieldType.DATE, FieldType.CODE]
    schema = schema_of(*(Field(name=kind, type=kind, fuzzy=kind == "text") for kind in kinds))

    def seconds(size: int) -> float:
        value = text * (size // len(text))
        start = time.perf_counter()
        compare(schema, dict.fromkeys(kinds, value), dict.fromkeys(kinds, f"{value}!"))
        return time.perf_counter() - start

    seconds(1000)
    long = min(seconds(1_000_000) for _ in range(2))
    assert long < 100 * max(min(seconds(100_000) for _ in range(3)), 0.005)


def test_ten_thousand_fields_are_compared():
    """A document of as many fields as a schema may have is compared like any other."""
    names = [f"field {n}" for n in range(MAX_LEAVES)]
    schema = schema_of(*(Field(name=name, type=FieldType.NUMBER) for name in names))
    values = {name: n for n, name in enumerate(names)}
    texts = {name: f"{n}.0" for n, name in enumerate(names)}
    assert compare(schema, values, texts).accuracy == 1.0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e300, 1e300) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(json_values, json_values)
@settings(max_examples=300, deadline=None)
def test_canonical_text_is_one_for_one_value(a, b):
    """Two JSON values have one text exactly if they are the same value, and it is JSON."""
    assert same_raw(json.loads(canonical_text(a), parse_float=Decimal), a)
    assert (canonical_text(a) == canonical_text(b)) is same_raw(a, b)
