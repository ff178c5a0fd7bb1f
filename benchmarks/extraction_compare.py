"""Invoices of every kind of field, compared on both tracks, rows aligned, and tallied.

Assay's side is what a benchmark runs for each document: `compare` and the tally. Against it: what
people write first, a loop over the fields that compares by `==` and by text in lower case, rows in
their order and the package `anls` for fuzzy fields. The rate is that of one core.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import harness
from anls import anls_score

from assay.extraction.comparison import compare
from assay.extraction.field_counts import ComparisonCounts
from assay.extraction.schema import FieldSchema

DOCUMENTS = 2_000  # so many that few values come twice to a reader's memory
SCHEMA = FieldSchema.from_mapping(
    {
        "fields": [
            {"name": "invoice_number", "type": "code"},
            {"name": "vendor", "type": "object", "fields": [
                {"name": "name", "type": "text", "fuzzy": True, "threshold": 0.8},
                {"name": "vat_id", "type": "code"},
                {"name": "city", "type": "text"},
            ]},
            {"name": "issued", "type": "date", "locale": "de_DE"},
            {"name": "due", "type": "date"},
            {"name": "currency", "type": "enum", "values": ["EUR", "USD", "CHF"]},
            {"name": "net", "type": "money", "locale": "de_DE"},
            {"name": "total", "type": "money"},
            {"name": "tax_rate", "type": "number"},
            {"name": "paid", "type": "boolean"},
            {"name": "note", "type": "text"},
            {"name": "order_numbers", "type": "list", "item": {"type": "code"}},
            {"name": "line_items", "type": "table", "fields": [
                {"name": "description", "type": "text"},
                {"name": "quantity", "type": "number"},
                {"name": "unit_price", "type": "money"},
                {"name": "amount", "type": "money"},
            ]},
        ]
    }
)  # fmt: skip
MONTHS = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]
WORDS = [
    "blue",
    "red",
    "wide",
    "steel",
    "oak",
    "small",
    "large",
    "pump",
    "valve",
    "hose",
    "cable",
    "lamp",
    "chair",
    "desk",
    "screw",
    "nut",
]


def german(amount: float) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def invoice(rng: random.Random) -> dict[str, Any]:
    day, month = rng.randint(1, 28), rng.randint(1, 12)
    rows = []
    for _ in range(rng.randint(2, 9)):
        quantity, price = rng.randint(1, 20), rng.randint(100, 99_999) / 100
        rows.append(
            {
                "description": " ".join(rng.sample(WORDS, 3)),
                "quantity": quantity,
                "unit_price": price,
                "amount": f"{quantity * price:.2f}",
            }
        )
    net = sum(float(row["amount"]) for row in rows)
    return {
        "invoice_number": f"INV-{rng.randint(0, 999_999):06}",
        "vendor": {
            "name": f"{rng.choice(WORDS).title()} & {rng.choice(WORDS).title()} GmbH",
            "vat_id": f"DE {rng.randint(10**8, 10**9 - 1)}",
            "city": rng.choice(["München", "Köln", "Zürich", "Wien"]),
        },
        "issued": f"2024-{month:02}-{day:02}",
        "due": f"2024-{month:02}-{day:02}",
        "currency": rng.choice(["EUR", "USD", "CHF"]),
        "net": f"{german(net)} €",
        "total": f"{net * 1.19:.2f}",
        "tax_rate": "19",
        "paid": rng.random() < 0.5,
        "note": None if rng.random() < 0.5 else " ".join(rng.choices(WORDS, k=12)),
        "order_numbers": [f"PO-{rng.randint(0, 9999)}" for _ in range(rng.randint(0, 3))],
        "line_items": rows,
    }


def extracted_of(truth: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return a document as a model reads it: half of the values in another form, some wrong."""

    def other(value: Any, *forms: Any) -> Any:
        chance = rng.random()
        if chance < 0.5:
            return value
        return None if chance < 0.53 else "???" if chance < 0.58 else rng.choice(forms)

    year, month, day = truth["issued"].split("-")
    named = f"{int(day)}. {MONTHS[int(month) - 1]} {year}"
    vendor = truth["vendor"]
    rows = [
        {
            "description": other(row["description"], row["description"].upper()),
            "quantity": other(row["quantity"], str(row["quantity"]), f"{row['quantity']}.0"),
            "unit_price": other(row["unit_price"], f"{row['unit_price']:.2f}"),
            "amount": other(row["amount"], f"{float(row['amount']):,.2f}"),
        }
        for row in truth["line_items"]
    ]
    rng.shuffle(rows)
    return {
        "invoice_number": other(truth["invoice_number"], truth["invoice_number"].replace("-", " ")),
        "vendor": {
            "name": other(vendor["name"], vendor["name"][:-1], vendor["name"].upper()),
            "vat_id": other(vendor["vat_id"], vendor["vat_id"].replace(" ", "")),
            "city": other(vendor["city"], vendor["city"].upper()),
        },
        "issued": other(truth["issued"], f"{day}.{month}.{year}", named),
        "due": other(truth["due"], f"{day}.{month}.{year}", named),
        "currency": other(truth["currency"], truth["currency"].lower()),
        "net": other(truth["net"], f"EUR {truth['net'][:-2]}", truth["net"][:-2]),
        "total": other(truth["total"], float(truth["total"]), f"{float(truth['total']):,.2f} €"),
        "tax_rate": other(truth["tax_rate"], 19, "19 %", "19,0"),
        "paid": other(truth["paid"], "yes" if truth["paid"] else "no"),
        "note": truth["note"],
        "order_numbers": [other(number, number.lower()) for number in truth["order_numbers"]],
        "line_items": rows,
        "confidence_note": "high",
    }


def naive(expected: Any, extracted: Any, path: str, counts: dict[str, list[int]]) -> None:
    """Count what is equal, and what is in lower case, by path; rows in their order."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            other = extracted.get(name) if isinstance(extracted, dict) else None
            naive(value, other, f"{path}.{name}", counts)
    elif isinstance(expected, list):
        for number, value in enumerate(expected):
            rows = extracted if isinstance(extracted, list) else []
            naive(value, rows[number] if number < len(rows) else None, f"{path}[]", counts)
    else:
        found = counts.setdefault(path, [0, 0, 0])
        one, other = str(expected), str(extracted)
        found[0] += 1
        found[1] += expected == extracted
        if path == ".vendor.name":
            found[2] += anls_score(other, [one]) >= 0.8
        else:
            found[2] += " ".join(one.lower().split()) == " ".join(other.lower().split())


def core_seconds(call: Callable[[], object]) -> float:
    """Return the median of three timings in seconds of one core, whatever else the machine does."""
    times = []
    for _ in range(3):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


def main() -> int:
    """Print the rate and the ratio; 1 if a bar is missed."""
    rng = random.Random(7)  # noqa: S311 - the same invoices in every run
    pairs = [
        (truth, extracted_of(truth, rng)) for truth in (invoice(rng) for _ in range(DOCUMENTS))
    ]
    fields = sum(len(compare(SCHEMA, *pair).comparisons) for pair in pairs)

    def ours() -> ComparisonCounts:
        return ComparisonCounts.of_all(compare(SCHEMA, *pair) for pair in pairs)

    def peer() -> dict[str, list[int]]:
        counts: dict[str, list[int]] = {}
        for expected, extracted in pairs:
            naive(expected, extracted, "", counts)
        return counts

    mine, theirs = harness.alternate(ours, peer, runs=3)

    def equal() -> ComparisonCounts:
        return ComparisonCounts.of_all(compare(SCHEMA, truth, truth) for truth, _ in pairs)

    same, _ = harness.alternate(equal, peer, runs=3)
    core = core_seconds(ours)
    floor = fields / 20_000  # seconds that the same fields take at the bar's rate
    code = harness.report(
        f"{fields} fields of {DOCUMENTS} invoices",
        [
            harness.Ratio(name="compare and tally, half of it in other forms", ours=core,
                          peer=floor, peer_name="20 000 fields a second", at_most=1),
            harness.Ratio(name="the same, against no normaliser and no alignment", ours=mine,
                          peer=theirs, peer_name="loop of ==, lower case and anls"),
            harness.Ratio(name="documents that are right as they are", ours=same,
                          peer=theirs, peer_name="loop of ==, lower case and anls"),
        ],
    )  # fmt: skip
    print(
        f"  {fields / core:,.0f} fields a second of one core; {fields / core_seconds(equal):,.0f} where all is equal"
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
