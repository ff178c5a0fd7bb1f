import sys
from datetime import date
from decimal import Decimal

import pytest
from anls import anls_score
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.extraction.comparison import NORMALISER, compare
from assay.extraction.normalizer import compile_normalizer
from assay.extraction.outcome import Outcome
from assay.extraction.schema import Field, FieldSchema, FieldType
from assay.extraction.similarity import anls
from assay.extraction.text import is_blank, normal_choice, normal_code, normal_text

D = Decimal


def read(kind: str, value, **options):
    return compile_normalizer(Field(name="f", type=FieldType(kind), **options), ())(value)


def test_normaliser_is_named():
    """The rules of this file are those of assay-normaliser/1."""
    assert NORMALISER == "assay-normaliser/1"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  ACME \t\n Ltd ", "acme ltd"),
        ("Straße", "strasse"),
        ("ﬁne", "fine"),
        ("ＡＢＣ１２３", "abc123"),
        ("e\u0301", "é"),
        ("Å", "å"),
        ("İ", "i\u0307"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("a\u00a0b\u3000c\u2009d", "a b c d"),
        ("x²", "x2"),
        ("tab\x0bfeed\x1c!", "tab feed !"),
        ("\ud800 A", "\ud800 a"),
        ("", ""),
    ],
)
def test_texts_lose_form_case_and_spaces(text, normal):
    """NFKC, case folding and single spaces: nothing else is changed in a text."""
    assert normal_text(text) == normal


def check_idempotent(codes):
    for code in codes:
        for text in (chr(code), f"a{chr(code)}\u0301"):
            once = normal_text(text)
            assert normal_text(once) == once
        assert bool(normal_text(chr(code))) is not is_blank(chr(code))


def test_normal_text_is_idempotent_for_common_characters():
    """Normalising twice is normalising once, for the characters that NFKC and case change most."""
    check_idempotent([*range(0x2800), *range(0xF900, 0x10000)])


@pytest.mark.slow
def test_normal_text_is_idempotent_for_every_character():
    """Normalising twice is normalising once, for each code point of Unicode, and in a word."""
    check_idempotent(range(sys.maxunicode + 1))


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_normalising_twice_changes_nothing(text):
    """Texts, codes and choices that are normal stay as they are."""
    for normalise in (normal_text, normal_code, normal_choice):
        assert normalise(normalise(text)) == normalise(text)


NUMBERS = [
    # locale, text, value; None as locale is none declared
    ("de_DE", "1.234,56", "1234.56"),
    ("de_DE", "1.234", "1234"),
    ("de_DE", "1 234,5", "1234.5"),
    ("de_DE", "-0,5", "-0.5"),
    ("de_DE", "1234.50", "1234.5"),  # not German, so a machine's
    ("de_DE", "1.234.567", "1234567"),
    ("de_AT", "1.234,56", "1234.56"),
    ("de_CH", "1'234.50", "1234.5"),
    ("de_CH", "1’234.50", "1234.5"),
    ("fr_FR", "1\u202f234,56", "1234.56"),
    ("fr_FR", "1 234 567,8", "1234567.8"),
    ("en_US", "1,234.56", "1234.56"),
    ("en_US", "1,234", "1234"),
    ("en_GB", "12,345,678", "12345678"),
    ("es_ES", "1.234,56", "1234.56"),
    ("es_MX", "1,234.56", "1234.56"),
    ("it_IT", "1.234.567,89", "1234567.89"),
    ("ja_JP", "１，２３４", "1234"),
    ("pl_PL", "1\u00a0234,56", "1234.56"),
    ("sv_SE", "−1 234,56", "-1234.56"),
    ("pt_BR", "1.234,56", "1234.56"),
    ("en_IN", "12,34,567.89", "1234567.89"),
    ("hi_IN", "१२,३४,५६७.८९", "1234567.89"),
    ("ar_EG", "١٬٢٣٤٫٥٦", "1234.56"),
    ("fa_IR", "۱۲۳۴٫۵", "1234.5"),
    ("de-DE", "1.234,56", "1234.56"),
    (None, "1.234,56", "1234.56"),
    (None, "1,234.56", "1234.56"),
    (None, "1.234.567", "1234567"),
    (None, "1,234,567", "1234567"),
    (None, "12,34,567.89", "1234567.89"),
    (None, "1 234,567", "1234.567"),
    (None, "1'234.567", "1234.567"),
    (None, "1,5", "1.5"),
    (None, "1,50", "1.5"),
    (None, "0,125", "0.125"),
    (None, "1234,567", "1234.567"),
    (None, "١٬٢٣٤٫٥٦", "1234.56"),
    (None, "007", "7"),
    (None, ".5", "0.5"),
    (None, ",5", "0.5"),
    (None, "+3", "3"),
    (None, "3-", "-3"),
    (None, "(3.5)", "-3.5"),
    (None, "–7", "-7"),
    (None, "1e3", "1000"),
    (None, "1.5E-7", "0.00000015"),
    (None, "19 %", "19"),
    (None, "-0", "0"),
    (None, "0.1", "0.1"),
    (None, "123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
]


@pytest.mark.parametrize(("locale", "text", "value"), NUMBERS)
def test_number_is_read_as_its_locale_writes_it(locale, text, value):
    """Numbers are exact decimals, read by the locale's separators or by the stated rules."""
    found = read("number", text, locale=locale)
    assert found.key == D(value)
    assert not found.ambiguous


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", "1,234", "1234"),
        ("number", "1.234", "1.234"),
        ("number", "-12,345", "-12345"),
        ("money", "1,234", "1234"),
        ("money", "1.234", "1.234"),
        ("money", "1.234 €", "1234"),
        ("money", "$1,234", "1234"),
    ],
)
def test_number_of_two_readings_is_told(kind, text, value):
    """Without a locale, three digits after one separator are read by rule, and flagged."""
    found = read(kind, text)
    assert (found.key, found.ambiguous) == (D(value), True)
    assert not read(kind, text, locale="en_US").ambiguous


@pytest.mark.parametrize(
    "text",
    ["12 units", "twelve", "1.2.3", "1,23,4", "12,34.5,6", "--5", "-5-", "(5", "(-5)", "½", "1_0",
     "1,,2", "5 €", "1 2", "0x10", "infinity", "nan", "1e9999", "9" * 101, "፩፪", "1/2"],
)  # fmt: skip
def test_what_is_no_number_is_compared_as_text(text):
    """A text that is no number, or none for sure, keeps its normal text."""
    assert read("number", text).key == normal_text(text)


@pytest.mark.parametrize(
    ("value", "number"),
    [(12, "12"), (12.0, "12"), (D("12.00"), "12"), (0.1, "0.1"), (D("0.1"), "0.1"), (-0.0, "0"),
     (1e22, "1e22"), (10**30, "1e30"), (5e-324, "5e-324"), (D("1e999999"), "1e999999")],
)  # fmt: skip
def test_json_number_is_the_decimal_of_its_text(value, number):
    """JSON numbers mean what their shortest text says, as float, Decimal or int, in any locale."""
    for kind in ("number", "money"):
        assert read(kind, value, locale="de_DE").key == D(number)


MONEY = [
    (None, "1.234,56 €", "1234.56", "EUR"),
    (None, "€1,234.56", "1234.56", "EUR"),
    (None, "EUR 1.234,56", "1234.56", "EUR"),
    (None, "1234.56 eur", "1234.56", "EUR"),
    (None, "USD1,234.56", "1234.56", "USD"),
    (None, "US$ 5", "5", "USD"),
    (None, "-€5.00", "-5", "EUR"),
    (None, "€-5.00", "-5", "EUR"),
    (None, "5,00- €", "-5", "EUR"),
    (None, "(5.00) EUR", "-5", "EUR"),
    (None, "(€5.00)", "-5", "EUR"),
    (None, "CHF 1'234.50", "1234.5", "CHF"),
    (None, "Fr. 12.–", "12", "CHF"),
    (None, "12,-- €", "12", "EUR"),
    (None, "R$ 1.234,56", "1234.56", "BRL"),
    (None, "1 234,56 zł", "1234.56", "PLN"),
    (None, "1 234,50 Kč", "1234.5", "CZK"),
    (None, "￥1,234,567", "1234567", "CNY JPY"),
    (None, "12万円", None, None),
    (None, "1,234,500円", "1234500", "JPY"),
    (None, "₹12,34,567.89", "1234567.89", "INR"),
    (None, "Rs. 500", "500", "INR LKR MUR NPR PKR"),
    (None, "1 234,50 kr", "1234.5", "DKK ISK NOK SEK"),
    (None, "$5 CAD", "5", "CAD"),
    (None, "$ 5 EUR", None, None),
    (None, "5 XYZ", None, None),
    (None, "approx. 5 €", None, None),
    (None, "5", "5", None),
    ("de_DE", "1.234 €", "1234", "EUR"),
    ("en_US", "$1,234", "1234", "USD"),
    ("fr_FR", "1 234,56 €", "1234.56", "EUR"),
    ("de_CH", "Fr. 1’234.50", "1234.5", "CHF"),
    ("sv_SE", "1 234,50 kr", "1234.5", "SEK"),
    ("pl_PL", "1234,5 PLN", "1234.5", "PLN"),
]


@pytest.mark.parametrize(("locale", "text", "amount", "currencies"), MONEY)
def test_money_is_an_amount_and_its_currencies(locale, text, amount, currencies):
    """Money is an exact amount with every currency that its sign may mean; else a text."""
    found = read("money", text, locale=locale)
    if amount is None:
        assert found.key == normal_text(text)
    else:
        assert found.key == D(amount)
        named = set(currencies.split()) if currencies else None
        assert found.currencies is None if named is None else found.currencies >= named


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1.234,56 €", D("1234.56"), True),
        ("1.234,56 €", "EUR 1234.56", True),
        ("5 €", "5 USD", False),
        ("$5", "5 USD", True),
        ("$5", "5 CAD", True),
        ("$5", "5 EUR", False),
        ("5 kr", "SEK 5", True),
        ("5", "5.01", False),
        ({"amount": "5.00", "currency": "EUR"}, "5 €", True),
        ({"value": 5, "currency_code": "usd"}, "5 €", False),
        ({"amount": 5}, "5 €", True),
        ({"amount": 5, "currency": None}, "5 €", True),
        ({"amount": 5, "note": "x"}, "5 €", False),
        (0.1, "0.1", True),
        (0.1 + 0.2, "0.3", False),
    ],
)
def test_currencies_count_where_both_sides_have_one(one, other, same):
    """Amounts must be equal; currencies too where both name one, and a sign fits all it is for."""
    assert (outcome("money", one, other) is Outcome.CORRECT) is same


def outcome(kind, expected, extracted, track="normalised", **options):
    schema = FieldSchema(fields=(Field(name="f", type=FieldType(kind), **options),))
    (told,) = compare(schema, {"f": expected}, {"f": extracted}).comparisons
    return getattr(told, track)


DATES = [
    (None, "2024-04-03"), (None, "2024-4-3"), (None, "2024/04/03"), (None, "20240403"),
    (None, "2024-04-03T10:11:12Z"), (None, "2024-04-03 10:11:12.123+02:00"), (None, "03.04.2024"),
    (None, "3.4.24"), (None, "3. 4. 2024"), (None, "2024年4月3日"), (None, "2024년 4월 3일"),
    (None, "２０２４－０４－０３"), (None, "3 April 2024"), (None, "April 3rd, 2024"),
    (None, "Wednesday, April 3, 2024"), (None, "03-Apr-2024"), (None, "3. April 2024"),
    (None, "Mittwoch, den 3. April 2024"), (None, "3 avril 2024"), (None, "mercredi 3 avr. 2024"),
    (None, "3 de abril de 2024"), (None, "3 aprile 2024"), (None, "3 kwietnia 2024"),
    (None, "3 kwi 2024"), (None, "den 3 april 2024"), (None, "3 de abr. de 2024"),
    (None, "2024. április 3."), (None, "3 апреля 2024 г."), (None, "3 Nisan 2024"),
    (None, "٣ أبريل ٢٠٢٤"), (None, "3 अप्रैल 2024"), (None, "3 d’abril de 2024"),
    ("de_DE", "03.04.24"), ("en_GB", "03/04/2024"), ("en_US", "04/03/2024"), ("fr_FR", "03/04/24"),
    ("en_US", "4/3/24"), ("ja_JP", "24/04/03"), ("sv_SE", "2024-04-03"), ("pt_BR", "03/04/2024"),
    ("ja_JP", "2024/4/3"), ("pl_PL", "03.04.2024"), ("it_IT", "3/4/24"), ("es_ES", "3-4-2024"),
]  # fmt: skip


@pytest.mark.parametrize(("locale", "text"), DATES)
def test_date_is_a_day_however_it_is_written(locale, text):
    """Dates with figures, or with month names of many languages, are the day that they mean."""
    found = read("date", text, locale=locale)
    assert found.key == date(2024, 4, 3)
    assert not found.ambiguous


@pytest.mark.parametrize(
    ("text", "options", "day"),
    [
        ("03/04/2024", {"day_first": True}, date(2024, 4, 3)),
        ("03/04/2024", {"day_first": False}, date(2024, 3, 4)),
        ("03/04/2024", {"locale": "en_US", "day_first": True}, date(2024, 4, 3)),
        ("13/04/2024", {}, date(2024, 4, 13)),
        ("04/13/2024", {"day_first": True}, date(2024, 4, 13)),
        ("04/04/2024", {}, date(2024, 4, 4)),
        ("03.04.68", {}, date(2068, 4, 3)),
        ("03.04.69", {}, date(1969, 4, 3)),
        ("3 listopada 2024", {"locale": "pl_PL"}, date(2024, 11, 3)),
        ("3 listopada 2024", {"locale": "hr_HR"}, date(2024, 10, 3)),
        ("mar. 5 mar 2024", {"locale": "fr"}, date(2024, 3, 5)),
        ("040324", {"date_formats": ("ddMMyy",)}, date(2024, 3, 4)),
        ("04|2024|3", {"date_formats": ("d.M.y", "MM|yyyy|d")}, date(2024, 4, 3)),
        ("3 of April, 2024", {"date_formats": ("d 'of' MMMM, y",)}, date(2024, 4, 3)),
        ("3. Apr. 2024", {"date_formats": ("d. MMM y",), "locale": "de"}, date(2024, 4, 3)),
        ("2024-04-03", {"date_formats": ("MM/dd/yyyy",)}, date(2024, 4, 3)),
        (20240403, {}, date(2024, 4, 3)),
    ],
)
def test_date_is_read_as_declared(text, options, day):
    """Formats, day_first and the locale say how a date is read; impossible readings do not count."""
    assert read("date", text, **options).key == day


def test_date_of_two_readings_is_not_guessed():
    """03/04/2024 without an order is no day: it is equal to 3/4/2024 alone, and flagged."""
    found = read("date", "03/04/2024")
    assert found.ambiguous
    assert not isinstance(found.key, date)
    assert found.key == read("date", "3-4-24").key
    assert found.key != read("date", "04/03/2024").key
    schema = FieldSchema(fields=(Field(name="f", type=FieldType.DATE),))
    (told,) = compare(schema, {"f": "2024-04-03"}, {"f": "03/04/2024"}).comparisons
    assert (told.normalised, told.ambiguous) == (Outcome.WRONG, True)
    (told,) = compare(schema, {"f": "03/04/2024"}, {"f": "03/04/2024"}).comparisons
    assert (told.normalised, told.ambiguous) == (Outcome.CORRECT, False)


@pytest.mark.parametrize(
    "text",
    ["30.02.2024", "2024-13-01", "soon", "April 2024", "3 April", "3 4 5 April 2024", "31/31/2024",
     "00.00.0000", "3 listopada 2024", "3 April May 2024", "2024-04-03-05", "12345", "x" * 101],
)  # fmt: skip
def test_what_is_no_day_is_compared_as_text(text):
    """A text that is no day of the calendar, or no full date, keeps its normal text."""
    assert read("date", text).key == normal_text(text)


def test_declared_formats_are_the_only_ones():
    """Where formats are declared, no other way but ISO 8601 is read as a date."""
    assert read("date", "3 April 2024", date_formats=("dd.MM.yyyy",)).key == "3 april 2024"


@pytest.mark.parametrize(
    ("value", "truth"),
    [(True, True), (False, False), ("TRUE", True), ("No", False), ("ja", True), ("Nein", False),
     ("oui", True), ("non", False), ("sí", True), ("tak", True), ("nie", False), ("да", True),
     ("はい", True), ("☑", True), ("☐", False), (1, True), (0, False), ("0", False), (1.0, True),
     ("maybe", "maybe"), (2, "2")],
)  # fmt: skip
def test_boolean_words_are_read(value, truth):
    """Yes and no of many languages, ticks and 1 and 0 are booleans; other words stay texts."""
    found = read("boolean", value).key
    assert (found, type(found)) == (truth, type(truth))


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("code", "DE89 3704 0044", "de89-37040044", True),
        ("code", "INV–001", "inv001", True),
        ("code", "INV/001", "INV001", False),
        ("code", 12345, "12345", True),
        ("code", 12345.0, "12345", True),
        ("code", "00123", "123", False),
        ("code", "-", "--", False),
        ("enum", "bank_transfer", "Bank Transfer", True),
        ("enum", "bank-transfer", "BANK  TRANSFER", True),
        ("enum", "paid", "unpaid", False),
        ("text", "12.50", D("12.50"), False),
        ("text", "12.5", 12.5, True),
        ("text", True, "TRUE", True),
        ("text", ["a", 1], ["A", 1.0], True),
        ("text", {"b": 1, "a": 2}, {"a": 2, "b": 1}, True),
    ],
)
def test_codes_choices_and_texts_have_their_rules(kind, one, other, same):
    """Codes lose spaces and dashes, choices take them for spaces, texts keep both."""
    options = {"values": ("paid", "bank transfer")} if kind == "enum" else {}
    assert (outcome(kind, one, other, **options) is Outcome.CORRECT) is same


@given(st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=400, deadline=None)
def test_anls_is_the_published_packages(one, other):
    """Our ANLS is that of the package `anls`, to the bit, for any two texts."""
    assert anls(one, other) == anls_score(other, [one])
    assert anls(one, one + other) == anls_score(one + other, [one])


@given(
    st.sampled_from([kind for kind in FieldType if kind.leaf and kind is not FieldType.ENUM]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
        | st.decimals(allow_nan=True) | st.sampled_from(["1.5", "2024-01-02", "5 €", " "]),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=4,
    ),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=500, deadline=None)
def test_what_is_exactly_right_is_right_when_normalised(kind, value, fuzzy):
    """A value is right against itself on both tracks, and absence against absence."""
    options = {"fuzzy": fuzzy} if kind is FieldType.TEXT else {}
    exact, normalised = (
        outcome(kind, value, value, track, **options) for track in ("exact", "normalised")
    )
    assert exact is normalised
    assert exact.right


def test_long_texts_have_the_similarity_of_their_difference():
    """Of two books that differ in a word the ANLS is exact; where all differs it is not known."""
    book = "lorem ipsum dolor " * 20_000
    assert anls(book, book.replace("dolor", "color", 1)) == 1 - 1 / len(book.strip())
    assert anls("ab" * 40, "ab" * 39 + "b") == anls_score("ab" * 39 + "b", ["ab" * 40])
    assert anls("a" * 30_000, "b" * 30_000) == 0.0
    assert anls("a" * 300_000, "b" * 300_000) is None
