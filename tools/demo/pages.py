"""Invoices as printed pages: words in reading order, the field that each belongs to, and its box.

Layout, wording and what else stands on the page differ from invoice to invoice: labels stand on the
left of a value or above it, the vendor at the top or the foot, and a customer of the same country,
other dates, other numbers and other amounts stand beside those that are asked for.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tools.demo.invoices import Invoice, json_lines
from tools.demo.locales import digits
from tools.demo.wording import WORDING, Wording

OUTSIDE = "O"
FIELDS = (
    "invoice_number", "purchase_order", "invoice_date", "due_date", "vendor_name",
    "vendor_address", "vendor_tax_id", "subtotal", "tax_rate", "tax_amount", "total_amount",
    "iban", "bic",
)  # fmt: skip
LEFT, MIDDLE, RIGHT, EDGE = 60.0, 380.0, 600.0, 940.0
_LETTER, _HEIGHT = 7.5, 14.0

Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Page:
    """One printed invoice: as many labels and boxes (x0, y0, x1, y1) as words."""

    row_id: str
    locale: str
    words: tuple[str, ...]
    labels: tuple[str, ...]
    boxes: tuple[Box, ...]


def pages(made: Iterable[Invoice], seed: int) -> Iterator[Page]:
    """Yield invoices as they are printed; the same seed gives the same pages."""
    for invoice in made:
        chance = random.Random(f"page {seed}/{invoice.document_id}")  # noqa: S311 — a demo's data, no secret
        yield _Printer(invoice, chance).run()


def page_rows(printed: Iterable[Page]) -> bytes:
    """Return pages as the JSON Lines of a dataset for extraction."""
    return json_lines(
        {"row_id": page.row_id, "words": page.words, "labels": page.labels, "boxes": page.boxes}
        for page in printed
    )


Parts = Sequence[tuple[str, str]]  # text and the field that it belongs to


class _Printer:
    """One page, line by line from the top."""

    def __init__(self, invoice: Invoice, chance: random.Random) -> None:
        self._invoice = invoice
        self._country = invoice.country
        self._chance = chance
        self._say: Wording = WORDING[invoice.country.locale.partition("_")[0]]
        self._y = 40.0
        self._words: list[tuple[str, str, Box]] = []
        self._colon = chance.choice(("", ":", ":"))
        self._signed = chance.random() < 0.6  # whether amounts have their currency
        self._in_words = chance.random() < 0.35 and "listopada" not in self._month()

    def run(self) -> Page:
        """Print everything."""
        on_top = self._chance.random() < 0.7
        if on_top:
            self._vendor(self._chance.choice((LEFT, LEFT, RIGHT)))
        self._line((LEFT, [(self._pick("title"), OUTSIDE)]), gap=2)
        self._meta()
        self._customer()
        self._items()
        self._totals()
        self._foot(with_vendor=not on_top)
        words, labels, boxes = zip(*self._words, strict=True)
        return Page(
            row_id=self._invoice.document_id,
            locale=self._country.locale,
            words=words,
            labels=labels,
            boxes=boxes,
        )

    # --- the parts of a page

    def _vendor(self, x: float) -> None:
        invoice = self._invoice
        self._line((x, [(invoice.vendor_name, "vendor_name")]))
        street, _, city = invoice.vendor_address.rpartition(", ")
        if self._chance.random() < 0.5:
            self._line((x, [(f"{street},", "vendor_address")]))
            self._line((x, [(city, "vendor_address")]))
        else:
            self._line((x, [(invoice.vendor_address, "vendor_address")]))
        if self._chance.random() < 0.5:
            self._line((x, [(self._pick("telephone"), OUTSIDE), (self._telephone(), OUTSIDE)]))
        if invoice.vendor_tax_id is not None:
            name = self._pick("tax_id") + self._colon
            self._line((x, [(name, OUTSIDE), (invoice.vendor_tax_id, "vendor_tax_id")]))

    def _customer(self) -> None:
        country, chance = self._country, self._chance
        x = chance.choice((LEFT, MIDDLE))
        self._line((x, [(self._pick("customer") + self._colon, OUTSIDE)]))
        self._line((x, [(country.vendor(chance), OUTSIDE)]))
        self._line((x, [(country.address(chance), OUTSIDE)]), gap=1)

    def _meta(self) -> None:
        """Print numbers and dates: each after its name, or in columns below their names."""
        invoice, chance = self._invoice, self._chance
        found: list[tuple[str, str, str]] = [
            (self._pick("invoice_number"), invoice.invoice_number, "invoice_number"),
            (self._pick("invoice_date"), self._day(invoice.invoice_date), "invoice_date"),
        ]
        if invoice.purchase_order is not None:
            found.append((self._pick("purchase_order"), invoice.purchase_order, "purchase_order"))
        if invoice.due_date is not None:
            found.append((self._pick("due_date"), self._day(invoice.due_date), "due_date"))
        if chance.random() < 0.5:
            found.append((self._pick("customer_number"), digits("######", chance), OUTSIDE))
        if chance.random() < 0.5:
            day = invoice.invoice_date - timedelta(days=chance.randint(1, 20))
            found.append((self._pick("delivery_date"), self._day(day), OUTSIDE))
        chance.shuffle(found)
        if chance.random() < 0.3:
            for at in range(0, len(found), 3):
                row = list(zip((LEFT, MIDDLE, RIGHT + 80), found[at : at + 3], strict=False))
                self._line(*((x, [(name, OUTSIDE)]) for x, (name, _, _) in row))
                self._line(*((x, [(text, field)]) for x, (_, text, field) in row), gap=1)
            return
        x = chance.choice((LEFT, RIGHT))
        for name, text, field in found:
            self._line((x, [(name + self._colon, OUTSIDE), (text, field)]))
        self._y += _HEIGHT

    def _items(self) -> None:
        columns = (LEFT, MIDDLE + 60, RIGHT, RIGHT + 160)
        heads = ("description", "quantity", "unit_price", "amount")
        self._line(
            *((x, [(self._pick(name), OUTSIDE)]) for x, name in zip(columns, heads, strict=True))
        )
        for line in self._invoice.lines:
            texts = (
                line.description,
                self._country.number(line.quantity),
                self._money(line.unit_price),
                self._money(line.amount),
            )
            self._line(*((x, [(text, OUTSIDE)]) for x, text in zip(columns, texts, strict=True)))
        self._y += _HEIGHT

    def _totals(self) -> None:
        invoice, chance = self._invoice, self._chance
        x, far = chance.choice(((RIGHT, RIGHT + 160), (MIDDLE, RIGHT + 160), (LEFT, LEFT + 260)))
        rate = self._country.number(invoice.tax_rate)
        sign = chance.choice(("%", " %"))
        tax: Parts = [(self._pick("tax"), OUTSIDE), (f"{rate}{sign}", "tax_rate")]
        self._amount(
            x, far, [(self._pick("subtotal") + self._colon, OUTSIDE)], invoice.subtotal, "subtotal"
        )
        self._amount(x, far, tax, invoice.tax_amount, "tax_amount")
        total = invoice.subtotal + invoice.tax_amount
        self._amount(x, far, [(self._pick("total") + self._colon, OUTSIDE)], total, "total_amount")
        self._y += _HEIGHT

    def _amount(self, x: float, far: float, name: Parts, value: Decimal, field: str) -> None:
        self._line((x, name), (far, [(self._money(value), field)]))

    def _foot(self, *, with_vendor: bool) -> None:
        invoice = self._invoice
        if invoice.reverse_charge:
            self._line((LEFT, [(self._pick("reverse_charge"), OUTSIDE)]))
        self._line((LEFT, [(self._pick("thanks"), OUTSIDE)]), gap=1)
        if with_vendor:
            self._vendor(LEFT)
        if invoice.bank is not None:
            iban, bic = invoice.bank["iban"], invoice.bank["bic"]
            iban = iban if self._chance.random() < 0.7 else iban.replace(" ", "")
            pair: Parts = [
                ("IBAN" + self._colon, OUTSIDE), (iban, "iban"),
                (self._chance.choice(("BIC", "SWIFT")) + self._colon, OUTSIDE), (bic, "bic"),
            ]  # fmt: skip
            if self._chance.random() < 0.5:
                self._line((LEFT, pair))
            else:
                self._line((LEFT, pair[:2]))
                self._line((LEFT, pair[2:]))

    # --- words

    def _line(self, *cells: tuple[float, Parts], gap: int = 0) -> None:
        """Print cells from left to right on one line, and `gap` empty lines below."""
        for start, parts in cells:
            x = start
            for text, field in parts:
                for word in text.split():  # at no-break spaces too, as readers of pages do
                    end = x + _LETTER * len(word)
                    y = self._y + self._chance.uniform(-1.5, 1.5)
                    self._words.append((word, field, (x, y, end, y + _HEIGHT)))
                    x = end + _LETTER
        self._y += (1 + gap) * 1.5 * _HEIGHT

    def _pick(self, what: str) -> str:
        return self._chance.choice(self._say[what])

    def _money(self, value: Decimal) -> str:
        return self._country.amount(value) if self._signed else self._country.number(value)

    def _day(self, day: Any) -> str:
        words = self._in_words
        return self._country.day_in_words(day) if words else self._country.day_in_numbers(day)

    def _month(self) -> str:
        return self._country.months[self._invoice.invoice_date.month - 1]

    def _telephone(self) -> str:
        return digits(
            self._chance.choice(("+## ### #####", "(###) ###-####", "0## ### ## ##")), self._chance
        )
