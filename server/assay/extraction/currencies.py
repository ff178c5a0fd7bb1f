"""Currencies by their ISO 4217 codes, and by the signs and words that stand for them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from babel.numbers import list_currencies

from assay.extraction.text import normal_text

Currencies = frozenset[str]
"""ISO codes that a sign may mean: $ is that of every dollar and peso."""

# ISO 4217's decimals, where they are not two; CLDR has those of daily use, which are fewer.
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_CODE = 3  # letters
_LONGEST_ABBREVIATION = 4
_NONE: Currencies = frozenset()

_DOLLARS = (
    "USD CAD AUD NZD HKD SGD TWD MXN ARS CLP COP BMD BND BSD BBD BZD CUP DOP FJD GYD JMD KYD LRD NAD"
    " NIO SBD SRD TTD UYU XCD"
)
_POUNDS = "GBP EGP LBP SYP GIP FKP SHP SDG SSP"
# Signs as they are after NFKC and case folding, without dots.
_SIGNS: Mapping[str, str] = {
    "€": "EUR", "euro": "EUR", "euros": "EUR", "евро": "EUR", "ευρώ": "EUR", "ευρω": "EUR",
    "$": _DOLLARS, "dollar": _DOLLARS, "dollars": _DOLLARS,
    "us$": "USD", "$us": "USD", "u$s": "USD", "u$": "USD", "u$d": "USD", "c$": "CAD NIO", "ca$": "CAD", "can$": "CAD", "a$": "AUD",
    "au$": "AUD", "nz$": "NZD", "hk$": "HKD", "s$": "SGD", "sg$": "SGD", "nt$": "TWD",
    "mx$": "MXN", "mex$": "MXN", "ar$": "ARS", "cl$": "CLP", "col$": "COP", "$ca": "CAD",
    "rd$": "DOP", "ec$": "XCD", "t$": "TOP", "ws$": "WST", "mop$": "MOP", "j$": "JMD", "tt$": "TTD",
    "bz$": "BZD", "bds$": "BBD", "b$": "BSD BND", "fj$": "FJD", "n$": "NAD", "$u": "UYU",
    "peso": "MXN ARS CLP COP CUP DOP UYU PHP", "pesos": "MXN ARS CLP COP CUP DOP UYU PHP",
    "r$": "BRL", "real": "BRL", "reais": "BRL",
    "£": _POUNDS, "pound": _POUNDS, "pounds": _POUNDS, "£gb": "GBP", "gb£": "GBP", "uk£": "GBP", "£e": "EGP", "e£": "EGP", "₤": _POUNDS,
    "¥": "JPY CNY", "yen": "JPY", "円": "JPY", "円也": "JPY", "us": "USD", "sterling": "GBP", "£stg": "GBP", "yuan": "CNY", "元": "CNY TWD HKD", "圓": "CNY TWD HKD",
    "rmb": "CNY", "cn¥": "CNY", "jp¥": "JPY", "人民币": "CNY", "人民幣": "CNY",
    "₩": "KRW KPW", "원": "KRW", "won": "KRW KPW",
    "₹": "INR", "rs": "INR PKR LKR NPR MUR", "rupees": "INR PKR LKR NPR MUR",
    "kr": "SEK NOK DKK ISK", "kronor": "SEK", "kroner": "NOK DKK", "skr": "SEK", "nkr": "NOK",
    "dkr": "DKK", "sfr": "CHF", "fr": "CHF", "franken": "CHF",
    "zł": "PLN", "zl": "PLN", "złotych": "PLN", "kč": "CZK", "kc": "CZK", "kčs": "CZK", "ft": "HUF",
    "forint": "HUF", "lei": "RON MDL", "leu": "RON MDL", "лв": "BGN", "лева": "BGN", "щ.д": "USD", "lv": "BGN", "kn": "HRK",
    "₽": "RUB", "руб": "RUB BYN", "рублей": "RUB", "р": "RUB BYN", "₴": "UAH", "грн": "UAH",
    "din": "RSD", "дин": "RSD", "ден": "MKD", "den": "MKD", "км": "BAM", "km": "BAM",
    "lekë": "ALL", "leke": "ALL", "br": "BYN ETB", "сом": "KGS", "soʻm": "UZS", "сўм": "UZS",
    "so'm": "UZS",
    "₺": "TRY", "tl": "TRY", "₪": "ILS", "฿": "THB", "₫": "VND", "đ": "VND", "rp": "IDR",
    "rm": "MYR", "₱": "PHP", "₦": "NGN", "₵": "GHS", "₡": "CRC", "₲": "PYG", "₸": "KZT",
    "₾": "GEL", "₼": "AZN", "r": "ZAR", "rand": "ZAR",
    # Latin America
    "s/": "PEN", "soles": "PEN", "q": "GTQ", "l": "HNL MDL LSL", "lps": "HNL", "bs": "BOB VES",
    "bss": "VES", "bsf": "VES", "bs.d": "VES", "b/": "PAB", "gs": "PYG", "afl": "AWG", "cg": "XCG", "g": "HTG",
    # Africa
    "ksh": "KES", "kshs": "KES", "tsh": "TZS", "tshs": "TZS", "ush": "UGX", "ushs": "UGX",
    "sh": "KES TZS UGX SOS", "shs": "KES TZS UGX SOS", "gh₵": "GHS", "gh¢": "GHS", "fcfa": "XAF XOF",
    "cfa": "XAF XOF", "f": "XAF XOF XPF CHF BIF RWF GNF DJF KMF CDF", "fcfp": "XPF", "fbu": "BIF",
    "fc": "CDF", "fdj": "DJF", "fg": "GNF", "cf": "KMF", "rf": "RWF MVR", "ls": "SYP", "frw": "RWF", "kz": "AOA",
    "p": "BWP PHP", "d": "GMD", "e": "SZL", "m": "LSL", "mk": "MWK", "k": "ZMW MMK PGK", "mtn": "MZN",
    "mt": "MZN", "ar": "MGA", "le": "SLE", "nfk": "ERN", "ብር": "ETB", "s": "SOS", "db": "STN",
    "da": "DZD", "dt": "TND", "sr": "SAR SCR", "um": "MRU", "l.e": "EGP",
    # The Gulf and the Near East
    "dh": "AED MAD", "dhs": "AED MAD", "qr": "QAR", "bd": "BHD", "kd": "KWD",
    "jd": "JOD", "ro": "OMR", "ر.ع": "OMR", "د.إ": "AED", "ر.س": "SAR", "د.ب": "BHD", "د.ج": "DZD",
    "ج.م": "EGP", "د.ع": "IQD", "د.أ": "JOD", "د.ا": "JOD", "د.ك": "KWD", "ل.ل": "LBP", "د.ل": "LYD",
    "د.م": "MAD", "أ.م": "MRU", "ر.ق": "QAR", "ج.س": "SDG", "ل.س": "SYP", "د.ت": "TND", "ر.ي": "YER",
    "﷼": "IRR SAR OMR QAR YER", "ریال": "IRR SAR OMR QAR YER", "ريال": "SAR OMR QAR YER",
    "درهم": "AED MAD", "تومان": "IRR",
    # Asia and the Pacific
    "؋": "AFN", "֏": "AMD", "৳": "BDT", "tk": "BDT", "nu": "BTN", "៛": "KHR", "₭": "LAK", "රු": "LKR",
    "₮": "MNT", "ރ": "MVR", "नेरू": "NPR", "रू": "NPR", "रु": "INR NPR", "re": "INR",
    "vt": "VUV", "บาท": "THB", "baht": "THB", "₨": "INR PKR LKR NPR MUR",
}  # fmt: skip


@lru_cache(maxsize=1)
def _known() -> Mapping[str, Currencies]:
    known = {code.casefold(): frozenset((code,)) for code in list_currencies()}
    for sign, codes in _SIGNS.items():
        known[normal_text(sign)] = frozenset(codes.split())
    return known


def currencies_of(word: str) -> Currencies | None:
    """Return the ISO codes that a normal code, sign or word may mean; None if it is none.

    A code and a sign may stand together, as in USD$, if they do not contradict each other.
    """
    known = _known()
    found = known.get(word) or known.get(word.rstrip(".")) or known.get(word.replace(".", ""))
    if found is not None:
        return found
    for code, sign in ((word[:_CODE], word[_CODE:]), (word[-_CODE:], word[:-_CODE])):
        both = known.get(code, _NONE) & known.get(sign, _NONE)
        if both and code.isalpha():
            return both
    return None


def is_abbreviation(word: str) -> bool:
    """Return whether a word is one for a currency that a point may end, as in Rs. and S/."""
    last = word.rsplit(maxsplit=1)[-1] if word else ""
    signs = any(unicodedata.category(letter) == "Sc" for letter in last)
    return last in _SIGNS and not signs and len(last) <= _LONGEST_ABBREVIATION


def decimals_of(currencies: Currencies) -> int | None:
    """Return how many decimals the currencies have, where that is 3 or 0 for all of them."""
    if currencies.issubset(_THREE_DECIMALS.split()):
        return 3
    return 0 if currencies.issubset(_NO_DECIMALS.split()) else None
