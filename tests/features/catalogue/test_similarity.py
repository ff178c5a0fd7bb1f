"""Names that are similar to what is looked for."""

from __future__ import annotations

import pytest

from assay.features.catalogue.similarity import holds, similar

NAMES = [
    "Sentiment",
    "Sentiment Analysis",
    "A Sentiment Model of Long Reviews",
    "Image Digits",
    "Émotion",
]


def found(asked: str) -> list[str]:
    """Return the names that are similar, the most similar first."""
    scores = similar(asked, {name: name for name in NAMES})
    return sorted(scores, key=lambda name: -scores[name])


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("sentiment", NAMES[:3]),
        ("digits image", ["Image Digits"]),
        ("long-reviews", [NAMES[2]]),
        ("ÉMOTION", ["Émotion"]),
        ("cats", []),
        ("", []),
        ("--", []),
    ],
)
def test_the_more_similar_name_comes_first(asked: str, names: list[str]):
    """Names that hold a text in any case are similar, the more the less they hold beside it."""
    assert found(asked) == names


def test_a_name_that_is_misspelt_is_found_where_none_holds_it():
    """Letters that are exchanged find a name by one of its words, or as a whole."""
    assert set(found("sentimnet")) == set(NAMES[:3])
    assert found("imgae digits") == ["Image Digits"]


def test_commas_divide_alternatives_and_semicolons_parts():
    """A filter holds where one of its alternatives has all of its parts, in any case."""
    assert holds("cat, DOG", "A dog")
    assert holds("a;dog", "A dog")
    assert not holds("a;cat", "A dog")
    assert not holds(",", "A dog")
