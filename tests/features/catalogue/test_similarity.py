"""Names that are similar to what is looked for."""

from __future__ import annotations

import pytest

from assay.features.catalogue.similarity import holds, similarity


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("sentiment", ["Sentiment", "Sentiment Analysis", "A Sentiment Model of Long Reviews"]),
        ("image digits", ["Image Digits", "Digits of an image"]),
        ("sentimnet", ["Sentiment"]),
        ("ÉMOTION", ["émotion"]),
    ],
)
def test_the_more_similar_name_comes_first(asked: str, names: list[str]):
    """Equal names are before those that hold the text, and these before such as are spelt alike."""
    scores = [similarity(asked, name) for name in names]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0


@pytest.mark.parametrize(("asked", "name"), [("cats", "Digits"), ("", "Digits"), ("--", "Digits")])
def test_other_names_are_not_similar(asked: str, name: str):
    """A name without a word of what is asked for is not similar, nor is anything to nothing."""
    assert similarity(asked, name) == 0


def test_commas_divide_alternatives_and_semicolons_parts():
    """A filter holds where one of its alternatives has all of its parts, in any case."""
    assert holds("cat, DOG", "A dog")
    assert holds("a;dog", "A dog")
    assert not holds("a;cat", "A dog")
    assert not holds(",", "A dog")
