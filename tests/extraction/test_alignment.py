import random
import time
from collections import Counter

import pytest

from assay.extraction.alignment import TooManyRows
from assay.extraction.comparison import compare
from assay.extraction.schema import Field, FieldSchema, FieldType
from tests.support import extraction_oracle as oracle

COLUMNS = {
    "text": Field(name="text", type=FieldType.TEXT),
    "number": Field(name="number", type=FieldType.NUMBER),
    "money": Field(name="money", type=FieldType.MONEY),
    "code": Field(name="code", type=FieldType.CODE),
    "fuzzy": Field(name="fuzzy", type=FieldType.TEXT, fuzzy=True, threshold=0.7),
    "default": Field(name="default", type=FieldType.TEXT, default="each"),
    "object": Field(
        name="object",
        type=FieldType.OBJECT,
        fields=(Field(name="text", type=FieldType.TEXT), Field(name="code", type=FieldType.CODE)),
    ),
    "list": Field(name="list", type=FieldType.LIST),
    "table": Field(
        name="table",
        type=FieldType.TABLE,
        fields=(Field(name="text", type=FieldType.TEXT), Field(name="number", type=FieldType.NUMBER)),
    ),
}  # fmt: skip
POOLS = {
    "text": ["a", "A", "b", "b ", "", None],
    "number": [1, "1", "1.0", 2, None],
    "money": ["5", "5.00 EUR", "5 €", "5 USD", "7", None],
    "code": ["X-1", "x1", "X 2", None],
    "fuzzy": ["widget blue", "Widget blu", "gadget red", "gadget", "wadget rue", None],
    "default": ["each", "Each", "box", None],
}


def value_of(field: Field, rng: random.Random, most: int):
    if field.type is FieldType.OBJECT:
        return {f.name: value_of(f, rng, most) for f in field.fields if rng.random() < 0.9}
    if field.type is FieldType.LIST:
        return [rng.choice(POOLS["text"]) for _ in range(rng.randint(0, most))]
    if field.type is FieldType.TABLE:
        return [row_of(field.fields, rng, 2) for _ in range(rng.randint(0, most))]
    return rng.choice(POOLS[field.name])


def row_of(fields: tuple[Field, ...], rng: random.Random, most: int = 3) -> dict:
    return {f.name: value_of(f, rng, most) for f in fields if rng.random() < 0.9}


def case_of(seed: int, most: int) -> tuple[FieldSchema, dict, dict]:
    """Return a schema of one table, and two documents whose rows share many values."""
    rng = random.Random(seed)
    names = rng.sample(sorted(COLUMNS), rng.randint(1, 4))
    fields = tuple(COLUMNS[name] for name in names)
    schema = FieldSchema(fields=(Field(name="rows", type=FieldType.TABLE, fields=fields),))
    expected = [row_of(fields, rng) for _ in range(rng.randint(0, most))]
    extracted = [row_of(fields, rng) for _ in range(rng.randint(0, most))]
    for row in expected:  # some rows are found as they are
        if rng.random() < 0.4 and len(extracted) < most:
            extracted.append(row)
    rng.shuffle(extracted)
    return schema, {"rows": expected}, {"rows": extracted}


def outcomes(schema, expected, extracted) -> Counter:
    told = compare(schema, expected, extracted)
    return Counter((c.path, c.exact.value, c.normalised.value) for c in told.comparisons)


def totals(found: Counter) -> tuple[int, int]:
    correct = sum(n for (_, _, normalised), n in found.items() if normalised == "correct")
    exact = sum(n for (_, e, _), n in found.items() if e in ("correct", "correctly_empty"))
    return correct, exact


def paired(schema, expected, extracted) -> Counter:
    """Return the outcomes without the absences of rows that are paired for their likeness alone."""
    told = compare(schema, expected, extracted).comparisons
    right = [c.place for c in told if c.normalised.value == "correct"]
    return Counter(
        (c.path, c.exact.value, c.normalised.value)
        for c in told
        if c.normalised.value != "correctly_empty"
        or any(place.startswith(c.place[: c.place.rindex("]") + 1]) for place in right)
    )


def check(seeds: range, most: int) -> None:
    for seed in seeds:
        schema, expected, extracted = case_of(seed, most)
        ours = paired(schema, expected, extracted)
        theirs = Counter(oracle.compared(schema, expected, extracted))
        assert totals(ours) == totals(theirs), seed
        values = sum(n for (_, _, word), n in ours.items() if word != "correctly_empty")
        assert values >= totals(ours)[0]


def test_rows_are_paired_as_by_trying_every_way():
    """Of all pairings the most correct leaves are found, then the most exact ones: 400 cases."""
    check(range(400), 4)


@pytest.mark.slow
def test_rows_are_paired_as_by_trying_every_way_up_to_six():
    """As above for thousands of cases of up to six by six rows."""
    check(range(1000, 4000), 5)
    check(range(5000, 7000), 6)


def test_order_of_rows_changes_nothing():
    """Permuting the rows of either side, nested tables too, changes no count of any path."""
    for seed in range(300):
        schema, expected, extracted = case_of(seed, 6)
        before = outcomes(schema, expected, extracted)
        rng = random.Random(seed)
        for side in (expected, extracted):
            rng.shuffle(side["rows"])
            for row in side["rows"]:
                for inner in row.values():
                    if isinstance(inner, list):
                        rng.shuffle(inner)
        assert outcomes(schema, expected, extracted) == before, seed


def test_every_value_is_compared_once():
    """Each value of either side is in exactly one comparison, and no place comes twice."""
    for seed in range(300):
        schema, expected, extracted = case_of(seed, 6)
        told = compare(schema, expected, extracted).comparisons
        for side, values in (("expected", expected), ("extracted", extracted)):
            mine = Counter(str(v) for c in told if not oracle.absent(v := getattr(c, side)))
            assert mine - Counter({"Missing.MISSING": 10**9}) == Counter(map(str, flat(values)))
        places = [c.place for c in told]
        assert len(set(places)) == len(places)


def flat(value) -> list:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in flat(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in flat(inner)]
    return [] if oracle.absent(value) else [value]


LINES = FieldSchema(
    fields=(
        Field(
            name="lines",
            type=FieldType.TABLE,
            fields=(
                Field(name="what", type=FieldType.TEXT),
                Field(name="amount", type=FieldType.MONEY),
            ),
        ),
    )
)


def lines(*rows):
    return {"lines": [dict(zip(("what", "amount"), row, strict=True)) for row in rows]}


def test_rows_without_a_value_in_common_are_not_paired():
    """A row that shares no value is missed, the extracted one invented: never a wrong value."""
    told = compare(LINES, lines(("a", "1")), lines(("b", "2"))).comparisons
    assert [(c.place, c.extracted_place, c.normalised.value) for c in told] == [
        ("lines[0].what", None, "missed"),
        ("lines[0].amount", None, "missed"),
        ("lines[1].what", "lines[0].what", "invented"),
        ("lines[1].amount", "lines[0].amount", "invented"),
    ]


def test_shared_emptiness_pairs_no_rows():
    """Rows whose only likeness is what they lack are not paired, and lacks are not counted."""
    told = compare(LINES, lines(("a", None)), lines(("b", ""))).comparisons
    assert [c.normalised.value for c in told] == ["missed", "invented"]


def test_paired_rows_say_where_they_are():
    """A pair stands at the expected row's place and names the extracted row's own."""
    told = compare(
        LINES,
        lines(("a", "1"), ("b", "2")),
        lines(("B", "2"), ("a", "3")),
        {"lines[0].what": 0.25, "lines[1].amount": 0.75},
    ).comparisons
    assert [(c.place, c.extracted_place, c.confidence) for c in told] == [
        ("lines[0].what", "lines[1].what", None),
        ("lines[0].amount", "lines[1].amount", 0.75),
        ("lines[1].what", "lines[0].what", 0.25),
        ("lines[1].amount", "lines[0].amount", None),
    ]


def test_items_of_a_list_are_a_multiset():
    """Items of a list count as often as they come, in any order."""
    schema = FieldSchema(fields=(Field(name="tags", type=FieldType.LIST),))
    told = compare(schema, {"tags": ["a", "a", "b"]}, {"tags": ["B", "a", "c"]}).comparisons
    words = Counter(c.normalised.value for c in told)
    assert words == {"correct": 2, "missed": 1, "invented": 1}


def test_large_tables_are_aligned_or_refused_in_words():
    """10 000 equal rows in any order align; 3 000 by 3 000 that all differ are refused by name."""
    rows = [(f"item {n}", f"{n}.50") for n in range(10_000)]
    shuffled = random.Random(1).sample(rows, len(rows))
    assert compare(LINES, lines(*rows), lines(*shuffled)).accuracy == 1.0
    louder = [(what.upper(), amount) for what, amount in shuffled]
    assert compare(LINES, lines(*rows), lines(*louder)).accuracy == 1.0
    other = [(f"other {n}", f"{n}.50") for n in range(3_000)]
    with pytest.raises(TooManyRows, match="lines: 3000 expected and 3000 extracted") as refused:
        compare(LINES, lines(*rows[:3_000]), lines(*other))
    assert refused.value.path == "lines"


@pytest.mark.slow
def test_largest_table_that_is_weighed_takes_seconds():
    """2 000 by 2 000 rows that all differ, full of ties, are aligned within 20 seconds."""
    rng = random.Random(5)
    sides = [
        lines(*((f"item {rng.randrange(50)}", f"{rng.randrange(900)}{side}") for _ in range(2000)))
        for side in "05"
    ]
    start = time.perf_counter()
    assert compare(LINES, *sides).accuracy > 0
    assert time.perf_counter() - start < 20


def test_nested_tables_too_large_are_refused():
    """Tables in tables whose pairs would take minutes to weigh are refused by name."""
    schema = FieldSchema(
        fields=(Field(name="rows", type=FieldType.TABLE, fields=(COLUMNS["table"],)),)
    )
    sides = [
        {"rows": [{"table": [{"text": f"{side}{n}", "number": 1}]} for n in range(600)]}
        for side in "ab"
    ]
    with pytest.raises(TooManyRows, match=r"rows\[\]\.table"):
        compare(schema, *sides)
