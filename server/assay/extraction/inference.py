"""The schema that documents seem to have: a guess that merges, to be shown and edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from assay.extraction.schema import Field, FieldSchema, FieldType
from assay.extraction.values import JSON


@dataclass(frozen=True, kw_only=True)
class SchemaGuess:
    """What was seen of each field; merging the guesses of parts gives the guess of the whole."""

    kinds: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, documents: Iterable[Mapping[str, JSON]]) -> SchemaGuess:
        """Return the guess from documents, reading each once."""
        kinds: dict[str, frozenset[str]] = {}
        for document in documents:
            for name, value in document.items():
                number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
                kind = "number" if number else "text"
                kinds[name] = kinds.get(name, frozenset()) | {kind}
        return cls(kinds=kinds)

    def merge(self, other: SchemaGuess) -> SchemaGuess:
        """Return the guess from both's documents."""
        names = self.kinds.keys() | other.kinds.keys()
        none: frozenset[str] = frozenset()
        return SchemaGuess(
            kinds={name: self.kinds.get(name, none) | other.kinds.get(name, none) for name in names}
        )

    def schema(self) -> FieldSchema:
        """Return the schema; SchemaError if nothing was seen."""
        return FieldSchema(
            fields=tuple(
                Field(
                    name=name,
                    type=FieldType.NUMBER if kinds == {"number"} else FieldType.TEXT,
                )
                for name, kinds in sorted(self.kinds.items())
            )
        )
