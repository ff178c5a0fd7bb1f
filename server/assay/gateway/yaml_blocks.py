"""YAML templates: `${name}` alone on a line is a block or a text, elsewhere a scalar."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

_BLOCK = re.compile(r"^( *)\$\{(\w+)\}$", re.MULTILINE)
_SCALAR = re.compile(r"\$\{(\w+)\}")


def fill(template: str, values: Mapping[str, object]) -> str:
    """Return `template` with every placeholder replaced; KeyError names one without a value.

    A block keeps the indentation of its placeholder, and an empty one takes its line away.
    """
    text = _BLOCK.sub(
        lambda match: (
            "\n".join(f"{match[1]}{line}".rstrip() for line in _lines(values[match[2]])) or _GONE
        ),
        template,
    )
    text = "\n".join(line for line in text.split("\n") if line != _GONE)
    return _SCALAR.sub(lambda match: json.dumps(values[match[1]]), text)


def _lines(value: object) -> Iterable[str]:
    return value.splitlines() if isinstance(value, str) else block_lines(value)


def block_lines(value: object) -> Iterator[str]:
    """Yield `value`, of JSON types, as lines of YAML in block style."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            name = key if re.fullmatch(r"[\w.]+", key) else json.dumps(key)
            if isinstance(item, Mapping | list) and item:
                yield f"{name}:"
                yield from (f"  {line}" for line in block_lines(item))
            else:
                yield f"{name}: {json.dumps(item)}"
    elif isinstance(value, list):
        for item in value:
            first, *rest = block_lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield json.dumps(value)


_GONE = "\0"
