"""Dates as texts write them, to days of the proleptic Gregorian calendar.

What is read is `normal_text`. A text that could mean two days, where nothing declares which, is
not guessed: it keeps its three numbers. docs/extraction.md has the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache, partial
from typing import Final, Literal, NamedTuple

from assay.extraction.date_words import (
    ATOM,
    DateWords,
    Phrase,
    date_words,
    parsed,
    phrase,
    roman_month,
    zone_names,
)
from assay.extraction.numbers import ascii_digits
from assay.extraction.text import unaccented

Order = Literal["dmy", "mdy", "ymd"]

MAX_TEXT: Final = 120
FIRST_YEAR: Final = 1969
"""A year of two digits is one of the hundred from this year on: 1969 to 2068, as POSIX has it."""

_BUDDHIST: Final = 2400  # in Thailand a year from this one on is of the Buddhist era
_BUDDHIST_YEARS: Final = -543
_THAI_YEARS: Final = 2500 + _BUDDHIST_YEARS  # beside a name of a month two digits are of 25..
_MAX_ATOMS: Final = 32  # words, numbers and Chinese signs; a date has fewer
_MAX_TIMES: Final = 3  # that may be a time of day; a date of three parts has two such
_ROC_YEARS: Final = 1911  # of the Republic of China, which Taiwan counts from 1912 on

_ISO = re.compile(r"(\d{4}) ?([-/. :]) ?(\d{1,2}) ?\2 ?(\d{1,2})\.?", re.ASCII)
_COMPACT = re.compile(r"((?:19|20|21)\d{2})(\d{2})(\d{2})", re.ASCII)
_NUMERIC = re.compile(r"(\d{1,3}) ?([-/. ]) ?(\d{1,2}) ?\2 ?(\d{4}|\d{1,2})\.?", re.ASCII)
_BARE_OFFSET = re.compile(r"(?<=\d) ?(?:z|[+-]\d{2}:\d{2})$", re.ASCII)
_OFFSET = r"(?: ?(?:z|utc|gmt)(?![a-z+-])| ?(?:utc|gmt)?[+-]\d{1,2}(?::?\d{2})?(?!\d))?"
_HALF = r"(?: ?[ap]\.? ?m\.?(?![a-z]))"
_UNIT = r"(?:h|uhr|u|ч|時|时|点|點|시|นาฬิกา|分|분|นาที|min|s|秒|초|วินาที)"
_COMPACT_TIME = re.compile(
    r"(?<=\d{8})(?:[t ]\d{2}(?:\d{2}(?:\d{2}(?:[.,]\d{1,9})?)?)?|\d{4}(?:\d{2})?)" + _OFFSET + "$",
    re.ASCII,
)
# A time of day, wherever it stands; which one is tried first is of no matter, as one alone is left
# out and all else must then be a date.
_TIMES: Final = tuple(
    re.compile(rf"(?<![\d:.,])(?:(?<=\d)t)?(?:{time}){_OFFSET}(?![\d:])", re.ASCII)
    for time in (
        r"\d{1,2}[:.]\d{2}:\d{2}(?:[.,]\d{1,9})?|\d{1,2}:\d{2}",
        rf"\d{{1,2}} ?{_UNIT}\.? ?(?:\d{{1,2}} ?{_UNIT}?\.? ?(?:\d{{1,2}} ?{_UNIT}\.?)?)?",
        r"\d{1,2}\.\d{2}(?:\.\d{2})?(?!\.)",
        rf"\d{{1,2}}(?={_HALF})",
    )
)
_ISO_TIME = re.compile(
    r"(?<=\d)t\d{1,2}(?::\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)?" + _OFFSET + "$", re.ASCII
)
_ZONE = re.compile(
    r"(?:^|(?<=[ (]))[+-]\d{1,2}(?::?\d{2})?(?!\d)"
    r"|(?<=[^\d: (])(?:\+\d{1,2}(?::?\d{2})?|-\d{1,2}(?::\d{2})?)(?!\d)",
    re.ASCII,
)
_ZONE_BEFORE = re.compile(r"(?<= )(?:utc|gmt)?[+-]\d{2}:?\d{2} ?$", re.ASCII)
_GLUED_LETTER = re.compile(r"[a-z]\.?[0-9]")  # as in R6.3.14, of an era or of no date
_EDGES = " ,;()[]،؛."
_HAN_DIGITS: Final = "〇一二三四五六七八九"
_HAN_NUMBER = re.compile(r"[〇零一二三四五六七八九十元]+(?=[年月日])")
_THAI = re.compile("[\u0e01-\u0e5b]")
_UNSPACED: Final = "\u0e00"  # Thai and the scripts after it are written without spaces
_YEAR_MARKS: Final = ("年", "년")


class Day(NamedTuple):
    """A day that was read; `day` is a tuple of three numbers where their order is unknown.

    `short_year` says that two digits were read as a year, and nothing declared of which hundred.
    """

    day: date | tuple[int, int, int]
    ambiguous: bool = False
    short_year: bool = False


class DateRules(NamedTuple):
    """What a field declares of its dates; None or nothing where it does not."""

    order: Order | None = None
    formats: tuple[re.Pattern[str], ...] = ()
    locale: str | None = None
    first_year: int | None = None


class _Number(NamedTuple):
    """Digits of a text. `added` is what their era adds to a year, None where none is named."""

    digits: str
    year: bool = False  # by a sign for it
    added: int | None = None


class _Parts(NamedTuple):
    """What the words of a text say, and `rest`, the text without them.

    `split` says that a word stands at a number without a space, and other numbers come after.
    """

    numbers: list[_Number]
    months: set[int]
    roman: set[int]
    rest: str
    split: bool


def read_date(text: str, rules: DateRules) -> Day | None:
    """Return the day that a normal text says; None if it says none.

    With `formats`, which `compiled_format` makes, only these and ISO 8601 are read.
    """
    if len(text) > MAX_TEXT:
        return None
    text = ascii_digits(text)
    reader = _Reader(rules, thai=_is_thai(text, rules.locale))
    read = timed = reader.declared
    if not rules.formats:
        read, timed = reader.words, partial(reader.words, timed=True)
    day = read(text) if rules.formats else reader.digits(text)
    if day is not None:
        return day
    plain = _BARE_OFFSET.sub("", _ISO_TIME.sub("", _COMPACT_TIME.sub("", text)))
    found = (timed(rest) for rest in _without_time(text))
    return read(plain) or next(filter(None, found), None)


def order_shown(text: str) -> Order | None:
    """Return the order that a normal text's date shows by a number over 12, or None."""
    result = _NUMERIC.fullmatch(ascii_digits(text)) if len(text) <= MAX_TEXT else None
    if result is None or result[2] == ".":
        return None
    a, b = int(result[1]), int(result[3])
    if len(result[4]) < 4 and _date(_year(result[1], None), b, int(result[4])):
        return None  # the year may come first
    return None if a > 12 < b else "dmy" if a > 12 else "mdy" if b > 12 else None


@lru_cache(maxsize=256)
def order_of(locale: str) -> Order:
    """Return the order of day, month and year in the locale's short dates."""
    pattern = str(parsed(locale).date_formats["short"].pattern)
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
    "MMM": r"(?P<N>\S.{0,40}?)", "MMMM": r"(?P<N>\S.{0,40}?)",
    "y": r"(?P<y>\d{4})", "yyyy": r"(?P<y>\d{4})", "yy": r"(?P<y>\d{2})",
}  # fmt: skip


class _Reader:
    """Reads the parts of one date as its field declares them."""

    def __init__(self, rules: DateRules, *, thai: bool) -> None:
        self._rules = rules
        self._thai = thai

    def declared(self, text: str) -> Day | None:
        """Return the day of a text in one of the declared formats, or in ISO 8601."""
        for pattern in self._rules.formats:
            result = pattern.fullmatch(text)
            day = self._of_format(result.groupdict()) if result else None
            if day is not None:
                return day
        return self._iso(text)

    def _of_format(self, groups: Mapping[str, str]) -> Day | None:
        name = groups.get("N")
        months = date_words(self._rules.locale).months
        month = months.get(phrase(name), 0) if name else int(groups["M"])
        return self._day(_Number(groups["y"]), month, int(groups["d"]))

    def words(self, text: str, *, timed: bool = False) -> Day | None:
        """Return the day of a text with words, all of which must be known."""
        if _GLUED_LETTER.match(text) and text[:1] not in _letters_of_eras(self._rules.locale):
            return None
        text = unaccented(_HAN_NUMBER.sub(_han_number, text))
        parts = _parts(text, date_words(self._rules.locale), frozenset())
        if parts is None and timed:
            parts = _parts(text, date_words(self._rules.locale), zone_names(self._rules.locale))
        if parts is None:
            return None
        months = parts.months
        if not months and any(len(number.digits) > 2 for number in parts.numbers):
            months = parts.roman  # with a whole year, as 12 x 24 is no date
        if months:
            found = self._named(parts.numbers, months)
            era = found is not None and found.short_year and "年" in text  # which is not named
            return found._replace(ambiguous=True) if found and era else found
        if len(parts.numbers) == 3 and any(number.added is not None for number in parts.numbers):
            return self._of_era(parts.numbers)
        return (
            None if parts.split else self.digits(" ".join(parts.rest.split()).strip(_EDGES + "-"))
        )

    def _iso(self, text: str) -> Day | None:
        result = _ISO.fullmatch(text)
        if result:
            return self._day(_Number(result[1]), int(result[3]), int(result[4]))
        result = _COMPACT.fullmatch(text)
        return result and self._day(_Number(result[1]), int(result[2]), int(result[3]))

    def digits(self, text: str) -> Day | None:
        """Return the day of a text of digits and what separates them."""
        result = _NUMERIC.fullmatch(text)
        if result is None:
            return self._iso(text)
        a, b, c = result[1], result[3], result[4]
        if len(a) == 3:
            taiwan = len(c) < 3 and self._rules.locale in _TAIWAN
            return self._day(_Number(a, added=_ROC_YEARS), int(b), int(c)) if taiwan else None
        return self._numeric(a, int(b), c, dotted=result[2] == ".")

    def _numeric(self, first: str, b: int, last: str, *, dotted: bool) -> Day | None:
        """Read three numbers, the year first only where the order says so and it is short."""
        order, a, c = self._rules.order, int(first), int(last)
        year_first = self._day(_Number(first), b, c) if len(last) < 3 and len(first) == 2 else None
        if order == "ymd" and year_first is not None:
            return year_first
        if len(last) == 1:
            return None
        year = _Number(last)
        day_first, month_first = self._day(year, b, a), self._day(year, a, b)
        one = day_first or month_first
        if one is None and year_first is not None:
            return year_first
        if day_first is None or month_first is None or day_first == month_first:
            if one is None or order is not None or dotted or year_first is None:
                return one
        elif order == "mdy":
            return month_first
        elif order == "dmy" or dotted:
            return day_first
        return Day((self._year(year), a, b), ambiguous=True)

    def _named(self, numbers: list[_Number], months: set[int]) -> Day | None:
        """Read a day and a year beside the name of a month, in any order."""
        if len(months) != 1 or len(numbers) != 2:
            return None
        first, second = numbers
        if _is_year(first) or (self._rules.order == "ymd" and not _is_year(second)):
            first, second = second, first
        if len(first.digits) > 2 or first.added is not None or first.year:
            return None
        if len(second.digits) not in {2, 4} and second.added is None:
            return None
        (month,) = months
        if self._thai and len(second.digits) == 2 and self._rules.first_year is None:
            found = self._day(_Number(second.digits, added=_THAI_YEARS), month, int(first.digits))
            return found and found._replace(ambiguous=True)
        return self._day(second, month, int(first.digits))

    def _of_era(self, numbers: list[_Number]) -> Day | None:
        """Read three numbers of which one is a year of an era."""
        (place,) = [n for n, number in enumerate(numbers) if number.added is not None][:1]
        others = [number for n, number in enumerate(numbers) if n != place]
        if any(len(number.digits) > 2 or number.added is not None for number in others):
            return None
        one, two = (int(number.digits) for number in others)
        if place == 0 or self._rules.order == "mdy":
            return self._day(numbers[place], one, two)
        return self._day(numbers[place], two, one)

    def _day(self, year: _Number, month: int, day: int) -> Day | None:
        found = _date(self._year(year), month, day)
        if found is None:
            return None
        short = len(year.digits) <= 2 and year.added is None and self._rules.first_year is None
        return Day(found, ambiguous=short and self._thai, short_year=short)

    def _year(self, number: _Number) -> int:
        if number.added is not None:
            return int(number.digits) + number.added
        year = _year(number.digits, self._rules.first_year)
        return year + _BUDDHIST_YEARS if self._thai and year >= _BUDDHIST else year


_TAIWAN: Final = frozenset(("zh_TW", "zh-TW", "zh_Hant", "zh-Hant", "zh_Hant_TW", "zh-Hant-TW"))


def _letters_of_eras(locale: str | None) -> str:
    return "mtshr" if locale is not None and parsed(locale).language == "ja" else ""


def _is_thai(text: str, locale: str | None) -> bool:
    if locale is not None:
        return parsed(locale).language == "th"
    return not text.isascii() and _THAI.search(text) is not None


def _is_year(number: _Number) -> bool:
    return number.year or number.added is not None or len(number.digits) > 2


def _parts(text: str, words: DateWords, zones: frozenset[Phrase]) -> _Parts | None:
    """Return what the text's words and numbers say; None where one of them is unknown."""
    atoms = [(match[0], match.start(), match.end()) for match in ATOM.finditer(text)]
    if len(atoms) > _MAX_ATOMS:
        return None
    found = _Found(words)
    rest, at, place, split = [], 0, 0, False
    while at < len(atoms):
        name, length = _longest(atoms, at, words, zones)
        word, start, _ = atoms[at]
        if name is None:
            if not word.isdigit():
                return None
            found.number(word, year=text[start - 1 : start] in {"'", "’", "ʼ"})
            at += 1
            continue
        found.name(name)
        end = atoms[at + length - 1][2]
        if not (name in words.months or name in words.eras) and word[0] < _UNSPACED:
            if text[end : end + 1].isdigit():
                return None  # as O7, a misread 07
            split = split or (text[start - 1 : start].isdigit() and at + length < len(atoms))
        rest.append(text[place:start])
        place, at = end, at + length
    rest.append(text[place:])
    months = set(found.surely or found.months)
    return _Parts(found.numbers, months, found.roman, " ".join(rest), split)


class _Found:
    """Collects what the words of one text say."""

    def __init__(self, words: DateWords) -> None:
        self.numbers: list[_Number] = []
        self.months: list[int] = []
        self.surely: list[int] = []  # those that are no weekday either, as mar is in French
        self.roman: set[int] = set()
        self._words = words
        self._era: int | None = None  # what the era before the next number adds

    def number(self, digits: str, *, year: bool) -> None:
        """Add a number, which is a year by a sign before it or not."""
        self.numbers.append(_Number(digits, year, self._era))
        self._era = None

    def name(self, name: Phrase) -> None:
        """Add what a phrase says."""
        words, last = self._words, self.numbers[-1] if self.numbers else None
        if name in words.eras and (name not in words.joining or len(name[0]) == 1):
            if last and len(last.digits) > 2 and words.eras[name] < 0:
                self.numbers[-1] = last._replace(added=words.eras[name])
            else:
                self._era = words.eras[name]
        elif name[0] in _YEAR_MARKS and last:
            long = len(last.digits) == 3 and last.added is None
            self.numbers[-1] = last._replace(year=True, added=_ROC_YEARS if long else last.added)
        elif name in words.months:
            self.months.append(words.months[name])
            if name not in words.weekdays:
                self.surely.append(words.months[name])
        elif roman_month(name):
            self.roman.add(roman_month(name) or 0)


def _longest(
    atoms: list[tuple[str, int, int]], at: int, words: DateWords, zones: frozenset[Phrase]
) -> tuple[Phrase | None, int]:
    """Return the longest known phrase that begins at an atom, and its length."""
    most = 10 if zones else words.longest
    for length in range(min(most, len(atoms) - at), 0, -1):
        name = tuple(_plain_atom(atom) for atom, _, _ in atoms[at : at + length])
        known = name in words.months or name in words.weekdays or name in words.joining
        if known or name in words.eras or name in zones or (length == 1 and roman_month(name)):
            return name, length
    return None, 0


def _plain_atom(atom: str) -> str:
    """Return an atom as names of months have it: 3 for the 03 of 03月."""
    return atom.lstrip("0") if "0" <= atom[0] <= "9" else atom


def _without_time(text: str) -> Iterator[str]:
    """Yield the text without one time of day, for each that may be one."""
    for pattern in _TIMES:
        results = list(pattern.finditer(text))
        for result in reversed(results if len(results) <= _MAX_TIMES else ()):
            after = _ZONE.sub(" ", text[result.end() :])
            before = _ZONE_BEFORE.sub("", text[: result.start()])
            yield f"{before} {after}".strip(_EDGES + "-")


def _han_number(result: re.Match[str]) -> str:
    """Return the digits of a number in Chinese signs: 二〇二四, 十四 or, for 1, 元."""
    text = result[0].replace("零", "〇").replace("元", "一")
    if "十" not in text:
        return "".join(str(_HAN_DIGITS.index(sign)) for sign in text)
    tens, _, ones = text.partition("十")
    if len(tens) > 1 or len(ones) > 1:
        return result[0]
    return str(
        10 * (_HAN_DIGITS.index(tens) if tens else 1) + (_HAN_DIGITS.index(ones) if ones else 0)
    )


def _year(digits: str, first_year: int | None) -> int:
    number = int(digits)
    if len(digits) > 2:
        return number
    first = FIRST_YEAR if first_year is None else first_year
    return first + (number - first) % 100


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
