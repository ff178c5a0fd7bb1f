"""Conventions of invoices in several countries: money, dates, names and tax ids.

Written out by hand, not by babel: what reads these texts uses babel, and should not be asked
about its own writing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

NBSP = "\u00a0"  # what stands between the thousands in French, Swedish and Polish


@dataclass(frozen=True, kw_only=True)
class Country:
    """One country's habits on paper."""

    locale: str  # babel's id
    currency: str  # ISO 4217
    group: str  # between thousands
    point: str  # before the decimals
    money: str  # with {} for the amount
    numeric_date: str  # with {d}, {m} and {y}
    long_date: str  # the same with {month}
    months: tuple[str, ...]
    vendors: tuple[str, ...]  # surnames and the like
    trades: tuple[str, ...]
    forms: tuple[str, ...]  # legal forms
    streets: tuple[str, ...]  # with {} for the number
    cities: tuple[str, ...]
    items: tuple[str, ...]
    tax_rates: tuple[str, ...]  # percent
    tax_id: str  # each # is a digit; "" where sellers have none
    invoice_number: str  # with {y} for the year, each # a digit
    bank: str  # an IBAN's pattern; "" where there are none

    def amount(self, value: Decimal) -> str:
        """Return an amount with its currency, as it is printed."""
        return self.money.format(self.number(value))

    def number(self, value: Decimal) -> str:
        """Return a number as it is printed, with the decimals that it has."""
        whole, _, rest = f"{value:,}".partition(".")
        grouped = whole.replace(",", self.group)
        return f"{grouped}{self.point}{rest}" if rest else grouped

    def day_in_numbers(self, day: date) -> str:
        """Return a date in numbers, as it is printed."""
        return self.numeric_date.format(d=f"{day.day:02}", m=f"{day.month:02}", y=day.year)

    def day_in_words(self, day: date) -> str:
        """Return a date with the month's name, as it is printed."""
        return self.long_date.format(d=day.day, month=self.months[day.month - 1], y=day.year)

    def vendor(self, chance: random.Random) -> str:
        """Return the name of a firm."""
        pick = chance.choice
        return f"{pick(self.vendors)} {pick(self.trades)} {pick(self.forms)}"

    def address(self, chance: random.Random) -> str:
        """Return a street and a city."""
        street = chance.choice(self.streets).format(chance.randint(1, 180))
        return f"{street}, {chance.choice(self.cities)}"


def digits(pattern: str, chance: random.Random) -> str:
    """Return `pattern` with a digit for each #."""
    return "".join(str(chance.randint(0, 9)) if sign == "#" else sign for sign in pattern)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _lines(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|"))


_FR_MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
_DE_MONTHS = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
_EN_MONTHS = "January February March April May June July August September October November December"
_GERMAN = Country(
    locale="de_DE",
    currency="EUR",
    group=".",
    point=",",
    money="{} €",
    numeric_date="{d}.{m}.{y}",
    long_date="{d}. {month} {y}",
    months=_words(_DE_MONTHS),
    vendors=_lines("Müller | Schröder & Söhne | Weiß | Großmann | Jäger | Bäumer & Koch"),
    trades=_lines("Bürobedarf | Gebäudetechnik | Metallbau | Lebensmittelgroßhandel | Spedition"),
    forms=_lines("GmbH | GmbH & Co. KG | AG | e.K."),
    streets=_lines("Königsallee {} | Schönhauser Straße {} | Am Mühlbach {} | Gärtnerweg {}"),
    cities=_lines("40212 Düsseldorf | 10439 Berlin | 80331 München | 50667 Köln"),
    items=_lines(
        "Druckerpapier A4 weiß, 500 Blatt | Wartung der Lüftungsanlage | Schrauben M6, verzinkt"
        " | Arbeitsstunden Monteur | Frachtkosten Inland | Tonerkartusche schwarz"
    ),
    tax_rates=("19", "7"),
    tax_id="DE#########",
    invoice_number="RE-{y}-#####",
    bank="DE## #### #### #### #### ##",
)
_AMERICAN = Country(
    locale="en_US",
    currency="USD",
    group=",",
    point=".",
    money="${}",
    numeric_date="{m}/{d}/{y}",
    long_date="{month} {d}, {y}",
    months=_words(_EN_MONTHS),
    vendors=_lines("Smith | O'Connell | Ramírez Bros. | Blue Ridge | Lakeside"),
    trades=_lines("Office Supply | Plumbing | Freight Lines | Roofing | Medical Imaging"),
    forms=_lines("LLC | Inc. | Corp."),
    streets=_lines("{} Main Street | {} Elm Avenue | {} County Road 12"),
    cities=_lines("Springfield, IL 62701 | Boise, ID 83702 | Albany, NY 12207"),
    items=_lines(
        "Copy paper, letter size, case | Service call, first hour | Copper pipe 3/4 in"
        " | Shipping and handling | Ink cartridge, black | Labor, journeyman"
    ),
    tax_rates=("8.25", "6.5", "0"),
    tax_id="##-#######",
    invoice_number="INV######",
    bank="",
)
_BRITISH = Country(
    locale="en_GB",
    currency="GBP",
    group=",",
    point=".",
    money="£{}",
    numeric_date="{d}/{m}/{y}",
    long_date="{d} {month} {y}",
    months=_words(_EN_MONTHS),
    vendors=_lines("Hargreaves | Llewellyn & Daughters | MacDonald | Thornbury | Oakfield"),
    trades=_lines("Stationers | Haulage | Joinery | Catering Supplies | Electrical"),
    forms=_lines("Ltd | plc | LLP"),
    streets=_lines("{} High Street | {} Station Road | {} Victoria Terrace"),
    cities=_lines("Leeds LS1 4AP | Bristol BS1 5TR | Cardiff CF10 1EP"),
    items=_lines(
        "Envelopes, DL, box of 1000 | Delivery to site | Oak skirting board, per metre"
        " | Site survey | Replacement light fittings"
    ),
    tax_rates=("20", "5"),
    tax_id="GB ### #### ##",
    invoice_number="SI/{y}/####",
    bank="GB## BARC #### #### #### ##",
)
_FRENCH = Country(
    locale="fr_FR",
    currency="EUR",
    group=NBSP,
    point=",",
    money="{}" + NBSP + "€",
    numeric_date="{d}/{m}/{y}",
    long_date="{d} {month} {y}",
    months=_words(_FR_MONTHS),
    vendors=_lines("Lefèvre | Société Générale de | Établissements Gauthier | Crépin et Fils"),
    trades=_lines("Électricité | Fournitures | Maçonnerie | Transports"),
    forms=_lines("SARL | SAS | SA"),
    streets=_lines(
        "{} rue de la République | {} avenue du Général-Leclerc | {} quai des Célestins"
    ),
    cities=_lines("75004 Paris | 69002 Lyon | 31000 Toulouse"),
    items=_lines(
        "Ramettes de papier, carton | Main-d'œuvre électricien | Câble 3×2,5 mm², couronne"
        " | Frais de déplacement | Béton prêt à l'emploi"
    ),
    tax_rates=("20", "10", "5.5"),
    tax_id="FR## #########",
    invoice_number="FA{y}######",
    bank="FR## #### #### #### #### #### ###",
)
_SWEDISH = Country(
    locale="sv_SE",
    currency="SEK",
    group=NBSP,
    point=",",
    money="{} kr",
    numeric_date="{y}-{m}-{d}",
    long_date="{d} {month} {y}",
    months=_words(
        "januari februari mars april maj juni juli augusti september oktober november december"
    ),
    vendors=_lines("Åkesson | Öbergs | Sjöström & Söner | Norrländska"),
    trades=_lines("Måleri | Bygg | Kontorsmöbler | Åkeri"),
    forms=_lines("AB | HB"),
    streets=_lines("Storgatan {} | Järnvägsgatan {} | Åsögatan {}"),
    cities=_lines("118 29 Stockholm | 903 26 Umeå | 702 11 Örebro"),
    items=_lines("Väggfärg, vit, 10 l | Arbetstid målare | Skrivbord, höj- och sänkbart | Frakt"),
    tax_rates=("25", "12"),
    tax_id="SE############",
    invoice_number="#######",
    bank="SE## #### #### #### #### ####",
)
_POLISH = Country(
    locale="pl_PL",
    currency="PLN",
    group=NBSP,
    point=",",
    money="{} zł",
    numeric_date="{d}.{m}.{y}",
    long_date="{d} {month} {y}",
    months=_words(
        "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października"
        " listopada grudnia"
    ),
    vendors=_lines("Wójcik | Żółkiewski i Wspólnicy | Śląskie Zakłady | Łęcki"),
    trades=_lines("Hurtownia Papieru | Usługi Budowlane | Części Zamienne | Przewozy"),
    forms=_lines("Sp. z o.o. | S.A. | sp.j."),
    streets=_lines("ul. Świętokrzyska {} | ul. Łąkowa {} | al. Niepodległości {}"),
    cities=_lines("00-044 Warszawa | 90-562 Łódź | 30-001 Kraków"),
    items=_lines(
        "Papier ksero A4, ryza | Usługa transportowa | Łożysko kulkowe | Roboczogodzina | Śruby M8"
    ),
    tax_rates=("23", "8"),
    tax_id="PL ###-##-##-###",
    invoice_number="FV/{y}/####",
    bank="PL## #### #### #### #### #### ####",
)
_BRAZILIAN = Country(
    locale="pt_BR",
    currency="BRL",
    group=".",
    point=",",
    money="R$ {}",
    numeric_date="{d}/{m}/{y}",
    long_date="{d} de {month} de {y}",
    months=_words(
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"
    ),
    vendors=_lines("São João | Conceição & Irmãos | Araújo | Três Corações"),
    trades=_lines("Construções | Papelaria | Comércio de Peças | Transportes"),
    forms=_lines("Ltda. | S.A. | ME"),
    streets=_lines("Rua da Consolação, {} | Av. São João, {} | Rua Três de Março, {}"),
    cities=_lines("01301-000 São Paulo | 40010-020 Salvador | 90010-150 Porto Alegre"),
    items=_lines(
        "Papel sulfite A4, resma | Mão de obra, pedreiro | Cimento, saco de 50 kg"
        " | Frete | Peça de reposição"
    ),
    tax_rates=("18", "12"),
    tax_id="##.###.###/0001-##",
    invoice_number="NF-e ######",
    bank="",
)
_SWISS = Country(
    locale="de_CH",
    currency="CHF",
    group="’",
    point=".",
    money="CHF {}",
    numeric_date="{d}.{m}.{y}",
    long_date="{d}. {month} {y}",
    months=_words(_DE_MONTHS),
    vendors=_lines("Brönnimann | Zürcher & Söhne | Bärtschi | Köbi Rüegg"),
    trades=_lines("Käse | Sanitär | Präzisionsmechanik | Gartenbau"),
    forms=_lines("AG | GmbH"),
    streets=_lines("Bahnhofstrasse {} | Obere Mühle {} | Rämistrasse {}"),
    cities=_lines("8001 Zürich | 3011 Bern | 9000 St. Gallen"),
    items=_lines("Emmentaler, Laib | Servicearbeiten | Drehteile nach Zeichnung | Lieferung"),
    tax_rates=("8.1", "2.6"),
    tax_id="CHE-###.###.###",
    invoice_number="R######",
    bank="CH## #### #### #### #### #",
)
COUNTRIES = (
    _GERMAN, _AMERICAN, _BRITISH, _FRENCH, _SWEDISH, _POLISH, _BRAZILIAN, _SWISS,
)  # fmt: skip
