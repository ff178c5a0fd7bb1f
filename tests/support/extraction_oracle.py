"""What the comparison of extractions must say, by the slowest and plainest means.

Rows are paired by trying every way; fields are compared one by one with rules of their own, on
values whose meaning is plain. It shares no code with what it checks, but for the names of types.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import permutations
from typing import Any

from anls import anls_score

from assay.extraction.schema import Field, FieldSchema, FieldType

Outcomes = list[tuple[str, str, str]]  # path, exact, normalised


def absent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def meaning(field: Field, value: Any) -> Any:
    """Return what a value means: the makers of cases write each kind in few ways."""
    text = str(value)
    if field.type is FieldType.NUMBER:
        return Decimal(text.replace(" ", ""))
    if field.type is FieldType.MONEY:
        bare = text.replace("EUR", "").replace("USD", "").replace("€", "").strip()
        currency = "EUR" if "EUR" in text or "€" in text else "USD" if "USD" in text else None
        return Decimal(bare), currency
    if field.type is FieldType.CODE:
        return text.lower().replace("-", "").replace(" ", "")
    return " ".join(text.lower().split())


def same(field: Field, one: Any, other: Any) -> bool:
    a, b = meaning(field, one), meaning(field, other)
    if field.type is FieldType.MONEY:
        return a[0] == b[0] and (a[1] is None or b[1] is None or a[1] == b[1])
    if field.fuzzy:
        return a == b or anls_score(str(other), [str(one)]) >= field.threshold
    return a == b


def outcome(field: Field, one: Any, other: Any, *, exact: bool) -> str:
    if absent(one) and absent(other):
        return "correctly_empty"
    if absent(one) or absent(other):
        word = "invented" if absent(one) else "missed"
        filled = (field.default if absent(v) else v for v in (one, other))
        if field.default is None:
            return word
        a, b = filled
        equal = (type(a) is type(b) and a == b) if exact else same(field, a, b)
        return "correct" if equal else word
    equal = (type(one) is type(other) and one == other) if exact else same(field, one, other)
    return "correct" if equal else "wrong_value"


def pair(fields: tuple[Field, ...], one: dict, other: dict, path: str) -> Outcomes:
    """Return the outcomes of two rows that belong together."""
    out: Outcomes = []
    for field in fields:
        here = f"{path}.{field.name}" if path else field.name
        a, b = one.get(field.name), other.get(field.name)
        if field.type is FieldType.OBJECT:
            out += pair(field.fields, a or {}, b or {}, here)
        elif field.type in (FieldType.TABLE, FieldType.LIST):
            out += table(field, a or [], b or [], f"{here}[]")
        else:
            out.append((here, *(outcome(field, a, b, exact=track) for track in (True, False))))
    return out


def alone(fields: tuple[Field, ...], row: dict, path: str, word: str) -> Outcomes:
    """Return the outcomes of a row without a counterpart."""
    out: Outcomes = []
    for field in fields:
        here = f"{path}.{field.name}" if path else field.name
        value = row.get(field.name)
        if field.type is FieldType.OBJECT:
            out += alone(field.fields, value or {}, here, word)
        elif field.type is FieldType.TABLE:
            for inner in value or []:
                out += alone(field.fields, inner, f"{here}[]", word)
        elif field.type is FieldType.LIST:
            out += [(f"{here}[]", word, word) for item in value or [] if not absent(item)]
        elif not absent(value):
            out.append((here, word, word))
    return out


def score(outcomes: Outcomes) -> tuple[int, int]:
    """Return what an alignment is to make most of: correct leaves, then exactly right ones."""
    correct = sum(normalised == "correct" for _, _, normalised in outcomes)
    exact = sum(exact in ("correct", "correctly_empty") for _, exact, _ in outcomes)
    return (correct, exact) if correct else (0, 0)


def every_way(rows: int, others: int) -> Iterator[list[tuple[int, int]]]:
    """Yield every pairing that leaves as few rows alone as possible."""
    if rows <= others:
        for way in permutations(range(others), rows):
            yield list(enumerate(way))
    else:
        for way in permutations(range(rows), others):
            yield [(i, j) for j, i in enumerate(way)]


def letters(fields: tuple[Field, ...], row: dict) -> dict[str, str]:
    """Return the words of a row by the names of their fields, as they count for its likeness."""
    out: dict[str, str] = {}
    for field in fields:
        value = row.get(field.name)
        if field.type is FieldType.OBJECT:
            below = letters(field.fields, value or {})
            out |= {f"{field.name}.{name}": text for name, text in below.items()}
        elif field.type in (FieldType.TEXT, FieldType.CODE):
            out[field.name] = "" if absent(value) else " ".join(str(value).lower().split())
    return out


def edits(one: str, other: str) -> int:
    """Return the Levenshtein distance of two short texts."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row = row, [i]
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
    return row[-1]


def likeness(one: dict[str, str], other: dict[str, str]) -> int:
    """Return how many letters two rows share, 0 where that is less than one half of them."""
    length = sum(max(len(one[name]), len(other[name])) for name in one)
    distance = sum(edits(one[name], other[name]) for name in one)
    return length - distance if 2 * distance <= length else 0


def misread(one: list[dict[str, str]], other: list[dict[str, str]]) -> list[tuple[int, int]]:
    """Return the pairs of leftover rows that share the most letters, found by trying all."""
    points = {(i, j): likeness(a, b) for i, a in enumerate(one) for j, b in enumerate(other)}
    ways = ([at for at in way if points[at]] for way in every_way(len(one), len(other)))
    return max(ways, key=lambda way: sum(points[at] for at in way), default=[])


def table(field: Field, expected: list, extracted: list, path: str) -> Outcomes:
    """Return the outcomes under the best pairing, found by trying all."""

    def both(one: Any, other: Any) -> Outcomes:
        if field.item is None:
            return pair(field.fields, one, other, path)
        return [(path, *(outcome(field.item, one, other, exact=track) for track in (True, False)))]

    def single(row: Any, word: str) -> Outcomes:
        if field.item is None:
            return alone(field.fields, row, path, word)
        return [] if absent(row) else [(path, word, word)]

    told = {(i, j): both(a, b) for i, a in enumerate(expected) for j, b in enumerate(extracted)}
    points = {at: score(outcomes) for at, outcomes in told.items()}
    best: tuple[tuple[int, int], list[tuple[int, int]]] = ((-1, -1), [])
    for way in every_way(len(expected), len(extracted)):
        pairs = [at for at in way if points[at][0]]
        total = (sum(points[at][0] for at in pairs), sum(points[at][1] for at in pairs))
        if total > best[0]:
            best = (total, pairs)
    pairs = dict(best[1])
    left = [i for i in range(len(expected)) if i not in pairs]
    others = [j for j in range(len(extracted)) if j not in pairs.values()]
    fields = field.fields or (field.item,)
    words = [
        [
            letters(fields, side[n] if field.item is None else {fields[0].name: side[n]})
            for n in rows
        ]
        for side, rows in ((expected, left), (extracted, others))
    ]
    for i, j in misread(*words):
        at = left[i], others[j]
        pairs[at[0]] = at[1]
        # Rows that are as alike may have other absences in common, so these are not told.
        told[at] = [outcome for outcome in told[at] if outcome[2] != "correctly_empty"]
    out: Outcomes = []
    for i, row in enumerate(expected):
        out += told[i, pairs[i]] if i in pairs else single(row, "missed")
    for j, row in enumerate(extracted):
        if j not in pairs.values():
            out += single(row, "invented")
    return out


def compared(schema: FieldSchema, expected: dict, extracted: dict) -> Outcomes:
    return pair(schema.fields, expected, extracted, "")
