"""Results are parsed once and held within bounds."""

from __future__ import annotations

from assay.features.evaluations.result_cache import ResultMemory
from assay.records import encode_text
from tests.support.store_rows import result_with


def test_a_text_is_parsed_once():
    """The same text gives the same object, so that a large result costs its parsing once."""
    memory = ResultMemory()
    text = encode_text(result_with(0.5))

    assert memory.read(text) == result_with(0.5)
    assert memory.read(text) is memory.read(text)


def test_what_is_held_is_bounded():
    """The result that was used least lately goes first; one over the bound is never held."""
    text = encode_text(result_with(0.5))
    other = text.replace('"rows":', '"rows":1', 1)
    memory = ResultMemory(max_chars=len(text) + 10)
    first = memory.read(text)
    memory.read(other)

    assert memory.read(text) is not first
    assert ResultMemory(max_chars=10).read(text) == first
