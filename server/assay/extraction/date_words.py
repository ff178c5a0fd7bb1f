"""Words of dates: the names that a locale gives months, weekdays and eras, and what joins them.

A phrase is a tuple of atoms, which are words or digits without spaces and punctuation: an
abbreviation such as มี.ค. and a name such as tháng 3 are phrases of two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from babel import Locale
from babel.dates import tokenize_pattern

from assay.extraction.text import normal_text, unaccented

Phrase = tuple[str, ...]

# Names that two languages use for different months are read only where a locale says whose.
_LANGUAGES = (
    "en de fr es it pt nl da sv nb fi pl cs sk hu ro bg el ru uk tr hr sl et lv lt ga mt ca eu gl is"
    " sr he ar fa hi bn th vi id ms ja zh ko"
)
_VARIANTS = "ar_LB ar_MA de_AT en_AU en_CA en_GB fr_CA nn pt_PT sr_Latn zh_Hant"
LANGUAGES: Final = tuple(_LANGUAGES.split())
LOCALES: Final = (*LANGUAGES, *_VARIANTS.split())
"""Those whose names are known without a locale: each language, and variants with other names."""

_GAPS = r"\s!-/:-@\[-`{-~¡«·»¿·՚-՟׀׃־׳״،؛؟۔।॥\u2010-\u2027\u2030-\u205e、。〈-】〔-〟・"
_HAN = "〇一-鿿㐀-䶿"
ATOM: Final = re.compile(rf"[0-9]+|[{_HAN}]|[^{_GAPS}0-9{_HAN}]+")
_MARKS = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"}

_JOINING = """
    of the de del den der le la el di do da st nd rd th er ère eme ème ter te e a o á an at on d d'
    year г года году год р року рік roku r rok év i m an año ano anno ano jahr jahre leto god година
    година γ ετος godine gada metai metų aasta árið år vuosi vuonna urtea bliain sena
    a.m. p.m. dated dato fecha datum date le kl klo um à as às a las los alle alla ore om ob o u в о об στις saat
    ora orele la uhr uur h hrs hod hodin ч час tid ngày tháng năm tanggal pada ساعت في เวลา วันที่
    年 月 日 号 號 년 월 일 の ko ren го й е я ое le ième º ª tes ος η g leta ж жыл թ წ yil день day dia día jour tag
"""
_ERAS: Mapping[str, int] = {
    "明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018,
    "民國": 1911, "民国": 1911, "中華民國": 1911, "中华民国": 1911,
    "พ.ศ.": -543, "พุทธศักราช": -543, "b.e.": -543, "be": -543,
}  # fmt: skip
# Usual abbreviations that CLDR does not have.
_MORE_MONTHS: Mapping[str, Mapping[str, int]] = {
    "en": {"sept": 9}, "de": {"mrz": 3}, "fr": {"fév": 2}, "es": {"set": 9}, "it": {"sett": 9},
    "ro": {"noi": 11}, "bg": {"мар": 3, "септ": 9}, "el": {"σεπτ": 9}, "id": {"agt": 8, "ags": 8},
    "ru": {"фев": 2, "сен": 9, "ноя": 11},
}  # fmt: skip
_JAPANESE_LETTERS: Mapping[str, int] = {"m": 1867, "t": 1911, "s": 1925, "h": 1988, "r": 2018}
_ROMANS = "i ii iii iv v vi vii viii ix x xi xii"
_ROMAN: Final = {roman: month for month, roman in enumerate(_ROMANS.split(), 1)}


class DateWords(NamedTuple):
    """What phrases mean; month 0 is one of two months. `eras` say what to add to a year."""

    months: Mapping[Phrase, int]
    weekdays: frozenset[Phrase]
    joining: frozenset[Phrase]
    eras: Mapping[Phrase, int]
    longest: int


def parsed(locale: str) -> Locale:
    """Return the locale `locale`, such as de_DE or de-DE."""
    return Locale.parse(locale.replace("-", "_"))


def phrase(text: str) -> Phrase:
    """Return the atoms of a normal text, without accents."""
    return tuple(ATOM.findall(unaccented(text)))


def roman_month(word: Phrase) -> int | None:
    """Return the month that a Roman numeral is, as Poland and Hungary write it."""
    return _ROMAN.get(word[0]) if len(word) == 1 else None


@lru_cache(maxsize=256)
def date_words(locale: str | None) -> DateWords:
    """Return the words of the locale's language and English, or of all languages for None."""
    if locale is not None:
        own, english = _words_of(locale), _words_of("en")
        return _whole(
            {**english.months, **own.months},
            own.weekdays | english.weekdays,
            own.joining | english.joining,
            own.eras,
        )
    months: dict[Phrase, int] = {}
    weekdays: set[Phrase] = set()
    joining: set[Phrase] = set()
    eras: dict[Phrase, int] = {}
    for language in LOCALES:
        words = _words_of(language)
        weekdays |= words.weekdays
        joining |= words.joining
        for name, month in words.months.items():
            months[name] = month if months.get(name, month) == month else 0
    eras.update((phrase(normal_text(name)), years) for name, years in _ERAS.items())
    return _whole(months, frozenset(weekdays), frozenset(joining), eras)


def _whole(
    months: Mapping[Phrase, int],
    weekdays: frozenset[Phrase],
    joining: frozenset[Phrase],
    eras: Mapping[Phrase, int],
) -> DateWords:
    longest = max(map(len, (*months, *weekdays, *joining, *eras)))
    return DateWords(months, weekdays, joining, eras, longest)


@lru_cache(maxsize=256)
def _words_of(locale: str) -> DateWords:
    found = parsed(locale)
    affixes = list(_affixes(found))
    months: dict[Phrase, int] = {}
    weekdays: set[Phrase] = set()
    for context in ("format", "stand-alone"):
        for width in ("abbreviated", "wide"):
            for number, name in found.months[context][width].items():
                months.update((one, number) for one in _forms(name, affixes, month=True))
        for width in ("short", "abbreviated", "wide"):
            for name in found.days[context].get(width, {}).values():
                weekdays.update(_forms(name, affixes, month=False))
    for name, number in _MORE_MONTHS.get(found.language, {}).items():
        months[phrase(normal_text(name))] = number
    months.pop((), None)
    eras = {phrase(normal_text(name)): years for name, years in _ERAS.items()}
    if found.language == "ja":
        eras |= {(letter,): years for letter, years in _JAPANESE_LETTERS.items()}
    return _whole(months, frozenset(weekdays) - {()}, frozenset(_joining(found)) - {()}, eras)


def _forms(name: str, affixes: list[tuple[str, str, bool]], *, month: bool) -> Iterator[Phrase]:
    """Yield a name in the forms that texts have: without accents, with ae for ä, with affixes."""
    normal = normal_text(name)
    plain = normal.removeprefix("de ").removeprefix("d’").removeprefix("d'")
    written = "".join(_MARKS.get(letter, letter) for letter in unicodedata.normalize("NFC", plain))
    for form in {normal, plain, written}:
        yield phrase(form)
        for before, after, of_month in affixes:
            if of_month is month:
                yield phrase(f"{before}{form}{after}")


def _affixes(locale: Locale) -> Iterator[tuple[str, str, bool]]:
    """Yield what the locale's dates write directly before or after a name: ב before a month."""
    for _, pattern in _patterns(locale):
        tokens = _joined(pattern)
        for number, (kind, value) in enumerate(tokens):
            if kind != "field" or value[0] not in "MLEc" or value[1] < 3:
                continue
            before = tokens[number - 1][1] if number and tokens[number - 1][0] == "chars" else ""
            after = tokens[number + 1][1] if tokens[number + 1 :] else ""
            heads = re.search(rf"[^{_GAPS}0-9{_HAN}]+$", before)
            tails = re.match(rf"[^{_GAPS}0-9{_HAN}]+", after) if isinstance(after, str) else None
            if heads or tails:
                yield (
                    normal_text(heads[0]) if heads else "",
                    normal_text(tails[0]) if tails else "",
                    value[0] in "ML",
                )


def _joined(pattern: str) -> list[tuple[str, Any]]:
    """Return a CLDR pattern as fields and texts, no two texts in a row."""
    tokens: list[tuple[str, Any]] = []
    for kind, value in tokenize_pattern(pattern):
        if kind == "chars" and tokens and tokens[-1][0] == "chars":
            tokens[-1] = (kind, tokens[-1][1] + value)
        else:
            tokens.append((kind, value))
    return tokens


def _patterns(locale: Locale) -> Iterator[tuple[str, str]]:
    """Yield the locale's patterns of dates and times, and what stands between both."""
    for formats in (locale.date_formats, locale.time_formats, locale.datetime_skeletons):
        for name, pattern in formats.items():
            yield str(name), str(pattern.pattern)
    for name, glue in locale.datetime_formats.items():
        yield str(name), str(glue).replace("{0}", " ").replace("{1}", " ")


def _joining(locale: Locale) -> Iterator[Phrase]:
    """Yield the words that the locale puts between the parts of a date and of a time."""
    for word in _JOINING.split():
        yield phrase(normal_text(word))
    for _, pattern in _patterns(locale):
        for kind, value in _joined(pattern):
            if kind == "chars":
                for atom in phrase(normal_text(value)):
                    yield (atom,)
    for width in ("abbreviated", "wide"):
        yield phrase(normal_text(locale.eras.get(width, {}).get(1, "")))
    for context in locale.day_periods.values():
        for width in ("abbreviated", "wide"):
            for name in context.get(width, {}).values():
                yield phrase(normal_text(name))


@lru_cache(maxsize=64)
def zone_names(locale: str | None) -> frozenset[Phrase]:
    """Return the names of time zones in the locale's language, or in all languages for None."""
    if locale is None:
        return frozenset().union(*map(zone_names, LOCALES))
    found = parsed(locale)
    names: set[str] = {"utc", "gmt", "z"}
    for zones in (found.time_zones, found.meta_zones):
        for zone in zones.values():
            for width in ("long", "short"):
                names.update(map(str, zone.get(width, {}).values()))
    names.add(found.zone_formats["gmt"].replace("%s", " "))
    return frozenset(phrase(normal_text(name)) for name in names) - {()}
