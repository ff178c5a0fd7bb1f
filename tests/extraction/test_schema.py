import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.extraction.schema import MAX_LEAVES, Field, FieldSchema, FieldType, SchemaError

INVOICE = {
    "fields": [
        {"name": "invoice_number", "type": "code"},
        {"name": "vendor", "type": "object", "fields": [
            {"name": "name", "type": "text", "fuzzy": True, "threshold": 0.8},
            {"name": "vat.id", "type": "code"},
        ]},
        {"name": "total", "type": "money", "locale": "de_DE", "default": "0"},
        {"name": "due", "type": "date", "date_formats": ["dd.MM.yyyy"], "day_first": True},
        {"name": "state", "type": "enum", "values": ["paid", "open"]},
        {"name": "tags", "type": "list", "item": {"type": "text"}},
        {"name": "line_items", "type": "table", "fields": [
            {"name": "amount", "type": "number"},
            {"name": "taxes", "type": "table", "fields": [{"name": "rate", "type": "number"}]},
        ]},
    ],
    "distinct_empties": ["null"],
}  # fmt: skip


def test_leaves_are_named_by_their_paths():
    """Leaf paths are in the schema's order, with [] for rows and items, odd names quoted."""
    assert FieldSchema.from_mapping(INVOICE).leaf_paths() == (
        "invoice_number", "vendor.name", 'vendor["vat.id"]', "total", "due", "state", "tags[]",
        "line_items[].amount", "line_items[].taxes[].rate",
    )  # fmt: skip


def test_schema_comes_back_from_its_json():
    """A schema's JSON gives the schema back, the same bytes and the same hash, in any key order."""
    schema = FieldSchema.from_mapping(INVOICE)
    assert schema.to_mapping() == INVOICE
    shuffled = json.dumps(INVOICE, indent=2, sort_keys=True)
    again = FieldSchema.parse(shuffled)
    assert (again, again.encoded(), again.hash) == (schema, schema.encoded(), schema.hash)
    assert len(schema.hash) == 64


def test_hash_tells_schemas_apart():
    """Schemas that differ in one option differ in their hashes."""
    one = FieldSchema(fields=(Field(name="a", type=FieldType.TEXT),))
    other = FieldSchema(fields=(Field(name="a", type=FieldType.TEXT, fuzzy=True),))
    assert one.hash != other.hash


def nested(levels: int) -> dict:
    field = {"name": "x", "type": "text"}
    for _ in range(levels - 1):
        field = {"name": "x", "type": "object", "fields": [field]}
    return {"fields": [field]}


@pytest.mark.parametrize(
    ("field", "path", "words"),
    [
        ({"name": "", "type": "text"}, "", "needs a name"),
        ({"type": "text"}, "", "needs a name"),
        ({"name": 3, "type": "text"}, "3", "needs a name"),
        ({"name": "a\x00b", "type": "text"}, None, "control character"),
        ({"name": "\ud800", "type": "text"}, None, "half a character"),
        ({"name": "n" * 201, "type": "text"}, None, "201 characters"),
        ({"name": "a", "type": "float"}, "a", "type is one of text, number"),
        ({"name": "a", "type": "text", "colour": 1}, None, "'colour' is not known"),
        ({"name": "a", "type": "number", "fuzzy": True}, "a", "fuzzy belongs to text"),
        ({"name": "a", "type": "text", "fuzzy": "yes"}, "a", "fuzzy is true or false"),
        ({"name": "a", "type": "text", "fuzzy": True, "threshold": 0}, "a", "(0, 1]"),
        ({"name": "a", "type": "text", "threshold": "high"}, "a", "threshold is a number"),
        ({"name": "a", "type": "money", "threshold": 0.5}, "a", "belongs to a text with fuzzy"),
        ({"name": "a", "type": "text", "threshold": 0.5}, "a", "belongs to a text with fuzzy"),
        ({"name": "a", "type": "text", "locale": "de"}, "a", "locale belongs to"),
        ({"name": "a", "type": "money", "locale": "xx_YY"}, "a", "de_DE"),
        ({"name": "a", "type": "money", "locale": ""}, "a", "de_DE"),
        ({"name": "a", "type": "enum"}, "a", "names its values"),
        ({"name": "a", "type": "enum", "values": "paid"}, "a", "array of texts"),
        ({"name": "a", "type": "enum", "values": ["Paid", "PAID"]}, "a", "are the same"),
        ({"name": "a", "type": "enum", "values": ["x"] * 1001}, "a", "at most 1000"),
        ({"name": "a", "type": "date", "date_formats": ["%d.%m.%Y"]}, "a", "'%d.%m.%Y'"),
        ({"name": "a", "type": "date", "date_formats": ["dd.MM"]}, "a", "each of day, month"),
        ({"name": "a", "type": "date", "date_formats": ["d M y d"]}, "a", "once"),
        ({"name": "a", "type": "table"}, "a", "needs fields"),
        ({"name": "a", "type": "object", "fields": {}}, "a", "array of fields"),
        ({"name": "a", "type": "text", "item": {"type": "text"}}, "a", "item belongs to list"),
        ({"name": "a", "type": "text", "default": ["x"]}, "a", "default is a text"),
        ({"name": "a", "type": "text", "default": "\ud800"}, "a", "half a character"),
        ({"name": "a", "type": "text", "description": "x" * 2001}, "a", "2000"),
        ({"name": "a", "type": "list", "item": {"type": "money", "fuzzy": True}}, "a[]", "fuzzy"),
        ({"name": "t", "type": "table", "fields": [{"name": "c", "type": "what"}]}, "t[].c", "type is"),
        ({"name": "t", "type": "table", "fields": [{"name": "c", "type": "text"}] * 2}, "t", "already"),
        ("text", "", "an object is meant"),
    ],
)  # fmt: skip
def test_refusal_names_the_field(field, path, words):
    """A schema that makes no sense is refused with the field's path and what is allowed."""
    with pytest.raises(SchemaError) as refused:
        FieldSchema.from_mapping({"fields": [field]})
    assert words in refused.value.message
    assert path is None or refused.value.path.removesuffix(".c") == path.removesuffix(".c")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "array of fields"),
        ({"fields": []}, "no fields"),
        ({"fields": [{"name": "a", "type": "text"}] * 2}, "there already"),
        ({"fields": [{"name": "a", "type": "text"}], "distinct_empties": ["nil"]}, "nil"),
        ({"fields": [{"name": "a", "type": "text"}], "version": 1}, "'version'"),
        (nested(33), "32 levels deep"),
        ({"fields": [{"name": str(i), "type": "text"} for i in range(MAX_LEAVES + 1)]}, "10001"),
        ([], "an object is meant"),
    ],
)
def test_refusal_names_the_limit(schema, words):
    """A schema as a whole is refused in words when it is empty, too wide or too deep."""
    with pytest.raises(SchemaError, match=words):
        FieldSchema.from_mapping(schema)


@pytest.mark.parametrize("text", ["{", b"\xff\xfe", "[" * 100_000, '"text"', "null"])
def test_what_is_no_schema_is_refused(text):
    """Bytes that are no JSON object, or nested without end, are refused as a schema."""
    with pytest.raises(SchemaError):
        FieldSchema.parse(text)


def test_limits_themselves_are_allowed():
    """32 levels and 10 000 fields are allowed."""
    assert FieldSchema.from_mapping(nested(32)).leaf_paths() == (".".join("x" * 32),)
    wide = {"fields": [{"name": str(i), "type": "text"} for i in range(MAX_LEAVES)]}
    assert len(FieldSchema.from_mapping(wide).leaf_paths()) == MAX_LEAVES


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=5, unique=True))
@settings(max_examples=200, deadline=None)
def test_paths_of_different_fields_differ(names):
    """No two fields share a path, whatever dots and brackets their names hold."""
    leaves = [{"name": name, "type": "text"} for name in names]
    branches = [{"name": f"o{name}", "type": "object", "fields": leaves} for name in names]
    try:
        schema = FieldSchema.from_mapping({"fields": [*leaves, *branches]})
    except SchemaError:
        return
    assert len(set(schema.leaf_paths())) == len(names) + len(names) ** 2
