import random
from decimal import Decimal

import pytest
from babel import Locale
from babel.core import get_global
from babel.localedata import exists, locale_identifiers
from babel.numbers import format_currency, format_decimal

from assay.extraction.comparison import Comparison, compare
from assay.extraction.currencies import currencies_of
from assay.extraction.date_words import LOCALES
from assay.extraction.normalizer import compile_normalizer
from assay.extraction.numbers import decimal_point
from assay.extraction.outcome import Outcome
from assay.extraction.schema import Field, FieldSchema, FieldType, SchemaError
from assay.extraction.schema_inference import SchemaInference
from assay.extraction.text import normal_text
from assay.extraction.values import MISSING

RIGHT, WRONG, MISSED, EMPTY = (
    Outcome.CORRECT,
    Outcome.WRONG,
    Outcome.MISSED,
    Outcome.EMPTY,
)


def told(kind: str, expected: object, extracted: object, **options) -> Comparison:
    schema = FieldSchema(fields=(Field(name="v", type=FieldType(kind), **options),))
    (found,) = compare(schema, {"v": expected}, {"v": extracted}).comparisons
    return found


@pytest.mark.parametrize(
    ("expected", "extracted", "outcome"),
    [
        (0.99, "$.99", RIGHT),
        (99, "$.99", WRONG),
        ("0.50", "€.50", RIGHT),
        ("0.99", "USD.99", RIGHT),
        (-0.99, "-$.99", RIGHT),
        (12.5, "Fr.12.50", RIGHT),
        (500, "Rs. 500/-", RIGHT),
        (100000, "₹1,00,000/-", RIGHT),
        (100, "100:-", RIGHT),
        (-1234, "△1,234", RIGHT),
        (-1234, "▲1,234円", RIGHT),
        (12000, "￥12,000-", RIGHT),
        (12000, "金12,000円也", RIGHT),
        (500, "Rs. 500/- Only", RIGHT),
        (-5, "5.00- EUR", RIGHT),
        (1.234, "KWD 1.234", RIGHT),
        (50, "JOD 50.000", RIGHT),
        (1234.567, "KWD 1,234.567", RIGHT),
        (1.234, {"amount": "1.234", "currency": "KWD"}, RIGHT),
        (1234, "JPY 1.234", RIGHT),
        (1234.5, "USD$1,234.50", RIGHT),
        (1234.5, "MXN$1,234.50", RIGHT),
        (1234.5, "Mex$1,234.50", RIGHT),
        (1234.5, "1234.50 (EUR)", RIGHT),
        (1234.5, "$1,234.50 (USD)", RIGHT),
        ({"amount": 1234.5, "currency": "EUR"}, "USD$1,234.50", WRONG),
        (-1234.5, "EUR (1234.50)", RIGHT),
        (1234.5, "S/ 1,234.50", RIGHT),
        (1234.5, "S/. 1,234.50", RIGHT),
        (1234.5, "S/.1,234.50", RIGHT),
        (1234.5, "Q1,234.50", RIGHT),
        (1234.5, "L 1,234.50", RIGHT),
        (1234.5, "Bs. 1.234,50", RIGHT),
        (1234.5, "B/. 1,234.50", RIGHT),
        (1234.5, "KSh 1,234.50", RIGHT),
        ("1234", "1,234/=", RIGHT),
        (1234.5, "GH₵1,234.50", RIGHT),
        (1234.5, "Dhs. 1,234.50", RIGHT),
        (1234.5, "SR 1,234.50", RIGHT),
        (1234.5, "U$S 1.234,50", RIGHT),
        (1234.5, "1.234,50 ден", RIGHT),
        (1000, "1 000 F CFA", RIGHT),
        (12.5, "12,50 €*", RIGHT),
        (12.5, "12,50 €¹", RIGHT),
        (12.501, "12.50¹", WRONG),
        (12.5, "12.5k", WRONG),
        (5, "₹5 Cr", WRONG),
    ],
)
def test_money_is_read_with_its_signs(expected, extracted, outcome):
    """Points, minus signs, endings, footnote marks and currencies leave an amount what it says."""
    assert told("money", expected, extracted).normalised is outcome


@pytest.mark.parametrize("text", ["Rs.500", "￥12,000-", "KWD 1,234", "1,234.50 CR", "$1,234",
                                  "1.234,50 S", "1.234,50 C", "5,00 Haben"])  # fmt: skip
def test_amount_of_two_readings_is_told(text):
    """A point that may be the word's, and CR, which means either sign, are flagged."""
    assert told("money", 1, text).ambiguous


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1.234,50+", "1234.50"), ("$5+", "5"), ("1.234,50 € S", "-1234.50"), ("1.234,50D", "-1234.50"),
     ("1.234,50 H", "1234.50"), ("5,00 Soll", "-5.00"), ("D1,234.50", "1234.50"), ("S 5.00", "5.00"),
     ("1`234.50", "1234.50"), ("CHF 1\u00b4234.50", "1234.50"), ("1\u2032234.50", "1234.50"),
     ("1\u2018234.50", "1234.50"), ("Bs.D 5,00", "5.00"), ("5 евро", "5"), ("P 5.00", "5.00"),
     ("50p", None), ("50c", None), ("5e", None), ("12 h", None), ("+5+", None)],
)  # fmt: skip  # texts beside their amounts
def test_sign_or_side_after_an_amount_is_read(text, amount):
    """A plus, debit and credit stand after amounts; cents and hours are no currency."""
    value = compile_normalizer(Field(name="total", type=FieldType.MONEY), ())(text)
    assert (str(value.key) if isinstance(value.key, Decimal) else None) == amount


@pytest.mark.parametrize(
    ("text", "number"), [("%5", "5"), ("٪ ٥", "5"), ("%5%", None), ("18+", None)]
)
def test_percent_may_stand_before_a_number(text, number):
    """Turkish, Basque and Arabic write it so; a plus after a number says that it may be more."""
    value = compile_normalizer(Field(name="share", type=FieldType.NUMBER), ())(text)
    assert (str(value.key) if isinstance(value.key, Decimal) else None) == number


def test_local_sign_of_each_currency_is_known():
    """The sign that CLDR has for a currency in its own country's languages is known as its sign."""
    unknown = set()
    for territory, currencies in get_global("territory_currencies").items():
        now = {currency for currency, _, until, tender in currencies if tender and until is None}
        for language, about in get_global("territory_languages").get(territory, {}).items():
            name = f"{language}_{territory}"
            if about.get("official_status") is None or not exists(name):
                continue
            symbols = Locale.parse(name).currency_symbols
            for sign, currency in ((symbols.get(one, one), one) for one in now):
                found = set().union(*(currencies_of(w) or () for w in normal_text(sign).split()))
                if normal_text(sign) and currency not in found:
                    unknown.add((currency, sign))
    assert unknown == set()


@pytest.mark.parametrize(
    ("expected", "extracted", "outcome"),
    [
        (12, "12 pcs", RIGHT),
        ("12.5", "12,5 Stk.", RIGHT),
        (12, "12kg", RIGHT),
        (12, "12 h", RIGHT),
        (12, "12 x", RIGHT),
        (12, "12 m²", RIGHT),
        (12, "12㎡", RIGHT),
        (12, "12 kg/m3", RIGHT),
        (-5, "-5 °C", RIGHT),
        (12, "12個", RIGHT),
        (12, "13 pcs", WRONG),
        (12, "12 x 500 ml", WRONG),
        (12, "A12", WRONG),
        (12, "12 dozen", WRONG),
        (12, "12 or more", WRONG),
    ],
)
def test_unit_after_a_quantity_is_dropped_where_allowed(expected, extracted, outcome):
    """A number field with `unit` passes over one unit after the number, and nothing else."""
    assert told("number", expected, extracted, unit=True).normalised is outcome
    assert told("number", 12, "12 pcs").normalised is WRONG


@pytest.mark.parametrize(
    ("expected", "extracted"),
    [(122, "12²"), (1234.501, "1,234.50¹"), (121, "12①"), (1212, "12½"), (123, "1²3")],
)
def test_raised_digits_are_none_of_the_number(expected, extracted):
    """A raised, circled or broken digit is never one more digit of a number."""
    assert told("number", expected, extracted).normalised is WRONG
    assert told("code", str(expected), extracted).normalised is WRONG or "²" not in extracted


@pytest.mark.parametrize(
    ("expected", "extracted", "outcome"),
    [
        ("Mustermann", "Muster\u00admann", RIGHT),
        ("Acme Ltd", "Acme Ltd\u200b", RIGHT),
        ("Acme Ltd", "\ufeffAcme Ltd", RIGHT),
        ("Acme Ltd", "Acme\u00a0Ltd", RIGHT),
        ("☑", "☑\ufe0f", RIGHT),
        (None, "\u200b", EMPTY),
        ("\u200b", "\u200b", EMPTY),
        ("A", "\u200b", MISSED),
    ],
)
def test_characters_that_nobody_sees_do_not_count(expected, extracted, outcome):
    """Default-ignorable characters are left out, and a text of them alone is no value."""
    assert told("text", expected, extracted).normalised is outcome


@pytest.mark.parametrize(
    ("kind", "expected", "extracted"),
    [
        ("code", "INV-001", "INV\u00ad001"),
        ("number", 1234, "1\u200b234"),
        ("money", 1234.5, "\u202d1,234.50 €\u202c"),
        ("boolean", True, "y\u200bes"),
        ("date", "2024-03-14", "14\u200f/03\u200f/2024"),
    ],
)
def test_invisible_characters_are_folded_in_every_type(kind, expected, extracted):
    """Codes, numbers, amounts, booleans and dates have no invisible characters either."""
    assert told(kind, expected, extracted).normalised is RIGHT


@pytest.mark.parametrize(
    ("expected", "extracted"),
    [
        (True, ":selected:"),
        (False, "unselected"),
        (False, ":unselected:"),
        (True, "[x]"),
        (False, "[ ]"),
        (True, "1.0"),
        (False, "0.0"),
        (True, "☑\ufe0f"),
        (False, "[no]"),
    ],
)
def test_words_of_form_readers_are_booleans(expected, extracted):
    """What form readers, Markdown and data frames write for a box is yes or no."""
    assert told("boolean", expected, extracted).normalised is RIGHT
    assert told("boolean", not expected, extracted).normalised is WRONG


@pytest.mark.parametrize(
    ("expected", "extracted", "outcome"),
    [
        (None, "N/A", EMPTY),
        (None, "null", EMPTY),
        (MISSING, "not  FOUND", EMPTY),
        ("N/A", "N/A", EMPTY),
        ("ACME", "N/A", MISSED),
        ("n/a", "ACME", Outcome.INVENTED),
        ("ACME", "none", WRONG),
    ],
)
def test_texts_that_say_no_value_are_absences_where_declared(expected, extracted, outcome):
    """The texts of `absent` are no value on either side; any other text is one."""
    absent = ("N/A", "null", "not found")
    assert told("text", expected, extracted, absent=absent).normalised is outcome


def test_texts_are_values_unless_declared_absent():
    """Without `absent` N/A is a text; with it a default stands for the absence."""
    assert told("text", None, "N/A").normalised is Outcome.INVENTED
    found = told("text", "each", "-", absent=("-",), default="each")
    assert found.normalised is RIGHT


def test_day_of_another_century_is_told():
    """A two-digit year that was read a hundred years off is wrong and flagged; a full one is not."""
    found = told("date", "1968-07-16", "16-07-68", day_first=True)
    assert (found.normalised, found.ambiguous) == (WRONG, True)
    assert not told("date", "1968-07-16", "2068-07-16").ambiguous
    assert not told("date", "1968-07-16", "17-07-68", day_first=True).ambiguous


@pytest.mark.parametrize("threshold", [0.8, 0.9])
def test_long_fuzzy_text_has_its_similarity(threshold):
    """Texts of 21 002 letters that differ in the first and the last are scored, and right."""
    body = "clause " * 3000
    found = told("text", f"A{body}x", f"B{body}y", fuzzy=True, threshold=threshold)
    assert found.normalised is RIGHT
    assert found.similarity == 1 - 2 / 21_002


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "text", "unit": True}, "unit belongs to number"),
        ({"type": "date", "first_year": 0}, "first_year is a year from 1 to 9900"),
        ({"type": "date", "first_year": "1926"}, "first_year is a whole number"),
        ({"type": "text", "absent": "N/A"}, "absent is an array of texts"),
        ({"type": "text", "absent": ["x"] * 101}, "absent are at most 100 texts"),
        ({"type": "money", "threshold": 0.5}, "threshold belongs to a text with fuzzy"),
    ],
)
def test_option_of_another_type_or_value_is_refused(options, message):
    """Options that a type does not have, or of another kind, are refused in words."""
    with pytest.raises(SchemaError, match=message):
        FieldSchema.from_mapping({"fields": [{"name": "v", **options}]})


def test_options_of_values_are_kept():
    """Units, first years and absent texts are printed as they were declared."""
    fields = [
        {"name": "a", "type": "number", "unit": True, "absent": ["-"]},
        {"name": "b", "type": "date", "first_year": 1926},
    ]
    assert FieldSchema.from_mapping({"fields": fields}).to_mapping() == {"fields": fields}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["NO"], "text"),
        (["NO", "NE"], "text"),
        (["NO", "SI"], "text"),
        (["yes"], "text"),
        (["YES", "NO"], "boolean"),
        (["yes", True], "boolean"),
        (["Y", "N"], "text"),
        (["030 123 456"], "code"),
        (["+49 30 1234567", "(030) 1234567"], "code"),
        (["4111 1111 1111 1111"], "code"),
        (["DE89 3704 0044 0532 0130 00"], "code"),
        (["Q1", "Q2"], "code"),
        (["L 12", "R2"], "code"),
        (["10 x 20", "12 X 2024"], "text"),
        (["2024-001"], "code"),
        (["03/04/2024"], "date"),
        (["12²"], "text"),
    ],
)
def test_identifiers_are_not_inferred_as_amounts_or_booleans(values, kind):
    """Codes of countries, telephones, cards and quarters are no booleans, amounts and dates."""
    schema = SchemaInference.of([{"f": value} for value in values]).schema()
    assert schema.fields[0].type.value == kind


def test_code_of_a_country_is_not_a_word_for_no():
    """NO, NE and 0 are three values of a field whose type was inferred from NO alone."""
    schema = SchemaInference.of([{"country": "NO"}] * 3).schema()
    found = [compare(schema, {"country": "NO"}, {"country": one}) for one in ("NO", "NE", "0")]
    assert [one.right for one in found] == [1, 0, 0]


ITEMS = FieldSchema.from_mapping(
    {
        "fields": [
            {
                "name": "items",
                "type": "table",
                "fields": [
                    {"name": "description", "type": "text"},
                    {"name": "quantity", "type": "number"},
                    {"name": "unit_price", "type": "money"},
                ],
            },
            {"name": "tags", "type": "list", "item": {"type": "text"}},
        ]
    }
)


def rows(*cells: tuple[object, ...]) -> dict[str, object]:
    names = ("description", "quantity", "unit_price")
    return {"items": [dict(zip(names, row, strict=True)) for row in cells]}


def outcomes(expected: dict[str, object], extracted: dict[str, object]) -> dict[str, str]:
    found = compare(ITEMS, expected, extracted).comparisons
    return {one.place: one.normalised.value for one in found}


def test_rows_that_tie_are_paired_by_likeness():
    """Of two rows that share as many cells with a misread one, the one that reads alike is it."""
    found = outcomes(
        rows(("Copper valve 15 mm", 2, "10.50"), ("Steel hose 2 m", 2, "10.50")),
        rows(("Stee1 hose 2 m", 2, "10.50")),
    )
    assert [word for place, word in found.items() if "[0]" in place] == ["missed"] * 3
    assert [found[f"items[1].{name}"] for name in ("description", "quantity", "unit_price")] == [
        "wrong_value",
        "correct",
        "correct",
    ]
    found = outcomes(
        rows(
            ("Oak board 20 mm", 1, "12.00"),
            ("Blue cable 10 mm", 1, "10.50"),
            ("Large chair 10 mm", 1, "10.50"),
        ),
        rows(("Oak board 20 mm", 1, "12.00"), ("Large cha1r l0 mm", 2, "10.50")),
    )
    assert list(found.values()) == ["correct"] * 3 + ["missed"] * 3 + ["wrong_value"] * 2 + [
        "correct"
    ]


def misread(text: str, rng: random.Random) -> str:
    letters = list(text)
    for _ in range(rng.randint(1, 2)):
        letters[rng.randrange(len(letters))] = rng.choice("l10Oo5Ss")
    return "".join(letters)


def test_misread_rows_are_paired_with_the_rows_they_were_read_from():
    """In tables of few distinct prices, nearly all of the rows find the row they were read from."""
    rng = random.Random(9)
    first, second = ("Steel", "Copper", "Oak", "Blue", "Large"), ("hose", "valve", "board", "chair")
    read = wrong = 0
    for _ in range(300):
        truth = [
            (
                f"{rng.choice(first)} {rng.choice(second)} {rng.randint(1, 30)} mm",
                rng.randint(1, 3),
                rng.choice(("10.50", "12.00", "7.25")),
            )
            for _ in range(rng.randint(2, 7))
        ]
        kept = [n for n in range(len(truth)) if rng.random() < 0.8]
        rng.shuffle(kept)
        cells = [
            (
                misread(what, rng) if rng.random() < 0.5 else what,
                count + 1 if rng.random() < 0.15 else count,
                price,
            )
            for what, count, price in (truth[n] for n in kept)
        ]
        for one in compare(ITEMS, rows(*truth), rows(*cells)).comparisons:
            if one.path == "items[].description" and one.extracted_place and "[" in one.place:
                at, there = (int(p.split("[")[1].split("]")[0]) for p in
                             (one.place, one.extracted_place))  # fmt: skip
                read += 1
                wrong += at >= len(truth) or (at != kept[there] and truth[at] != truth[kept[there]])
    assert read > 1000
    assert wrong / read < 0.01


def test_row_of_which_every_cell_is_misread_is_found():
    """Rows left over that read alike are wrong values; those that do not are missed and invented."""
    truth = ("Copper valve 15 mm", 2, "10.50")
    misreading = ("Copper va1ve 15 mm", 3, "10.60")
    assert list(outcomes(rows(truth), rows(misreading)).values()) == ["wrong_value"] * 3
    right = ("Oak board", 7, "99.00")
    found = outcomes(rows(right, truth), rows(right, misreading))
    assert list(found.values()) == ["correct"] * 3 + ["wrong_value"] * 3
    found = outcomes({"tags": ["urgent", "export"]}, {"tags": ["urgent", "exp0rt"]})
    assert list(found.values()) == ["correct", "wrong_value"]
    found = outcomes(rows(truth), rows(("Handling fee", 1, "7.00")))
    assert list(found.values()) == ["missed"] * 3 + ["invented"] * 3


@pytest.mark.parametrize("locale", [*LOCALES, "ar_EG", "de_AT", "de_CH", "en_IN", "es_MX", "hi_IN"])
def test_amount_is_read_as_its_locale_writes_it(locale):
    """What CLDR's formats write for amounts and numbers reads back, minus signs and all."""
    for value in map(Decimal, ("1234.5", "-1234.5", "0.99", "1234567.25", "-12", "7.5")):
        for kind in ("standard", "accounting"):
            for currency in ("EUR", "USD", "GBP", "INR", "PLN", "CHF"):
                text = format_currency(value, currency, locale=locale, format_type=kind)
                found = told("money", value, text, locale=locale)
                assert found.normalised is RIGHT, text
                assert told("money", {"amount": value, "currency": currency}, text).ambiguous or (
                    told("money", {"amount": value, "currency": currency}, text).normalised is RIGHT
                ), text
        text = format_decimal(value, locale=locale)
        assert told("number", value, text, locale=locale).normalised is RIGHT, text


def test_every_locale_has_a_decimal_sign():
    """No locale that a schema may name fails when its numbers are read."""
    assert {decimal_point(name) for name in locale_identifiers()} == {".", ","}
