"""Counts of tagged words and of fields."""

import random
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from assay.metrics.tag_counts import TagCounts
from assay.records import arrays

CLASSES = ("B", "O", "date", "never", "total")
FIELDS = ("B", "date", "never", "total")


def random_codes(seed: int, words: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    usual = np.array([0, 1, 2, 4])
    true = rng.choice(usual, words)
    predicted = np.where(rng.random(words) < 0.7, true, rng.choice(usual, words))
    return true, predicted


def same(a: TagCounts, b: TagCounts) -> bool:
    return arrays.encode(a) == arrays.encode(b)


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
def test_scores_of_words_are_those_of_scikit_learn(average):
    """Precision, recall and F1 of words without O are scikit-learn's with explicit labels, to the bit."""
    true, predicted = random_codes(1)
    kept = [0, 2, 3, 4]
    wanted = precision_recall_fscore_support(
        true, predicted, labels=kept, average=average, zero_division=0
    )
    counts = TagCounts.of_words(true, predicted, CLASSES)
    assert counts.labels == FIELDS
    if average is None:
        found = (counts.scores.precision, counts.scores.recall, counts.scores.f1_score)
        assert all(np.array_equal(a, b) for a, b in zip(found, wanted[:3], strict=True))
    else:
        row = counts.average(average)
        assert row is not None
        assert (row.precision, row.recall, row.f1_score) == wanted[:3]


def test_words_without_any_field_have_no_average():
    """Where nothing is to be found there is no average, and it is not zero."""
    nothing = np.ones(5, dtype=np.int64)
    assert TagCounts.of_words(nothing, nothing, CLASSES).average("micro") is None
    assert TagCounts.of_words(nothing[:0], nothing[:0], CLASSES).average("macro") is None


def test_counts_merge_in_any_cut_and_order():
    """Words counted in parts, merged in any order, give the counts of the whole to the bit."""
    true, predicted = random_codes(2)
    whole = TagCounts.of_words(true, predicted, CLASSES)
    for seed in range(5):
        chance = random.Random(seed)
        cuts = [0, *sorted(chance.sample(range(500), 6)), 500]
        parts = [TagCounts.of_words(true[a:b], predicted[a:b], CLASSES) for a, b in pairwise(cuts)]
        chance.shuffle(parts)
        assert same(TagCounts.merge_all(parts), whole)
        half = [TagCounts.merge_all(parts[:3]), TagCounts.merge_all(parts[3:])]
        assert same(TagCounts.merge_all(half), whole)


def test_counts_of_different_labels_do_not_merge():
    """Counts of other labels are refused, not added up by place."""
    codes = np.zeros(1, dtype=np.int64)
    one, other = (TagCounts.of_words(codes, codes, labels) for labels in (("a",), ("b",)))
    with pytest.raises(ValueError, match="different labels"):
        TagCounts.merge_all([one, other])


def test_a_field_is_right_when_its_whole_value_is():
    """Of a field, right is the whole value and nothing less; one of two true values is enough."""
    true = [
        {"date": {"1 May"}, "total": {"9.00", "9,00 €"}},
        {"date": {"2 May"}},
        {},
        {"total": {"7"}},
    ]
    predicted = [
        {"date": "1 May", "total": "9,00 €"},
        {"date": "2"},
        {"total": "5"},
        {},
    ]
    counts = TagCounts.of_fields(true, predicted, ("date", "total"))
    assert counts.true.tolist() == [2, 2]
    assert counts.predicted.tolist() == [2, 2]
    assert counts.hits.tolist() == [1, 1]
    assert counts.scores.f1_score.tolist() == [0.5, 0.5]
