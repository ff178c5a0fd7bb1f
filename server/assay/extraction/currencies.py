"""Currencies by their ISO 4217 codes, and by the signs and words that stand for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from babel.numbers import list_currencies

Currencies = frozenset[str]
"""ISO codes that a sign may mean: $ is that of every dollar and peso."""

_DOLLARS = "USD CAD AUD NZD HKD SGD TWD MXN ARS CLP COP BMD BSD BBD BZD FJD GYD JMD LRD NAD TTD XCD"
# Signs as they are after NFKC and case folding, without dots.
_SIGNS: Mapping[str, str] = {
    "€": "EUR", "euro": "EUR", "euros": "EUR",
    "$": _DOLLARS, "dollar": _DOLLARS, "dollars": _DOLLARS,
    "us$": "USD", "$us": "USD", "c$": "CAD", "ca$": "CAD", "can$": "CAD", "a$": "AUD",
    "au$": "AUD", "nz$": "NZD", "hk$": "HKD", "s$": "SGD", "sg$": "SGD", "nt$": "TWD",
    "mx$": "MXN", "r$": "BRL", "real": "BRL", "reais": "BRL",
    "£": "GBP EGP LBP SYP GIP FKP SHP", "pound": "GBP EGP LBP SYP GIP FKP SHP",
    "pounds": "GBP EGP LBP SYP GIP FKP SHP",
    "¥": "JPY CNY", "yen": "JPY", "円": "JPY", "yuan": "CNY", "元": "CNY TWD HKD", "圓": "CNY TWD HKD",
    "rmb": "CNY", "₩": "KRW KPW", "원": "KRW", "won": "KRW KPW",
    "₹": "INR", "rs": "INR PKR LKR NPR MUR", "rupees": "INR PKR LKR NPR MUR",
    "kr": "SEK NOK DKK ISK", "kronor": "SEK", "kroner": "NOK DKK", "skr": "SEK", "nkr": "NOK",
    "dkr": "DKK", "sfr": "CHF", "fr": "CHF", "franken": "CHF",
    "zł": "PLN", "zl": "PLN", "złotych": "PLN", "kč": "CZK", "kc": "CZK", "ft": "HUF",
    "forint": "HUF", "lei": "RON MDL", "leu": "RON MDL", "лв": "BGN", "kn": "HRK",
    "₽": "RUB", "руб": "RUB", "рублей": "RUB", "₴": "UAH", "грн": "UAH", "din": "RSD",
    "₺": "TRY", "tl": "TRY", "₪": "ILS", "฿": "THB", "₫": "VND", "đ": "VND", "rp": "IDR",
    "rm": "MYR", "₱": "PHP", "₦": "NGN", "₵": "GHS", "₡": "CRC", "₲": "PYG", "₸": "KZT",
    "₾": "GEL", "₼": "AZN", "r": "ZAR", "dh": "AED MAD", "د.إ": "AED", "ر.س": "SAR",
    "﷼": "IRR SAR OMR QAR YER", "ریال": "IRR SAR OMR QAR YER",
}  # fmt: skip


@lru_cache(maxsize=1)
def _known() -> Mapping[str, Currencies]:
    known = {code.casefold(): frozenset((code,)) for code in list_currencies()}
    for sign, codes in _SIGNS.items():
        known[sign] = frozenset(codes.split())
    return known


def currencies_of(word: str) -> Currencies | None:
    """Return the ISO codes that a case-folded code, sign or word may mean; None if it is none."""
    known = _known()
    return known.get(word) or known.get(word.rstrip("."))
