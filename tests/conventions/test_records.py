"""No codec by hand: a stored value is a record, and records encode and decode it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODECS = frozenset(
    f"{way}_{form}" for way in ("to", "from") for form in ("json", "dict", "list", "row", "bytes")
)


def test_no_value_has_a_codec_of_its_own() -> None:
    """Outside of assay.records no class has to_json, from_dict, to_bytes or one like them."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for folder in ("server/assay", "client/assay")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not path.is_relative_to(ROOT / "server/assay/records")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name in CODECS
    ]
    assert found == []
