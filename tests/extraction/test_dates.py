from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.dates import format_date, format_time

from assay.extraction.date_words import LOCALES, date_words
from assay.extraction.dates import DateRules, order_of, read_date
from assay.extraction.normalizer import NormalizedValue, compile_normalizer
from assay.extraction.schema import Field, FieldType
from assay.extraction.text import normal_text

WIDTHS = ("full", "long", "medium", "short")
DAYS = [date(2024, month, 29 - 2 * month) for month in range(1, 13)] + [
    date(1999, 12, 31),
    date(2001, 2, 3),
    date(2024, 3, 14),
    date(2023, 1, 1),
    date(2030, 6, 7),
    date(2016, 9, 10),
]
ZONES = ("UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York", "Asia/Kolkata")
OTHERS = ("en_IN", "de_CH", "fr_CH", "es_MX", "pt_BR", "ar_EG", "zh_TW", "ja_JP", "th_TH", "lt_LT")
OF_TWO_MONTHS = {"listopada", "listopad", "lip", "lis", "srp"}  # in Polish, Czech or Croatian


def read(text: str, **options) -> NormalizedValue:
    return compile_normalizer(Field(name="f", type=FieldType.DATE, **options), ())(text)


def of(locale: str) -> DateRules:
    return DateRules(order=order_of(locale), locale=locale)


@pytest.mark.parametrize("locale", [*LOCALES, *OTHERS])
def test_date_is_read_as_its_locale_writes_it(locale):
    """Each CLDR format of each language gives back the day, in capitals and small letters too."""
    for width in WIDTHS:
        for day in DAYS:
            text = format_date(day, width, locale)
            for form in (text, text.upper(), text.lower()):
                found = read_date(normal_text(form), of(locale))
                assert found is not None, form
                assert found.day == day, form


@pytest.mark.parametrize("locale", [*LOCALES, *OTHERS])
def test_time_beside_a_date_is_dropped(locale):
    """With each CLDR format of times, zones and offsets beside it, a date is the day it was."""
    glues = Locale.parse(locale).datetime_formats
    for width in WIDTHS:
        for time_width in WIDTHS:
            for zone in ZONES:
                moment = datetime(2024, 3, 14, 14, 5, 9, tzinfo=ZoneInfo(zone))
                time = format_time(moment, time_width, tzinfo=ZoneInfo(zone), locale=locale)
                text = str(glues[width]).replace("{0}", time)
                text = text.replace("{1}", format_date(moment, width, locale))
                found = read_date(normal_text(text), of(locale))
                assert found is not None, text
                assert found.day == date(2024, 3, 14), text


@pytest.mark.parametrize("locale", LOCALES)
def test_date_with_a_name_is_read_without_a_locale(locale):
    """Where no locale is declared, dates with names of months are read in each language."""
    for width in ("full", "long"):
        for day in DAYS:
            text = format_date(day, width, locale)
            if OF_TWO_MONTHS.isdisjoint(normal_text(text).split()):
                found = read_date(normal_text(text), DateRules())
                assert found is not None, text
                assert found.day == day, text


def test_names_of_two_months_are_known():
    """The names that two languages use for different months are these alone, and are not read."""
    two = {" ".join(name) for name, month in date_words(None).months.items() if month == 0}
    assert two == OF_TWO_MONTHS
    assert read("3 listopada 2024").key == "3 listopada 2024"


@pytest.mark.parametrize(
    ("text", "options", "day"),
    [
        # The basic format of ISO 8601, offsets, and what machines write.
        ("20240314T000000Z", {}, date(2024, 3, 14)),
        ("20240314T103000+0100", {}, date(2024, 3, 14)),
        ("20240314T1030", {}, date(2024, 3, 14)),
        ("20240314103000", {}, date(2024, 3, 14)),
        ("2024-03-14Z", {}, date(2024, 3, 14)),
        ("2024-03-14+01:00", {}, date(2024, 3, 14)),
        ("2024-03-14T10", {}, date(2024, 3, 14)),
        ("Thu, 14 Mar 2024 10:30:00 +0000", {}, date(2024, 3, 14)),
        ("Thu Mar 14 10:30:00 UTC 2024", {}, date(2024, 3, 14)),
        # Months in Roman numerals.
        ("14 III 2024", {}, date(2024, 3, 14)),
        ("14.III.2024", {}, date(2024, 3, 14)),
        ("2024. III. 14.", {}, date(2024, 3, 14)),
        ("12 x 24", {}, "12 x 24"),
        # Eras.
        ("2024年3月7日(木)", {"locale": "ja_JP"}, date(2024, 3, 7)),
        ("令和6年3月7日", {"locale": "ja_JP"}, date(2024, 3, 7)),
        ("令和元年7月27日", {"locale": "ja_JP"}, date(2019, 7, 27)),
        ("令和六年三月十四日", {}, date(2024, 3, 14)),
        ("平成31年4月30日", {}, date(2019, 4, 30)),
        ("昭和64年1月7日", {}, date(1989, 1, 7)),
        ("R6.3.14", {"locale": "ja"}, date(2024, 3, 14)),
        ("R6.3.14", {}, "r6.3.14"),
        ("中華民國113年3月14日", {}, date(2024, 3, 14)),
        ("113/03/14", {"locale": "zh_TW"}, date(2024, 3, 14)),
        ("二〇二四年三月十四日", {}, date(2024, 3, 14)),
        ("15 มี.ค. 2016", {"locale": "th_TH"}, date(2016, 3, 15)),
        ("6 มิถุนายน 2554", {"locale": "th_TH"}, date(2011, 6, 6)),
        ("6 มิถุนายน พ.ศ. 2554", {}, date(2011, 6, 6)),
        ("15/03/2567", {"locale": "th_TH"}, date(2024, 3, 15)),
        ("15/03/2567", {}, date(2567, 3, 15)),
        # Accents, capitals and other spellings.
        ("15 FEVRIER 2024", {"locale": "fr_FR"}, date(2024, 2, 15)),
        ("04-decembre-2015", {"locale": "fr_FR"}, date(2015, 12, 4)),
        ("1er aout 2024", {"locale": "fr_FR"}, date(2024, 8, 1)),
        ("15 ARALIK 2024", {"locale": "tr_TR"}, date(2024, 12, 15)),
        ("15 HAZİRAN 2024", {"locale": "tr_TR"}, date(2024, 6, 15)),
        ("15 AGUSTOS 2024", {}, date(2024, 8, 15)),
        ("14. Maerz 2024", {"locale": "de_DE"}, date(2024, 3, 14)),
        ("14 ΜΑΡΤΙΟΥ 2024", {"locale": "el_GR"}, date(2024, 3, 14)),
        ("1 RUGPJUCIO 2024", {"locale": "lt_LT"}, date(2024, 8, 1)),
        # Weekdays beside digits.
        ("Thu 14/03/2024", {}, date(2024, 3, 14)),
        ("Thursday, 14/03/2024", {}, date(2024, 3, 14)),
        ("Thu, 2024-03-14", {}, date(2024, 3, 14)),
        ("2024-03-14 (Thu)", {}, date(2024, 3, 14)),
        ("14.03.2024, Donnerstag", {}, date(2024, 3, 14)),
        # Times.
        ("7 March 2024 10:30", {}, date(2024, 3, 7)),
        ("29 Mart 2018, 14:02", {}, date(2018, 3, 29)),
        ("14 mars 2024 à 10h30", {}, date(2024, 3, 14)),
        ("14. März 2024, 10:30 Uhr", {}, date(2024, 3, 14)),
        ("14-Mar-2024 10:30:00", {}, date(2024, 3, 14)),
        ("3. April 2024 10:30", {"date_formats": ("d. MMMM y",)}, date(2024, 4, 3)),
        ("2024-03-14 10:30 - 11:30", {}, "2024-03-14 10:30 - 11:30"),
        # Marks of years.
        ("14.03.2024 г.", {}, date(2024, 3, 14)),
        ("14.03.2024г.", {}, date(2024, 3, 14)),
        ("14.03.2024 р.", {}, date(2024, 3, 14)),
        ("14.03.2024 року", {}, date(2024, 3, 14)),
        ("14 Mar '24", {}, date(2024, 3, 14)),
        ("14th March ’24", {}, date(2024, 3, 14)),
        ("ngày 14 tháng 3 năm 2024", {}, date(2024, 3, 14)),
        ("ngày 3 tháng 4 năm 2024", {}, date(2024, 4, 3)),
        ("2024 m. sausio 17 d.", {"locale": "lt_LT"}, date(2024, 1, 17)),
        # Months in two digits beside their sign, and abbreviations that CLDR does not have.
        ("2024年03月14日", {}, date(2024, 3, 14)),
        ("2024年03月14日 10:30", {"locale": "zh_CN"}, date(2024, 3, 14)),
        ("2024년 03월 04일", {}, date(2024, 3, 4)),
        ("令和06年03月14日", {}, date(2024, 3, 14)),
        ("ngày 14 tháng 03 năm 2024", {}, date(2024, 3, 14)),
        ("14. Mrz 2024", {}, date(2024, 3, 14)),
        ("14 сен 2024", {}, date(2024, 9, 14)),
        ("14 Agt 2024", {"locale": "id_ID"}, date(2024, 8, 14)),
        ("14 marzo 2024 ore 10:30", {}, date(2024, 3, 14)),
        ("١٤ آذار ٢٠٢٤", {}, date(2024, 3, 14)),
        ("14 آذار/مارس 2024", {}, date(2024, 3, 14)),
        ("2024:03:14 10:30:00", {}, date(2024, 3, 14)),
        ("2024 03 14", {}, date(2024, 3, 14)),
        # Two digits.
        ("16-07-68", {"day_first": True}, date(2068, 7, 16)),
        ("16-07-68", {"day_first": True, "first_year": 1926}, date(1968, 7, 16)),
        ("15.04.45", {"first_year": 1926}, date(1945, 4, 15)),
        ("99/03/17", {}, date(1999, 3, 17)),
        ("24/03/17", {"locale": "ja_JP"}, date(2024, 3, 17)),
        ("24/03/17", {"day_first": True}, date(2017, 3, 24)),
        # Names in declared formats, and signs that do not count.
        ("14 มี.ค. 2024", {"date_formats": ("d MMM yyyy",)}, date(2024, 3, 14)),
        ("14 FEVR. 2024", {"date_formats": ("d MMM yyyy",)}, date(2024, 2, 14)),
        ("14.03.2024¹", {}, date(2024, 3, 14)),
        ("2024-O7-17", {}, "2024-o7-17"),
        ("2O24-07-17", {}, "2o24-07-17"),
        ("2024-1O-17", {}, "2024-1o-17"),
        ("14\u200b.03.2024", {}, date(2024, 3, 14)),
    ],
)
def test_date_is_the_day_that_a_person_reads(text, options, day):
    """Eras, spellings, weekdays, times and marks leave a date the day that it says."""
    assert read(text, **options).key == day


@pytest.mark.parametrize("text", ["24/03/17", "14/03/24", "03-04-24"])
def test_short_year_that_may_stand_first_is_not_guessed(text):
    """Two digits that may be a year or a day, where no order is declared, are flagged and no day."""
    found = read(text)
    assert found.ambiguous
    assert isinstance(found.key, tuple)


def test_short_year_of_thai_dates_is_told():
    """15/03/67 of a Thai locale may be of the Buddhist era, which is told."""
    assert read("15/03/67", locale="th_TH").ambiguous
    found = read("15 มี.ค. 67", locale="th_TH")
    assert (found.key, found.ambiguous) == (date(2024, 3, 15), True)
    assert read("24年3月7日", locale="ja_JP").ambiguous
