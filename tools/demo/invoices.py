"""Invoices of eight countries, made from a seed: what is printed on each, and what is true.

The same seed gives the same invoices, byte for byte, whatever the version of Python.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from tools.demo.locales import COUNTRIES, Country, digits

CENT = Decimal("0.01")
FIRST_DAY = date(2024, 1, 2)
SHARE_WITH = {"due_date": 0.85, "purchase_order": 0.6, "vendor_tax_id": 0.9, "bank": 0.8}

SCHEMA: Mapping[str, Any] = {
    "fields": [
        {"name": "invoice_number", "type": "code"},
        {"name": "purchase_order", "type": "code"},
        {"name": "invoice_date", "type": "date"},
        {"name": "due_date", "type": "date"},
        {"name": "vendor_name", "type": "text"},
        {"name": "vendor_address", "type": "text", "fuzzy": True, "threshold": 0.8},
        {"name": "vendor_tax_id", "type": "code"},
        {"name": "currency", "type": "enum", "values": sorted({c.currency for c in COUNTRIES})},
        {"name": "subtotal", "type": "money"},
        {"name": "tax_rate", "type": "number"},
        {"name": "tax_amount", "type": "money"},
        {"name": "total_amount", "type": "money"},
        {"name": "reverse_charge", "type": "boolean"},
        {
            "name": "bank",
            "type": "object",
            "fields": [{"name": "iban", "type": "code"}, {"name": "bic", "type": "code"}],
        },
        {
            "name": "line_items",
            "type": "table",
            "fields": [
                {"name": "description", "type": "text"},
                {"name": "quantity", "type": "number"},
                {"name": "unit_price", "type": "money"},
                {"name": "amount", "type": "money"},
            ],
        },
    ]
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line item."""

    description: str
    quantity: Decimal
    unit_price: Decimal

    @property
    def amount(self) -> Decimal:
        """Quantity times price, to the cent."""
        return (self.quantity * self.unit_price).quantize(CENT, ROUND_HALF_EVEN)


@dataclass(frozen=True, kw_only=True)
class Invoice:
    """One invoice. None is a field that is not on it."""

    document_id: str
    country: Country
    invoice_number: str
    purchase_order: str | None
    invoice_date: date
    due_date: date | None
    vendor_name: str
    vendor_address: str
    vendor_tax_id: str | None
    tax_rate: Decimal
    reverse_charge: bool
    bank: Mapping[str, str] | None
    lines: tuple[Line, ...]

    @property
    def subtotal(self) -> Decimal:
        """The sum of the lines."""
        return sum((line.amount for line in self.lines), Decimal())

    @property
    def tax_amount(self) -> Decimal:
        """The tax, to the cent; none where the charge is reversed."""
        if self.reverse_charge:
            return Decimal("0.00")
        return (self.subtotal * self.tax_rate / 100).quantize(CENT, ROUND_HALF_EVEN)

    def truth(self) -> dict[str, Any]:
        """Return what people who know the invoice say of it: plain numbers, ISO dates."""
        found: dict[str, Any] = {
            "invoice_number": self.invoice_number,
            "purchase_order": self.purchase_order,
            "invoice_date": self.invoice_date.isoformat(),
            "due_date": None if self.due_date is None else self.due_date.isoformat(),
            "vendor_name": self.vendor_name,
            "vendor_address": self.vendor_address,
            "vendor_tax_id": self.vendor_tax_id,
            "currency": self.country.currency,
            "subtotal": str(self.subtotal),
            "tax_rate": str(self.tax_rate),
            "tax_amount": str(self.tax_amount),
            "total_amount": str(self.subtotal + self.tax_amount),
            "reverse_charge": self.reverse_charge,
            "bank": None if self.bank is None else dict(self.bank),
            "line_items": [
                {
                    "description": line.description,
                    "quantity": str(line.quantity),
                    "unit_price": str(line.unit_price),
                    "amount": str(line.amount),
                }
                for line in self.lines
            ],
        }
        return {name: value for name, value in found.items() if value is not None}


def invoices(count: int, seed: int) -> Iterator[Invoice]:
    """Yield `count` invoices, each made from the seed and its own number alone."""
    for number in range(count):
        chance = random.Random(f"invoice {seed}/{number}")  # noqa: S311 — a demo's data, no secret
        yield _invoice(number, chance)


def ground_truth(made: Sequence[Invoice]) -> bytes:
    """Return the ground truth of invoices as JSON Lines."""
    rows = ({"document_id": one.document_id, "expected_data": one.truth()} for one in made)
    return json_lines(rows)


def json_lines(rows: Iterator[Mapping[str, Any]]) -> bytes:
    """Return rows as JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _invoice(number: int, chance: random.Random) -> Invoice:
    country = chance.choice(COUNTRIES)
    day = FIRST_DAY + timedelta(days=chance.randrange(700))
    reverse = chance.random() < 0.06
    has = {name: chance.random() < share for name, share in SHARE_WITH.items()}
    return Invoice(
        document_id=f"invoice-{number:05}",
        country=country,
        invoice_number=digits(country.invoice_number.format(y=day.year), chance),
        purchase_order=digits("PO-45######", chance) if has["purchase_order"] else None,
        invoice_date=day,
        due_date=day + timedelta(days=chance.choice((14, 30, 45))) if has["due_date"] else None,
        vendor_name=country.vendor(chance),
        vendor_address=country.address(chance),
        vendor_tax_id=digits(country.tax_id, chance) if has["vendor_tax_id"] else None,
        tax_rate=Decimal(chance.choice(country.tax_rates)),
        reverse_charge=reverse,
        bank=_bank(country, chance) if has["bank"] and country.bank else None,
        lines=tuple(_line(country, chance) for _ in range(chance.choice((1, 2, 2, 3, 3, 4, 5, 7)))),
    )


def _bank(country: Country, chance: random.Random) -> dict[str, str]:
    bic = "".join(chance.choice("ABDEGKMNPRTUVW") for _ in range(4))
    return {"iban": digits(country.bank, chance), "bic": f"{bic}{country.bank[:2]}2X"}


def _line(country: Country, chance: random.Random) -> Line:
    half_hours = chance.random() < 0.2
    quantity = Decimal(chance.randint(1, 40))
    return Line(
        description=chance.choice(country.items),
        quantity=quantity + Decimal("0.5") if half_hours else quantity,
        unit_price=Decimal(int(10 ** chance.uniform(2.2, 5.4))) * CENT,
    )
