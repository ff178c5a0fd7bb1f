"""What is remembered of what was read: never too much, and never wrong."""

from __future__ import annotations

from assay.kernel.cache import BoundedCache


def test_a_value_is_made_once():
    """A key that is remembered is not made again."""
    memory = BoundedCache(10)
    made: list[str] = []

    def make() -> tuple[str, int]:
        made.append("x")
        return "value", 3

    assert [memory.get("key", make) for _ in range(3)] == ["value"] * 3
    assert made == ["x"]
    assert memory.held == 3


def test_what_was_not_asked_for_longest_is_let_go():
    """Over the limit the value that was used longest ago is forgotten."""
    memory = BoundedCache(10)
    for key in "abc":
        memory.get(key, lambda: (1, 3))
    memory.get("a", lambda: (2, 3))
    memory.get("d", lambda: (1, 4))
    assert memory.held == 10
    assert memory.get("b", lambda: (2, 3)) == 2  # was let go
    assert memory.get("a", lambda: (2, 3)) == 1  # was not


def test_what_is_too_large_is_not_remembered():
    """A value over the whole limit is returned, and displaces nothing."""
    memory = BoundedCache(10)
    memory.get("small", lambda: (1, 10))
    assert memory.get("large", lambda: (2, 11)) == 2
    assert memory.held == 10
    assert memory.get("small", lambda: (3, 1)) == 1
