"""Dates as texts write them, to days of the proleptic Gregorian calendar.

What is read is `normal_text`. A text that could mean two days, where nothing declares which, is
not guessed: it keeps its three numbers. docs/extraction.md has the rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from babel import Locale

from assay.extraction.numbers import ascii_digits
from assay.extraction.text import normal_text

Order = Literal["dmy", "mdy", "ymd"]

MAX_TEXT: Final = 100
PIVOT: Final = 69
"""A year of two digits is 2000 to 2068 or 1969 to 1999, as POSIX has it."""

# Names that two languages use for different months are read only where a locale says whose.
LANGUAGES: Final = [
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "da",
    "sv",
    "nb",
    "fi",
    "pl",
    "cs",
    "sk",
    "hu",
    "ro",
    "bg",
    "el",
    "ru",
    "uk",
    "tr",
    "hr",
    "sl",
    "et",
    "lv",
    "lt",
    "ga",
    "mt",
    "ca",
    "eu",
    "gl",
    "is",
    "sr",
    "he",
    "ar",
    "fa",
    "hi",
    "bn",
    "th",
    "vi",
    "id",
    "ms",
]

_TIME = (
    r"(?:(?:t|,? )\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?"
    r" ?(?:[ap]\.?m\.?)? ?(?:z|utc|gmt|[+-]\d{2}:?\d{2})?)?"
)
_ISO = re.compile(r"(\d{4}) ?([-/.]) ?(\d{1,2}) ?\2 ?(\d{1,2})\.?" + _TIME, re.ASCII)
_COMPACT = re.compile(r"((?:19|20|21)\d{2})(\d{2})(\d{2})", re.ASCII)
_HAN = re.compile(r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]?", re.ASCII)
_NUMERIC = re.compile(r"(\d{1,2}) ?([-/. ]) ?(\d{1,2}) ?\2 ?(\d{4}|\d{2})\.?" + _TIME, re.ASCII)
_WORD_BREAK = re.compile(r"[\s.,/\-()]+|(?<=\d)(?=[^\d])|(?<=[^\d])(?=\d)", re.ASCII)
_FILLERS = frozenset(
    [
        "of",
        "the",
        "de",
        "del",
        "den",
        "der",
        "le",
        "la",
        "el",
        "di",
        "do",
        "da",
        "st",
        "nd",
        "rd",
        "th",
        "er",
        "ère",
        "ter",
        "e",
        "a",
        "o",
        "á",
        "an",
        "at",
        "on",
        "year",
        "г",
        "года",
        "р",
        "року",
        "р",
        "roku",
        "r",
        "év",
        "i",
    ]
)


class Day(NamedTuple):
    """A day that was read; `day` is a tuple of three numbers where their order is unknown."""

    day: date | tuple[int, int, int]
    ambiguous: bool


class Months(NamedTuple):
    """Names of months and of days of the week, case folded; month 0 is one of two months."""

    months: Mapping[str, int]
    weekdays: frozenset[str]


def read_date(
    text: str, order: Order | None, formats: tuple[re.Pattern[str], ...], locale: str | None
) -> Day | None:
    """Return the day that a normal text says; None if it says none.

    With `formats`, which `compiled_format` makes, only these and ISO 8601 are read.
    """
    if len(text) > MAX_TEXT:
        return None
    text = ascii_digits(text)
    for pattern in formats:
        result = pattern.fullmatch(text)
        day = _of_format(result, locale) if result else None
        if day is not None:
            return Day(day, ambiguous=False)
    result = _ISO.fullmatch(text)
    if result:
        return _day(int(result[1]), int(result[3]), int(result[4]))
    result = _COMPACT.fullmatch(text) or _HAN.fullmatch(text)
    if result:
        return _day(int(result[1]), int(result[2]), int(result[3]))
    if formats:
        return None
    result = _NUMERIC.fullmatch(text)
    if result:
        return _numeric(int(result[1]), int(result[3]), result[4], order, dotted=result[2] == ".")
    return _worded(text, locale)


def order_shown(text: str) -> Order | None:
    """Return the order that a normal text's date shows by a number over 12, or None."""
    result = _NUMERIC.fullmatch(ascii_digits(text)) if len(text) <= MAX_TEXT else None
    if result is None or result[2] == ".":
        return None
    a, b = int(result[1]), int(result[3])
    return None if a > 12 < b else "dmy" if a > 12 else "mdy" if b > 12 else None


@lru_cache(maxsize=256)
def order_of(locale: str) -> Order:
    """Return the order of day, month and year in the locale's short dates."""
    pattern = str(Locale.parse(locale.replace("-", "_")).date_formats["short"].pattern)
    indices = sorted((pattern.find(letter), letter.lower()) for letter in "dMy")
    result = "".join(letter for _, letter in indices)
    return "mdy" if result == "mdy" else "ymd" if result.startswith("y") else "dmy"


@lru_cache(maxsize=1024)
def compiled_format(pattern: str) -> re.Pattern[str]:
    """Return the expression of a CLDR pattern of d, M and y, against normal text."""
    out: list[str] = []
    for quoted, letters, other in re.findall(r"'([^']*)'|(d+|M+|y+)|([^dMy']+)", pattern):
        if letters:
            out.append(_GROUPS[letters])
        else:
            literal = " ".join((quoted or other).casefold().split()) or " "
            out.append(" ?" + re.escape(literal) + " ?" if literal != " " else " ?")
    return re.compile("".join(out), re.ASCII)


_GROUPS: Mapping[str, str] = {
    "d": r"(?P<d>\d{1,2})", "dd": r"(?P<d>\d{2})",
    "M": r"(?P<M>\d{1,2})", "MM": r"(?P<M>\d{2})",
    "MMM": r"(?P<N>[^\d\s]+)", "MMMM": r"(?P<N>[^\d\s]+)",
    "y": r"(?P<y>\d{4})", "yyyy": r"(?P<y>\d{4})", "yy": r"(?P<y>\d{2})",
}  # fmt: skip


@lru_cache(maxsize=256)
def month_names(locale: str | None) -> Months:
    """Return the names of the locale's language and English, or of all languages for None."""
    if locale is not None:
        own, english = _names_of(locale), _names_of("en")
        return Months({**english.months, **own.months}, own.weekdays | english.weekdays)
    months: dict[str, int] = {}
    weekdays: set[str] = set()
    for language in LANGUAGES:
        named = _names_of(language)
        weekdays |= named.weekdays
        for name, month in named.months.items():
            months[name] = month if months.get(name, month) == month else 0
    return Months(months, frozenset(weekdays))


@lru_cache(maxsize=256)
def _names_of(locale: str) -> Months:
    parsed = Locale.parse(locale.replace("-", "_"))
    months: dict[str, int] = {}
    weekdays: set[str] = set()
    for context in ("format", "stand-alone"):
        for width in ("abbreviated", "wide"):
            months.update(
                (_word(name), number) for number, name in parsed.months[context][width].items()
            )
            weekdays.update(_word(name) for name in parsed.days[context][width].values())
    if parsed.language == "en":
        months["sept"] = 9
    return Months({name: n for name, n in months.items() if name}, frozenset(weekdays))


def _word(name: str) -> str:
    """Return a name as one word of a text: case folded, without dots and the Catalan article."""
    return normal_text(name).strip(".").removeprefix("de ").removeprefix("d’")


def _worded(text: str, locale: str | None) -> Day | None:
    """Read a date whose month is a word: in any order but with the day before the year."""
    names = month_names(locale)
    months: list[int] = []
    surely: list[int] = []  # those that are no day of the week either, as mar is in French
    numbers: list[str] = []
    for word in filter(None, _WORD_BREAK.split(text)):
        bare = word.removeprefix("d’").removeprefix("d'")
        if bare in names.months:
            months.append(names.months[bare])
            if bare not in names.weekdays:
                surely.append(names.months[bare])
        elif word.isdigit():
            numbers.append(word)
        elif bare not in _FILLERS and bare not in names.weekdays:
            return None
    result = set(surely or months)
    if len(result) != 1 or len(numbers) != 2:
        return None
    day, year = numbers if len(numbers[0]) <= 2 else reversed(numbers)
    if len(day) > 2 or len(year) not in {2, 4}:
        return None
    return _day(_year(year), result.pop(), int(day))


def _of_format(result: re.Match[str], locale: str | None) -> date | None:
    groups = result.groupdict()
    name = groups.get("N")
    month = month_names(locale).months.get(name.strip("."), 0) if name else int(groups["M"])
    return _date(_year(groups["y"]), month, int(groups["d"]))


def _numeric(a: int, b: int, c: str, order: Order | None, *, dotted: bool) -> Day | None:
    """Read three numbers, the year first only where the order says so and it is short."""
    if order == "ymd" and len(c) == 2:
        return _day(_year(f"{a:02}"), b, int(c))
    year = _year(c)
    day_first, month_first = _date(year, b, a), _date(year, a, b)
    if day_first is None or month_first is None or day_first == month_first:
        only = day_first or month_first
        return None if only is None else Day(only, ambiguous=False)
    if order == "mdy":
        return Day(month_first, ambiguous=False)
    if order == "dmy" or dotted:
        return Day(day_first, ambiguous=False)
    return Day((year, a, b), ambiguous=True)


def _year(text: str) -> int:
    number = int(text)
    if len(text) > 2:
        return number
    return number + (2000 if number < PIVOT else 1900)


def _day(year: int, month: int, day: int) -> Day | None:
    result = _date(year, month, day)
    return None if result is None else Day(result, ambiguous=False)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
