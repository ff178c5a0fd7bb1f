"""Rows of stores are read by name, never by position."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.conventions.test_habits import SQL_MODULES, named, ours

READS = {"one", "all", "select", "fetchone", "fetchall"}  # methods that return rows
# Below the stores: answers of one column.
ONE_COLUMN = {
    "unit_of_work.py": "value",  # of a statement that always returns one row
    "changes.py": "token",  # PRAGMA data_version
    "engine.py": "_set_wal",  # PRAGMA journal_mode
}


def positional(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what reads a row by a position: an index, or a list of names that it is spread over."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _is_number(node.slice) and _is_row(node.value):
            yield node
        if isinstance(node, ast.Assign) and _reads(node.value):
            yield from (one for one in node.targets if isinstance(one, ast.Tuple))
        if isinstance(node, ast.For | ast.comprehension) and _reads(node.iter):
            yield from (one for one in [node.target] if isinstance(one, ast.Tuple))


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _is_row(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):  # rows[0][1]
        return isinstance(node.value, ast.Name) and node.value.id.endswith("rows")
    return _reads(node) if isinstance(node, ast.Call) else (
        isinstance(node, ast.Name) and node.id.endswith("row")
    )  # fmt: skip  # one question


def _reads(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in READS
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "self")
    )


def test_rows_are_read_by_name() -> None:
    """No module with SQL reads a column of a row by its position."""
    stores = [path for path in ours("server") if SQL_MODULES.search(path.as_posix())]
    assert len(stores) > 20
    found = []
    for path in stores:
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                if ONE_COLUMN.get(path.name) == function.name:
                    continue
                found += [named(path, node.lineno) for node in positional(function)]
    assert found == []


@pytest.mark.parametrize(
    "code",
    ["row[0]", "self._db.one(Q)[1]", "rows[0][1]", "a, b = self._db.one(Q)",
     "for a, b in uow.all(Q): pass", "[a for a, b in self._db.select(Q)]"],
)  # fmt: skip  # a list
def test_a_position_is_found(code: str) -> None:
    """Each way to read a row by position is found."""
    assert list(positional(ast.parse(code)))
