"""The demo's invoices as printed pages."""

import json

from tools.demo.invoices import invoices
from tools.demo.locales import COUNTRIES
from tools.demo.pages import FIELDS, OUTSIDE, page_rows, pages
from tools.demo.wording import WORDING


def test_pages_are_the_same_for_a_seed():
    """The same seed prints the same pages, and another one prints others."""
    made = list(invoices(12, 3))
    assert page_rows(pages(made, 5)) == page_rows(pages(made, 5))
    assert page_rows(pages(made, 5)) != page_rows(pages(made, 6))


def test_fields_on_pages_are_those_of_invoices():
    """Each field stands on its page once, in a row of words, with the value of the invoice."""
    made = list(invoices(60, 4))
    for invoice, page in zip(made, pages(made, 1), strict=True):
        assert len(page.words) == len(page.labels) == len(page.boxes)
        assert set(page.labels) <= {OUTSIDE, *FIELDS}
        truth = invoice.truth()
        for field in ("invoice_number", "purchase_order", "vendor_name", "vendor_tax_id"):
            said = " ".join(
                w for w, label in zip(page.words, page.labels, strict=True) if label == field
            )
            assert said == " ".join(truth.get(field, "").split())
        wanted = {name for name in FIELDS if name in truth or name in truth.get("bank", ())}
        assert set(page.labels) - {OUTSIDE} == wanted


def test_every_country_has_its_words():
    """For each country of the invoices there is the wording of its language, with the same keys."""
    keys = {frozenset(wording) for wording in WORDING.values()}
    assert len(keys) == 1
    assert {country.locale.partition("_")[0] for country in COUNTRIES} == set(WORDING)


def test_pages_are_rows_of_a_dataset():
    """Pages are written as JSON Lines with row_id, words, labels and boxes of four numbers."""
    rows = [json.loads(line) for line in page_rows(pages(invoices(5, 1), 1)).splitlines()]
    assert [set(row) for row in rows] == [{"row_id", "words", "labels", "boxes"}] * 5
    assert {len(box) for row in rows for box in row["boxes"]} == {4}
