"""Two simulated extractors: what they read, how sure they say they are, and every error they make."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tools.demo.invoices import Invoice, json_lines
from tools.demo.locales import COUNTRIES, digits
from tools.demo.mistakes import Rows, confused, cut_off, merged, misread, other_separators, split


class ErrorKind(StrEnum):
    """The ways in which an extractor errs."""

    OCR = "letters confused"
    SWAPPED_DATE = "day and month swapped"
    SEPARATOR = "separators misread"
    MISSED = "field missed"
    INVENTED = "field invented"
    TRUNCATED = "text cut off"
    WRONG_CHOICE = "wrong choice"
    MERGED_ROWS = "line items merged"
    SPLIT_ROW = "line item split"
    LOST_ROW = "line item lost"
    REORDERED_ROWS = "line items reordered"  # harms nothing: rows are aligned
    UNKNOWN_FIELD = "field that nobody asked for"  # counted, not compared
    UNREADABLE = "document not read at all"


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """What was read from one invoice; `data` None: nothing."""

    document_id: str
    data: Mapping[str, Any] | None
    confidence: Mapping[str, float]  # by place: line_items[2].amount
    errors: tuple[tuple[ErrorKind, str], ...]  # with the place, of the invoice, where it was made


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """One extractor: how often it errs, and what it says of that.

    Each value gets a chance of its own to be right; a value errs with exactly the chance that
    is left. An honest extractor tells that chance, another one makes its doubt smaller.
    """

    name: str
    doubt: float  # of a value to be wrong, on average
    boldness: float = 1.0  # what its doubts are multiplied by before they are told: 1 is honest
    rows: float = 0.05  # the share of invoices whose line items are damaged
    weights: Mapping[ErrorKind, float] = field(default_factory=dict)  # 1 where nothing is said
    fields: Mapping[str, float] = field(default_factory=dict)  # how much more it errs in a field

    def read(self, invoice: Invoice, seed: int) -> Extraction:
        """Return what it reads; the same seed gives the same."""
        chance = random.Random(f"{self.name} {seed}/{invoice.document_id}")  # noqa: S311 — a demo's data, no secret
        return _Reading(self, invoice, chance).run()


# What is in production reads badly and is sure of itself; the candidate is better and honest,
# but likes the American order of day and month.
PRODUCTION = Extractor(name="template-ocr 3.2", doubt=0.07, boldness=0.15, rows=0.16)
CANDIDATE = Extractor(
    name="layout-model 0.9",
    doubt=0.035,
    rows=0.06,
    weights={ErrorKind.SWAPPED_DATE: 6.0, ErrorKind.SEPARATOR: 0.5},
    fields={"invoice_date": 8.0},
)


def extractions(made: Iterable[Invoice], extractor: Extractor, seed: int) -> list[Extraction]:
    """Return what an extractor reads from invoices."""
    return [extractor.read(invoice, seed) for invoice in made]


def as_json_lines(found: Sequence[Extraction]) -> bytes:
    """Return extractions as JSON Lines, without the documents that could not be read."""
    return json_lines(
        {"document_id": one.document_id, "data": one.data, "confidence": one.confidence}
        for one in found
        if one.data is not None
    )


def errors_of(found: Iterable[Extraction]) -> Counter[ErrorKind]:
    """Return how many errors of each kind there are."""
    return Counter(kind for one in found for kind, _ in one.errors)


class _Reading:
    """One extractor reading one invoice."""

    def __init__(self, extractor: Extractor, invoice: Invoice, chance: random.Random) -> None:
        self._extractor = extractor
        self._invoice = invoice
        self._country = invoice.country
        self._chance = chance
        self._confidence: dict[str, float] = {}
        self._errors: list[tuple[ErrorKind, str]] = []

    def run(self) -> Extraction:
        """Read everything."""
        invoice = self._invoice
        data: dict[str, Any] | None = None
        if self._chance.random() < self._extractor.doubt / 8:
            self._errors.append((ErrorKind.UNREADABLE, ""))
        else:
            data = self._head() | {"line_items": self._lines()}
            if self._chance.random() < self._extractor.doubt / 2:
                data["page_count"] = 1
                self._errors.append((ErrorKind.UNKNOWN_FIELD, "page_count"))
        return Extraction(
            document_id=invoice.document_id,
            data=data,
            confidence=self._confidence,
            errors=tuple(self._errors),
        )

    def _head(self) -> dict[str, Any]:
        invoice, country = self._invoice, self._country
        values: dict[str, Any] = {
            "invoice_number": self._code("invoice_number", invoice.invoice_number),
            "purchase_order": self._code("purchase_order", invoice.purchase_order),
            "invoice_date": self._date("invoice_date", invoice.invoice_date),
            "due_date": self._date("due_date", invoice.due_date),
            "vendor_name": self._text("vendor_name", invoice.vendor_name),
            "vendor_address": self._text("vendor_address", invoice.vendor_address),
            "vendor_tax_id": self._code("vendor_tax_id", invoice.vendor_tax_id),
            "currency": self._choice("currency", country.currency),
            "subtotal": self._money("subtotal", invoice.subtotal),
            "tax_rate": self._number("tax_rate", invoice.tax_rate),
            "tax_amount": self._money("tax_amount", invoice.tax_amount),
            "total_amount": self._money("total_amount", invoice.subtotal + invoice.tax_amount),
            "reverse_charge": self._flag("reverse_charge", invoice.reverse_charge),
        }
        bank = invoice.bank or {}
        pair = {name: self._code(f"bank.{name}", bank.get(name)) for name in ("iban", "bic")}
        if any(value is not None for value in pair.values()):
            values["bank"] = {name: value for name, value in pair.items() if value is not None}
        return {name: value for name, value in values.items() if value is not None}

    # --- one value

    def _value(
        self, place: str, right: object, wrong: Mapping[ErrorKind, Callable[[], object]]
    ) -> Any:
        """Return a value that is right with the chance that it draws, else one of the wrong ones."""
        name = place.partition("[")[0]
        more = self._extractor.fields.get(name, 1.0)
        # A heavy tail: most values are easy to read, a few are hard.
        doubt = min(0.9, self._extractor.doubt * more * self._chance.expovariate(1.0) ** 2 / 2)
        weights = {kind: self._extractor.weights.get(kind, 1.0) for kind in wrong}
        value = right
        if self._chance.random() < doubt:
            (kind,) = self._chance.choices(list(wrong), list(weights.values()))
            value = wrong[kind]()
            self._errors.append((kind, place))
        if value is not None:
            # Of a value that is there: those that would have been missed are not.
            missed = doubt * weights.get(ErrorKind.MISSED, 0.0) / sum(weights.values())
            self._say(place, (doubt - missed) / (1 - missed))
        return value

    def _say(self, place: str, doubt: float) -> None:
        self._confidence[place] = round(1 - doubt * self._extractor.boldness, 4)

    def _absent(self, place: str, invent: Callable[[], object]) -> Any:
        """Return nothing for a field that is not there, or once in a while something."""
        if self._chance.random() >= self._extractor.doubt:
            return None
        self._errors.append((ErrorKind.INVENTED, place))
        self._say(place, self._chance.uniform(0.3, 1))
        return invent()

    def _text(self, place: str, text: str) -> Any:
        return self._value(
            place,
            text,
            {
                ErrorKind.OCR: lambda: confused(text, self._chance),
                ErrorKind.TRUNCATED: lambda: cut_off(text),
                ErrorKind.MISSED: lambda: None,
            },
        )

    def _code(self, place: str, code: str | None) -> Any:
        if code is None:
            return self._absent(place, lambda: digits("########", self._chance))
        wrong = {
            ErrorKind.OCR: lambda: confused(code, self._chance),
            ErrorKind.MISSED: lambda: None,
        }
        return self._value(place, code, wrong)

    def _date(self, place: str, day: date | None) -> Any:
        if day is None:
            late = self._invoice.invoice_date
            return self._absent(place, lambda: self._printed(late))
        wrong: dict[ErrorKind, Callable[[], object]] = {ErrorKind.MISSED: lambda: None}
        if day.day <= 12 and day.day != day.month:
            wrong[ErrorKind.SWAPPED_DATE] = lambda: f"{day.year}-{day.day:02}-{day.month:02}"
        else:
            wrong[ErrorKind.OCR] = lambda: confused(day.isoformat(), self._chance)
        return self._value(place, self._printed(day), wrong)

    def _printed(self, day: date) -> str:
        """Return a date as it stands on paper; in slashes, the extractor reads it as ISO."""
        words = self._country.day_in_words(day)
        # In Croatian, listopada is another month: no invoice says in which language it is.
        if self._chance.random() < 0.4 and "listopada" not in words:
            return words
        text = self._country.day_in_numbers(day)
        return day.isoformat() if "/" in text else text

    def _money(self, place: str, amount: Decimal) -> Any:
        printed = self._country.amount(amount)
        wrong: dict[ErrorKind, Callable[[], object]] = {
            ErrorKind.OCR: lambda: misread(printed, self._chance),
            ErrorKind.MISSED: lambda: None,
        }
        if amount:
            wrong[ErrorKind.SEPARATOR] = lambda: other_separators(amount)
        return self._value(place, printed, wrong)

    def _number(self, place: str, number: Decimal) -> Any:
        printed = self._country.number(number)
        wrong = {
            ErrorKind.OCR: lambda: misread(printed, self._chance),
            ErrorKind.MISSED: lambda: None,
        }
        return self._value(place, printed, wrong)

    def _choice(self, place: str, currency: str) -> Any:
        others = sorted({one.currency for one in COUNTRIES} - {currency})
        wrong = {
            ErrorKind.WRONG_CHOICE: lambda: self._chance.choice(others),
            ErrorKind.MISSED: lambda: None,
        }
        return self._value(place, currency, wrong)

    def _flag(self, place: str, flag: bool) -> Any:
        said = "yes" if flag else "no"
        return self._value(place, said, {ErrorKind.WRONG_CHOICE: lambda: "no" if flag else "yes"})

    # --- line items

    def _lines(self) -> list[dict[str, Any]]:
        """Read the line items, and now and then damage the table."""
        rows: Rows = []
        for number, line in enumerate(self._invoice.lines):
            place = f"line_items[{number}]"
            row = {
                "description": self._text(f"{place}.description", line.description),
                "quantity": self._number(f"{place}.quantity", line.quantity),
                "unit_price": self._money(f"{place}.unit_price", line.unit_price),
                "amount": self._money(f"{place}.amount", line.amount),
            }
            rows.append((number, {name: value for name, value in row.items() if value is not None}))
        if self._chance.random() < self._extractor.rows:
            rows = self._damaged(rows)
        self._moved([before for before, _ in rows])
        return [row for _, row in rows]

    def _damaged(self, rows: Rows) -> Rows:
        kinds = [ErrorKind.SPLIT_ROW]
        if len(rows) > 1:
            kinds += [ErrorKind.MERGED_ROWS, ErrorKind.LOST_ROW, ErrorKind.REORDERED_ROWS]
        kind = self._chance.choice(kinds)
        at = self._chance.randrange(max(1, len(rows) - 1))
        self._errors.append((kind, f"line_items[{at}]"))
        if kind is ErrorKind.REORDERED_ROWS:
            return rows[::-1]
        if kind is ErrorKind.LOST_ROW:
            return rows[:at] + rows[at + 1 :]
        return merged(rows, at) if kind is ErrorKind.MERGED_ROWS else split(rows, at)

    def _moved(self, order: Sequence[int | None]) -> None:
        """Give the confidences of line items the places of their rows in what was read."""
        said = {k: v for k, v in self._confidence.items() if not k.startswith("line_items[")}
        for now, before in enumerate(order):
            old = f"line_items[{before}]."
            said |= {
                f"line_items[{now}].{place.removeprefix(old)}": value
                for place, value in self._confidence.items()
                if place.startswith(old)
            }
        self._confidence = said


OUTCOMES = {ErrorKind.MISSED: "missed", ErrorKind.INVENTED: "invented"}  # others: wrong_value


def planted(made: Iterable[Invoice], found: Iterable[Extraction]) -> dict[str, Counter[str]]:
    """Return the outcomes that a comparison must find in each field outside of tables.

    A document that was not read has all its values missed.
    """
    counts: dict[str, Counter[str]] = {}
    for invoice, one in zip(made, found, strict=True):
        if one.data is None:
            truth = invoice.truth()
            places = [name for name in truth if name not in {"bank", "line_items"}]
            places += [f"bank.{name}" for name in truth.get("bank", ())]
            errors = [(ErrorKind.MISSED, place) for place in places]
        else:
            errors = [(kind, place) for kind, place in one.errors if _is_found(kind, place)]
        for kind, place in errors:
            counts.setdefault(place, Counter())[OUTCOMES.get(kind, "wrong_value")] += 1
    return counts


def _is_found(kind: ErrorKind, place: str) -> bool:
    # An address is compared by its similarity, which one letter does not spoil.
    tolerated = kind is ErrorKind.OCR and place == "vendor_address"
    return "[" not in place and kind is not ErrorKind.UNKNOWN_FIELD and not tolerated
