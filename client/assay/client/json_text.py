"""Python values as JSON text that keeps every digit of a Decimal."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from assay.client.errors import BadInput


def json_text(value: object) -> str:
    """Return `value` as JSON; Decimals as numbers with all their digits, dates in ISO 8601.

    Raises:
        BadInput: it holds NaN, infinity, or something that JSON has no word for.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        pass  # it has values that only `_written` knows, or that nobody does
    try:
        return _written(value)
    except RecursionError as error:
        raise BadInput("The values are nested too deep to be JSON, or hold themselves.") from error


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        members = (f"{json.dumps(str(key))}:{_written(item)}" for key, item in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    if isinstance(value, (dt.date, dt.datetime)):
        return json.dumps(value.isoformat())
    if hasattr(value, "item") and not isinstance(value, (str, int, float)):
        return _written(value.item())  # a NumPy scalar
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{value!r:.100} cannot be written as JSON: {error}.") from error
