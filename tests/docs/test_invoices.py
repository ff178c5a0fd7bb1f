"""The invoices of the demo, and the extractors that read them."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from assay.extraction.comparison import compare
from assay.extraction.outcome import Outcome
from assay.extraction.schema import FieldSchema
from tools.demo.extractors import (
    CANDIDATE,
    PRODUCTION,
    ErrorKind,
    as_json_lines,
    errors_of,
    extractions,
)
from tools.demo.invoices import SCHEMA, ground_truth, invoices
from tools.demo.locales import COUNTRIES

COUNT, SEED = 400, 7


@pytest.fixture(scope="module")
def made():
    return list(invoices(COUNT, SEED))


@pytest.mark.parametrize("extractor", [PRODUCTION, CANDIDATE], ids=lambda one: one.name)
def test_equal_seeds_give_equal_bytes(made, extractor):
    """The same seed gives the same files to the byte, and another seed gives others."""
    again = list(invoices(COUNT, SEED))
    assert ground_truth(again) == ground_truth(made)
    assert ground_truth(list(invoices(COUNT, SEED + 1))) != ground_truth(made)
    read = as_json_lines(extractions(made, extractor, SEED))
    assert as_json_lines(extractions(again, extractor, SEED)) == read
    assert as_json_lines(extractions(made, extractor, SEED + 1)) != read


def test_an_invoice_does_not_depend_on_how_many_there_are(made):
    """The first invoices are the same, however many are made."""
    assert list(invoices(10, SEED)) == made[:10]


@pytest.mark.parametrize("extractor", [PRODUCTION, CANDIDATE], ids=lambda one: one.name)
def test_every_kind_of_error_occurs(made, extractor):
    """Each extractor makes every kind of error at least once in the demo's invoices."""
    kinds = errors_of(extractions(made, extractor, SEED)).keys()
    assert kinds >= set(ErrorKind) - {ErrorKind.UNREADABLE}
    both = errors_of(extractions(made, PRODUCTION, SEED) + extractions(made, CANDIDATE, SEED))
    assert set(both) == set(ErrorKind)


def test_the_truth_adds_up(made):
    """Lines add up to the subtotal, and subtotal and tax to the total, to the cent."""
    for truth in (one.truth() for one in made):
        lines = sum(Decimal(line["amount"]) for line in truth["line_items"])
        assert lines == Decimal(truth["subtotal"])
        total = Decimal(truth["subtotal"]) + Decimal(truth["tax_amount"])
        assert total == Decimal(truth["total_amount"])


def test_invoices_come_from_everywhere(made):
    """Every country is there, names bear diacritics, and fields that may be absent sometimes are."""
    assert {one.country for one in made} == set(COUNTRIES)
    text = ground_truth(made).decode()
    assert all(sign in text for sign in "üßéèłżąåöãçÉŁÅ")
    optional = {"purchase_order", "due_date", "vendor_tax_id", "bank"}
    absent = {name for one in made for name in optional if name not in one.truth()}
    assert absent == optional
    known = {field["name"] for field in SCHEMA["fields"]}
    assert all(one.truth().keys() <= known for one in made)
    assert FieldSchema.from_mapping(SCHEMA).leaf_paths()[-1] == "line_items[].amount"


def test_numbers_and_dates_are_written_as_in_the_country(made):
    """What is read looks as it does on paper: 1.234,50 € in Germany, R$ in Brazil, kr in Sweden."""
    seen = {one.document_id: one.country.locale for one in made}
    total: dict[str, list[str]] = {}
    for line in as_json_lines(extractions(made, CANDIDATE, SEED)).splitlines():
        row = json.loads(line)
        total.setdefault(seen[row["document_id"]], []).append(row["data"].get("total_amount", ""))
    signs = {
        "de_DE": "€", "en_US": "$", "en_GB": "£", "fr_FR": "\u00a0€", "sv_SE": " kr",
        "pl_PL": " zł", "pt_BR": "R$ ", "de_CH": "CHF ",
    }  # fmt: skip
    for locale, sign in signs.items():
        assert any(sign in text for text in total[locale])
    assert any("." in text and "," in text.partition(".")[2] for text in total["de_DE"])
    assert any("," in text and "." in text.partition(",")[2] for text in total["en_US"])


def test_confidences_stand_at_the_places_of_what_was_read(made):
    """Each confidence is of a value that the extraction has, and is a probability."""
    for one in extractions(made, PRODUCTION, SEED):
        for place, value in one.confidence.items():
            found = one.data
            for part in place.replace("[", ".").replace("]", "").split("."):
                found = found[int(part)] if part.isdigit() else found[part]
            assert found is not None
            assert 0 <= value <= 1


WRONG = {ErrorKind.MISSED: Outcome.MISSED, ErrorKind.INVENTED: Outcome.INVENTED}


@pytest.mark.parametrize("extractor", [PRODUCTION, CANDIDATE], ids=lambda one: one.name)
def test_the_comparator_finds_the_errors_that_were_made_and_no_others(made, extractor):
    """Outside of tables, what is not right is what the extractor did, and bears its outcome."""
    schema = FieldSchema.from_mapping(SCHEMA)
    found, planted = {}, {}
    for invoice, one in zip(made, extractions(made, extractor, SEED), strict=True):
        if one.data is None:
            continue
        key = invoice.document_id
        for each in compare(schema, invoice.truth(), one.data).comparisons:
            if "[" not in each.path and not each.normalised.right:
                found[key, each.place] = each.normalised
        for kind, place in one.errors:
            tolerated = kind is ErrorKind.OCR and place == "vendor_address"  # which is fuzzy
            if "[" not in place and kind is not ErrorKind.UNKNOWN_FIELD and not tolerated:
                planted[key, place] = WRONG.get(kind, Outcome.WRONG)
    assert found == planted
    assert len(found) > 100


@pytest.mark.parametrize(
    ("extractor", "least", "most"), [(CANDIDATE, 0, 0.01), (PRODUCTION, 0.03, 1)]
)
def test_one_extractor_is_honest_and_the_other_is_not(made, extractor, least, most):
    """On average the candidate is as sure as it is right, and production is surer than that."""
    schema = FieldSchema.from_mapping(SCHEMA)
    sure, right = [], []
    for invoice, one in zip(made, extractions(made, extractor, SEED), strict=True):
        done = compare(schema, invoice.truth(), one.data, one.confidence)
        for each in done.comparisons:
            if each.confidence is not None:
                sure.append(each.confidence)
                right.append(each.normalised.right)
    gap = sum(sure) / len(sure) - sum(right) / len(right)
    assert least <= abs(gap) < most
