"""Field schemas: which fields a document has, of which types, and how each is read.

A schema is a tree: texts, numbers and the like are its leaves, objects and tables its branches.
Everything is checked when it is made, and a refusal names the field.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

from babel import Locale, UnknownLocaleError

from assay.extraction.field_path import MAX_NAME, join
from assay.extraction.text import normal_choice
from assay.extraction.values import JSON
from assay.records import encode

MAX_LEAVES: Final = 10_000
MAX_DEPTH: Final = 32
MAX_DESCRIPTION: Final = 2_000
MAX_VALUES: Final = 1_000
MAX_FORMATS: Final = 16
MAX_ABSENT: Final = 100
MAX_FIRST_YEAR: Final = 9_900
ITEM: Final = "item"

_NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HALF = re.compile(r"[\ud800-\udfff]")
_DATE_RUNS = frozenset(("d", "dd", "M", "MM", "MMM", "MMMM", "y", "yy", "yyyy"))


class SchemaError(ValueError):
    """A schema says something that makes no sense; `path` names the field, "" the schema."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'schema'}: {message}")
        self.path = path
        self.message = message


class FieldType(StrEnum):
    """What a field holds."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    BOOLEAN = "boolean"
    ENUM = "enum"
    CODE = "code"
    LIST = "list"  # of items of one type, in any order
    TABLE = "table"  # rows of named columns, in any order
    OBJECT = "object"  # named fields

    @property
    def leaf(self) -> bool:
        """Whether values of the field are compared as one, and not what they hold."""
        return self not in _BRANCHES


_BRANCHES = frozenset({FieldType.LIST, FieldType.TABLE, FieldType.OBJECT})
_OPTIONS: Mapping[str, frozenset[FieldType]] = {
    "fuzzy": frozenset({FieldType.TEXT}),
    "threshold": frozenset({FieldType.TEXT}),
    "locale": frozenset({FieldType.NUMBER, FieldType.MONEY, FieldType.DATE}),
    "date_formats": frozenset({FieldType.DATE}),
    "day_first": frozenset({FieldType.DATE}),
    "first_year": frozenset({FieldType.DATE}),
    "unit": frozenset({FieldType.NUMBER}),
    "values": frozenset({FieldType.ENUM}),
    "item": frozenset({FieldType.LIST}),
    "fields": frozenset({FieldType.TABLE, FieldType.OBJECT}),
    "default": frozenset(kind for kind in FieldType if kind.leaf),
    "absent": frozenset(kind for kind in FieldType if kind.leaf),
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field. Options that do not belong to its type are refused.

    `fuzzy` and `threshold` make a text right when its ANLS reaches the threshold, in (0, 1].
    `locale` is an id such as de_DE; `date_formats` are CLDR patterns of d, M and y, tried in order;
    `day_first` reads 3/4/2024 as the third of April; `first_year` is the first of the hundred years
    that two digits stand for, 1969 where None. `unit` lets a unit follow a number, and drops it.
    `values` are those of an enum. `item` is what a list holds (its name is of no matter), `fields`
    what an object or a row does. `default` is the scalar that an absent value stands for; None
    declares none. `absent` are texts that say that there is no value, such as N/A.
    """

    name: str
    type: FieldType
    description: str = ""
    fuzzy: bool = False
    threshold: float = 0.5
    locale: str | None = None
    date_formats: tuple[str, ...] = ()
    day_first: bool | None = None
    first_year: int | None = None
    unit: bool = False
    values: tuple[str, ...] = ()
    item: Field | None = None
    fields: tuple[Field, ...] = ()
    default: str | int | float | bool | None = None
    absent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_name(self.name)
        for option in _OPTIONS:
            if getattr(self, option) != _DEFAULTS[option]:
                _check_option(self.name, option, self.type)
        _check_texts(self)
        _check_date_formats(self)
        _check_branches(self)

    def to_mapping(self) -> dict[str, JSON]:
        """Return what `Field.from_mapping` reads: options that say nothing are left out."""
        out: dict[str, JSON] = {"name": self.name, "type": self.type.value}
        for option in ("description", *_OPTIONS):
            value = getattr(self, option)
            if value == _DEFAULTS[option]:
                continue
            if isinstance(value, Field):
                out[option] = {k: v for k, v in value.to_mapping().items() if k != "name"}
            elif option == "fields":
                out[option] = [field.to_mapping() for field in value]
            else:
                out[option] = list(value) if isinstance(value, tuple) else value
        return out

    def leaves(self, path: str) -> Iterator[tuple[str, Field]]:
        """Yield each leaf below this field, which stands at `path`, with its path."""
        if self.item is not None:
            yield from self.item.leaves(f"{path}[]")
        elif self.fields:
            inside = f"{path}[]" if self.type is FieldType.TABLE else path
            for field in self.fields:
                yield from field.leaves(join(inside, field.name))
        else:
            yield path, self

    @property
    def depth(self) -> int:
        """The number of levels of this field: 1 for a leaf."""
        below = (self.item,) if self.item is not None else self.fields
        return 1 + max((field.depth for field in below), default=0)


_DEFAULTS: Mapping[str, JSON] = {
    option: Field.__dataclass_fields__[option].default for option in ("description", *_OPTIONS)
}


@dataclass(frozen=True, kw_only=True)
class FieldSchema:
    """The fields of a document.

    `distinct_empties` names those of "missing", "null" and "empty" that do not collapse: by
    default a field that is not there, a null and an empty text are all the absence of a value.
    """

    fields: tuple[Field, ...]
    distinct_empties: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_unique("", self.fields)
        if not self.fields:
            raise SchemaError("", "has no fields; it needs at least one")
        depth = max(field.depth for field in self.fields)
        if depth > MAX_DEPTH:
            raise SchemaError("", f"is {depth} levels deep; at most {MAX_DEPTH} are allowed")
        leaves = len(self.leaf_paths())
        if leaves > MAX_LEAVES:
            raise SchemaError("", f"has {leaves} fields; at most {MAX_LEAVES} are allowed")
        unknown = set(self.distinct_empties) - {"missing", "null", "empty"}
        if unknown:
            shown = ", ".join(sorted(one[:MAX_NAME] for one in unknown)[:3])
            raise SchemaError("", f"distinct_empties are of missing, null, empty; not {shown}")
        ordered = tuple(sorted(set(self.distinct_empties)))
        object.__setattr__(self, "distinct_empties", ordered)

    def leaf_paths(self) -> tuple[str, ...]:
        """Return the path of every leaf, in the schema's order: `line_items[].amount`."""
        return tuple(path for path, _ in self.leaves())

    def leaves(self) -> Iterator[tuple[str, Field]]:
        """Yield every leaf with its path, in the schema's order."""
        for field in self.fields:
            yield from field.leaves(join("", field.name))

    def to_mapping(self) -> dict[str, JSON]:
        """Return the schema as JSON values, which `from_mapping` reads back."""
        out: dict[str, JSON] = {"fields": [field.to_mapping() for field in self.fields]}
        if self.distinct_empties:
            out["distinct_empties"] = list(self.distinct_empties)
        return out

    @classmethod
    def from_mapping(cls, data: JSON) -> FieldSchema:
        """Return the schema that JSON values describe, or raise SchemaError."""
        given = _mapping("", data, {"fields", "distinct_empties"})
        empties = _texts("", given.get("distinct_empties", ()), "distinct_empties")
        return cls(fields=_fields("", given.get("fields"), 1), distinct_empties=empties)

    @cached_property
    def _json(self) -> bytes:
        return encode(self.to_mapping())

    def encoded(self) -> bytes:
        """Return canonical JSON: equal schemas are equal bytes."""
        return self._json

    @classmethod
    def parse(cls, data: bytes | str) -> FieldSchema:
        """Return the schema that JSON text describes, or raise SchemaError."""
        try:
            return cls.from_mapping(json.loads(data))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise SchemaError("", f"is not JSON: {error}") from error
        except RecursionError as error:
            raise SchemaError("", f"is more than {MAX_DEPTH} levels deep") from error

    @property
    def hash(self) -> str:
        """The SHA-256 of the canonical JSON, as 64 hex digits."""
        return hashlib.sha256(self._json).hexdigest()


def usable_name(name: object) -> bool:
    """Return whether a field may have this name."""
    if not isinstance(name, str) or not name.strip():
        return False
    return len(name) <= MAX_NAME and not _NO_NAME.search(name)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise SchemaError(str(name)[:MAX_NAME], "a field needs a name, which is a text")
    if len(name) > MAX_NAME:
        raise SchemaError(
            name[:40] + "…", f"the name has {len(name)} characters; at most {MAX_NAME} are allowed"
        )
    if _NO_NAME.search(name):
        raise SchemaError(ascii(name), "the name holds a control character or half a character")


def _check_option(name: str, option: str, kind: FieldType) -> None:
    if kind not in _OPTIONS[option]:
        allowed = ", ".join(sorted(_OPTIONS[option]))
        raise SchemaError(name, f"{option} belongs to {allowed}, and this is a {kind}")


def _check_texts(field: Field) -> None:
    if len(field.description) > MAX_DESCRIPTION:
        raise SchemaError(field.name, f"description is longer than {MAX_DESCRIPTION} characters")
    if not 0 < field.threshold <= 1:
        raise SchemaError(field.name, f"threshold is in (0, 1], not {field.threshold}")
    if isinstance(field.default, float) and not math.isfinite(field.default):
        raise SchemaError(field.name, f"default is a number that JSON has, not {field.default}")
    if field.first_year is not None and not 1 <= field.first_year <= MAX_FIRST_YEAR:
        raise SchemaError(
            field.name, f"first_year is a year from 1 to {MAX_FIRST_YEAR}, not {field.first_year}"
        )
    for text in (field.description, *field.values, *field.absent, str(field.default)):
        if _HALF.search(text):
            raise SchemaError(field.name, f"{text[:40]!a} holds half a character")
    _check_values(field)
    if field.locale is not None:
        try:
            Locale.parse(field.locale.replace("-", "_"))
        except (UnknownLocaleError, ValueError, TypeError) as error:
            raise SchemaError(
                field.name, f"locale {field.locale!r} is unknown; one such as de_DE or en is meant"
            ) from error


def _check_values(field: Field) -> None:
    if field.type is FieldType.ENUM and not field.values:
        raise SchemaError(field.name, "an enum names its values; for any value take text")
    if len(field.absent) > MAX_ABSENT or any(len(value) > MAX_NAME for value in field.absent):
        raise SchemaError(
            field.name, f"absent are at most {MAX_ABSENT} texts of at most {MAX_NAME} characters"
        )
    if len(field.values) > MAX_VALUES or any(len(value) > MAX_NAME for value in field.values):
        raise SchemaError(
            field.name, f"an enum has at most {MAX_VALUES} values of at most {MAX_NAME} characters"
        )
    seen: dict[str, str] = {}
    for value in field.values:
        same = seen.setdefault(normal_choice(value), value)
        if same is not value:
            raise SchemaError(
                field.name,
                f"the values {same!r} and {value!r} are the same but for case and spaces",
            )


def _check_date_formats(field: Field) -> None:
    if len(field.date_formats) > MAX_FORMATS:
        raise SchemaError(field.name, f"more than {MAX_FORMATS} date_formats")
    for pattern in field.date_formats:
        letters = re.findall(r"[A-Za-z]+", re.sub(r"'[^']*'", " ", pattern))
        runs = [run for word in letters for run in re.findall(r"d+|M+|y+|.", word)]
        once = sorted(run[0] for run in runs) == ["M", "d", "y"]
        if not once or not _DATE_RUNS.issuperset(runs) or len(pattern) > MAX_NAME:
            raise SchemaError(
                field.name,
                f"date format {pattern[:100]!r} is not made of d, dd, M, MM, MMM, MMMM, yy and yyyy, "
                "each of day, month and year once; other letters stand in quotes",
            )


def _check_branches(field: Field) -> None:
    if field.type is FieldType.LIST:
        item = field.item or Field(name=ITEM, type=FieldType.TEXT)
        object.__setattr__(field, "item", replace(item, name=ITEM))
    elif not field.type.leaf:
        if not field.fields:
            raise SchemaError(field.name, f"{field.type} needs fields, at least one")
        _check_unique(field.name, field.fields)


def _check_unique(path: str, fields: tuple[Field, ...]) -> None:
    seen: set[str] = set()
    for field in fields:
        if field.name in seen:
            raise SchemaError(join(path, field.name), "a field of that name is there already")
        seen.add(field.name)


def _mapping(path: str, data: JSON, known: set[str]) -> Mapping[str, JSON]:
    if not isinstance(data, Mapping):
        raise SchemaError(path, f"an object is meant, not {type(data).__name__}")
    unknown = sorted(str(key) for key in data if key not in known)
    if unknown:
        raise SchemaError(
            path,
            f"{unknown[0][:MAX_NAME]!r} is not known here; known are {', '.join(sorted(known))}",
        )
    return data


def _fields(path: str, data: JSON, depth: int) -> tuple[Field, ...]:
    if depth > MAX_DEPTH:
        raise SchemaError(path, f"more than {MAX_DEPTH} levels deep")
    if not isinstance(data, list | tuple):
        raise SchemaError(path, "fields are an array of fields")
    return tuple(_field(path, item, depth) for item in data)


def _field(path: str, data: JSON, depth: int, *, item: bool = False) -> Field:
    given = dict(_mapping(path, data, {"name", "type", "description", *_OPTIONS}))
    name = ITEM if item else given.pop("name", None)
    given.pop("name", None)
    here = f"{path}[]" if item else join(path, str(name)) if name else path
    if depth > MAX_DEPTH:
        raise SchemaError(here, f"more than {MAX_DEPTH} levels deep")
    try:
        kind = FieldType(given.pop("type", None))
    except ValueError as error:
        raise SchemaError(here, f"type is one of {', '.join(FieldType)}") from error
    inside = f"{here}[]" if kind is FieldType.TABLE else here
    for option, value in given.items():
        if option in _OPTIONS and option != "threshold" and value not in (None, (), []):
            _check_option(here, option, kind)
    options = {option: _option(here, option, value) for option, value in given.items()}
    if given.get("item") is not None:
        options["item"] = _field(here, given["item"], depth + 1, item=True)
    if given.get("fields") is not None:
        options["fields"] = _fields(inside, given["fields"], depth + 1)
    try:
        if given.get("threshold") is not None and not given.get("fuzzy"):
            raise SchemaError(here, "threshold belongs to a text with fuzzy, and nothing else")
        return Field(name=name, type=kind, **{k: v for k, v in options.items() if v is not None})
    except SchemaError as error:
        raise SchemaError(here, error.message) from error


def _option(path: str, option: str, value: JSON) -> JSON:
    """Return an option's value in its type, or refuse it."""
    if value is None or option in {"item", "fields"}:
        return None
    if option in {"date_formats", "values", "absent"}:
        return _texts(path, value, option)
    if option == "first_year":
        if isinstance(value, bool) or not isinstance(value, int):
            raise SchemaError(path, "first_year is a whole number")
        return value
    if option in {"fuzzy", "day_first", "unit"}:
        if not isinstance(value, bool):
            raise SchemaError(path, f"{option} is true or false")
    elif option == "threshold":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SchemaError(path, "threshold is a number")
        return float(value)
    elif option == "default":
        if not isinstance(value, str | int | float | bool):
            raise SchemaError(path, "default is a text, a number, true or false")
    elif not isinstance(value, str):
        raise SchemaError(path, f"{option} is a text")
    return value


def _texts(path: str, value: JSON, option: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise SchemaError(path, f"{option} is an array of texts")
    return tuple(value)
