"""Records in many languages, made of the names that CLDR has in each: text that needs no download."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from babel import Locale

# Languages that are alike come in groups: telling them apart is the task.
LANGUAGES = (
    *("da", "nb", "nn", "sv", "fo", "is"),
    *("de", "lb", "gsw", "nl", "fy", "af"),
    *("es", "gl", "ca", "pt", "it", "fr", "ro"),
    *("cs", "sk", "pl", "sl", "hr", "bs", "lt", "lv"),
    *("ru", "uk", "be", "bg", "mk"),
    *("id", "ms", "jv", "fil", "sw", "eu", "fi", "et", "hu", "tr", "az"),
)
SPLITS = {"train": 0.6, "validation": 0.2, "test": 0.2}  # parts of the names and of the records
LONG = 0.35  # part of the records that are longer than one chunk of 512 words
SHORT_NAMES = (4, 40)
LONG_NAMES = (450, 900)


@dataclass(frozen=True, kw_only=True)
class LanguageRecord:
    """One record: names of one language, joined."""

    row_id: str
    text: str
    label: str  # the language


def language_records(
    split: str, *, per_language: int = 100, seed: int = 7, languages: tuple[str, ...] = LANGUAGES
) -> Iterator[LanguageRecord]:
    """Yield a split's records, in a random order; no name is in the records of two splits.

    Args:
        split: train, validation or test.
        per_language: Records of each language in all splits together.
        seed: What is drawn depends on it.
        languages: The languages, by their codes in CLDR.
    """
    draw = random.Random(f"{seed} {split}")  # noqa: S311 — drawn rows, no secret
    pools = {language: _names(language, split) for language in languages}
    order = list(languages) * round(per_language * SPLITS[split])
    draw.shuffle(order)
    for number, language in enumerate(order):
        fewest, most = LONG_NAMES if draw.random() < LONG else SHORT_NAMES
        names = draw.choices(pools[language], k=draw.randint(fewest, most))
        yield LanguageRecord(row_id=f"{split}-{number}", text=", ".join(names), label=language)


def _names(language: str, split: str) -> list[str]:
    """Return the names of territories, languages, scripts and currencies of one split."""
    locale = Locale.parse(language)
    tables = (locale.territories, locale.languages, locale.scripts, locale.currencies)
    codes = sorted({str(code) for table in tables for code in table})
    random.Random(language).shuffle(codes)  # noqa: S311 — drawn rows, no secret
    end = {"train": 0.6, "validation": 0.8, "test": 1.0}[split]
    part = codes[round(len(codes) * (end - SPLITS[split])) : round(len(codes) * end)]
    return [str(table[code]) for code in part for table in tables if code in table]
