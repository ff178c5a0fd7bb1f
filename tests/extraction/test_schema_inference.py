import random
from copy import deepcopy
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.extraction.comparison import compare
from assay.extraction.field_observations import FieldObservations
from assay.extraction.schema import Field, FieldSchema, FieldType, SchemaError
from assay.extraction.schema_inference import SchemaInference


def guess(*values, **options) -> Field:
    """Return the field that is guessed from its values in one document each."""
    documents = [{"f": value} for value in values]
    return SchemaInference.of(documents).schema(**options).fields[0]


@pytest.mark.parametrize(
    ("values", "kind", "options"),
    [
        ([1, 2.5, Decimal(3)], "number", {}),
        (["1", "2.50", None, ""], "number", {}),
        (["12", 12], "number", {}),
        (["1.234,56", "0,5"], "number", {"locale": "de_DE"}),
        (["1,234.56", "0.5"], "number", {}),
        (["1.234,56", "0.5"], "number", {}),
        (["1.234,56 €"], "money", {"locale": "de_DE"}),
        (["$5", "7.50", 3], "money", {}),
        (["USD 1,234.56"], "money", {}),
        (["2024-04-03", "2024-12-31"], "date", {}),
        (["03.04.2024"], "date", {}),
        (["3 April 2024", "2024-04-03"], "date", {}),
        (["13/04/2024", "03/04/2024"], "date", {"day_first": True}),
        (["04/13/2024", "03/04/2024"], "date", {"day_first": False}),
        (["04/13/2024", "13/04/2024"], "date", {}),
        (["03/04/2024"], "date", {}),
        ([True, False, None], "boolean", {}),
        (["yes", "no"], "boolean", {}),
        (["ja", True], "boolean", {}),
        (["1", "0"], "number", {}),
        (["INV-001", "INV-002"], "code", {}),
        (["00123", "12345"], "code", {}),
        (["DE89 3704 0044 0532 0130 00"], "code", {}),
        (["ACME Ltd", "Globex"], "text", {}),
        (["ACME Ltd", 3], "text", {}),
        ([True, 3], "text", {}),
        (["2024-04-03", "soon"], "text", {}),
        (["5 €", "five euros"], "text", {}),
        ([None, ""], "text", {}),
        ([{}], "text", {}),
        ([{"a": 1}, "x"], "text", {}),
        ([["a"], {"a": 1}], "text", {}),
        (["paid", "open"] * 20, "text", {}),
        (["x" * 1_000_000], "text", {}),
    ],
)
def test_field_gets_the_narrowest_type_that_fits_all(values, kind, options):
    """A field's type is the narrowest that every value fits; what is mixed is a text."""
    assert guess(*values) == Field(name="f", type=FieldType(kind), **options)


def test_branches_are_found():
    """Objects are objects, arrays of objects tables, other arrays lists, at any depth."""
    found = SchemaInference.of(
        [
            {
                "vendor": {"name": "ACME", "address": {"city": "Rome"}},
                "tags": ["a", None],
                "grid": [[1, 2], [3]],
                "empty": [],
                "lines": [{"what": "x", "taxes": [{"rate": "19 %"}]}, {}, None],
            }
        ]
    ).schema()
    assert found.leaf_paths() == (
        "vendor.name", "vendor.address.city", "tags[]", "grid[][]", "empty[]", "lines[].what",
        "lines[].taxes[].rate",
    )  # fmt: skip
    assert found.fields[4].type is FieldType.TABLE


def test_enums_are_guessed_when_asked_for():
    """A few texts again and again are an enum if asked for, and the reason says so if not."""
    values = ["Paid", "open", "void"] * 5
    assert guess(*values, enums=True).values == ("Paid", "open", "void")
    assert guess(*values, *values, "paid", enums=True).values == ("Paid", "open", "void")
    assert guess(*values[:6], enums=True).type is FieldType.TEXT
    told = SchemaInference.of([{"f": value} for value in values])
    assert "could be an enum" in told.reasons()["f"]
    many = [f"name {'x' * n}" for n in range(35)] * 6
    assert guess(*many, enums=True).type is FieldType.TEXT


def test_every_guess_says_why():
    """Each field's guess has a reason in words, with numbers, and names what should be declared."""
    told = SchemaInference.of(
        [
            {"when": "03/04/2024", "net": "1,234", "gross": "1.234,56 €", "lines": [{"n": 1}]},
            {"when": "03/05/2024", "net": "5", "gross": "7 €", "tags": ["a"], "bad\x00": 1},
        ]
    )
    assert dict(told.reasons()) == {
        "": "1 values left out: their field names cannot be used",
        "when": "2 values are dates; 2 such as 03/04/2024 could be two days: declare day_first",
        "net": "2 values are numbers; 1 such as 1,234 could be read in two ways: declare a locale",
        "gross": "2 values are amounts, 2 of them with a currency; 1 have a decimal comma and none "
        "a point, so the locale de_DE",
        "lines": "1 values are arrays of objects",
        "lines[].n": "1 values are numbers",
        "tags": "1 values are arrays",
        "tags[]": "1 values, of no narrower type in common",
    }
    assert set(told.schema().leaf_paths()) <= set(told.reasons())


def test_fields_come_in_the_order_of_the_documents():
    """Fields stand where they stood on average, whatever order the documents came in."""
    documents = [{"b": 1, "a": 2, "c": 3}, {"b": 1, "c": 3}, {"a": 1}]
    names = [field.name for field in SchemaInference.of(documents).schema().fields]
    assert names == ["b", "a", "c"]


values = st.recursive(
    st.sampled_from([None, True, 1, 2.5, "1", "1,5", "5 €", "2024-01-02", "03/04/2024", "yes", "A-1"])
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["a", "b", "c", " ", "\x00"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(
    st.lists(st.dictionaries(st.sampled_from("xyz"), values, max_size=3), max_size=8),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200, deadline=None)
def test_any_sharding_gives_the_same_guess(documents, rng):
    """However documents are ordered and split, the guess is the same."""
    whole = SchemaInference.of(documents)
    shuffled = rng.sample(documents, len(documents))
    parts = [SchemaInference.of(shuffled[i : i + 2]) for i in range(0, len(shuffled), 2)]
    rng.shuffle(parts)
    merged = SchemaInference.of([])
    for part in parts:
        merged = part.merge(merged)
    assert merged == whole
    assert SchemaInference.merge_all(parts) == whole
    if any(documents):
        schema = merged.schema()
        assert FieldSchema.parse(schema.encoded()) == schema == whole.schema()
        for document in documents:
            assert compare(schema, document, document).perfect


def test_merging_leaves_the_parts_alone():
    """A guess that was merged into another says what it said before."""
    one, other = SchemaInference.of([{"a": 1}]), SchemaInference.of([{"a": "x", "b": [1]}])
    before = deepcopy((one, other))
    one.merge(other)
    SchemaInference.merge_all((one, other, one))
    assert (one, other) == before


def test_nothing_to_guess_from_is_refused():
    """Documents without a field, or with more than a schema may have, are refused in words."""
    with pytest.raises(SchemaError, match="no fields"):
        SchemaInference.of([{}]).schema()
    wide = SchemaInference.of(
        {f"f{n}": 1 for n in range(start, start + 6000)} for start in (0, 6000)
    )
    with pytest.raises(SchemaError, match="12000 fields"):
        wide.schema()
    parts = [
        SchemaInference.of([{f"f{n}": 1 for n in range(s, s + 9000)}]) for s in (0, 9000, 18000)
    ]
    random.Random(1).shuffle(parts)
    whole = SchemaInference.merge_all(parts)
    with pytest.raises(SchemaError, match="more than 10000 fields"):
        whole.schema()
    assert whole.root == FieldObservations()
    assert whole == parts[0].merge(parts[1]).merge(parts[2])


def test_deep_values_are_texts():
    """What is nested deeper than a schema may be is a text, and the guess is a valid schema."""
    value: object = "x"
    for _ in range(100):
        value = {"a": value}
    schema = SchemaInference.of([{"a": value}]).schema()
    assert len(schema.leaf_paths()) == 1
    assert compare(schema, {"a": value}, {"a": value}).perfect
