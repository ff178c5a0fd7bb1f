from dataclasses import replace

import numpy as np
import pytest

from assay.metrics.misclassification import KEPT, Misclassifications
from assay.metrics.resampling.bootstrap import row_clusters
from assay.records import DamagedRecord
from assay.records.arrays import decode, encode
from assay.records.predictions import ClassificationChunk
from tests.support.metric_rows import Rows, binary, chunk_of, labels_only, multiclass

STREAMS = {
    "multiclass": multiclass,
    "tied": lambda rng, n: multiclass(rng, n, 3, digits=1),
    "binary": lambda rng, n: binary(rng, n, digits=2),
    "labels": labels_only,
}


def kept(rows: Rows, numbers: np.ndarray, *, fixed: bool = True) -> Misclassifications:
    chunk = chunk_of(rows)
    assert isinstance(chunk, ClassificationChunk)
    keys = row_clusters(0, 10**4)[numbers] >> np.uint64(58)  # few hashes: ties of every level
    return Misclassifications.from_chunk(replace(chunk, fixed=fixed), numbers, keys)


def brute(rows: Rows, numbers: np.ndarray) -> list[tuple]:
    """(-confidence, hash, number, true, predicted) of all errors, most confident first."""
    keys = row_clusters(0, 10**4)[numbers] >> np.uint64(58)
    found = []
    for i in np.flatnonzero(rows.true != rows.predicted):
        p = rows.predicted[i]
        confidence = 0.0
        if rows.lone:
            confidence = rows.scores[0, i] if p == 1 else 1 - rows.scores[0, i]
        elif rows.scores is not None:
            confidence = rows.scores[p, i]
        pair = rows.spec.labels[rows.true[i]], rows.spec.labels[p]
        found.append((-confidence, int(keys[i]), int(numbers[i]), *pair))
    return sorted(found)


def shown(found: Misclassifications) -> list[tuple]:
    """(-confidence, hash, number, true, predicted) of what is kept, most confident first."""
    labels = found.totals.labels
    pairs = [(labels[cell // len(labels)], labels[cell % len(labels)]) for cell in found.cells]
    columns = (-found.confidence, found.keys.tolist(), found.rows.tolist())
    return sorted((*each, *pair) for *each, pair in zip(*columns, pairs, strict=True))


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("fixed", [True, False])
def test_any_order_and_sharding_keeps_the_same_errors(stream, fixed):
    """Permuted and resharded rows keep the same errors in the same order, to the byte."""
    rng = np.random.default_rng(1)
    rows, numbers = STREAMS[stream](rng, 6000), np.arange(6000)
    if not fixed and rows.scores is not None and not rows.lone:
        rows = replace(rows, scores=None)  # scores of classes need a fixed label set
    whole = kept(rows, numbers, fixed=fixed)
    for _ in range(3):
        order = rng.permutation(6000)
        parts = [
            decode(Misclassifications, encode(kept(rows.take(part), numbers[part], fixed=fixed)))
            for part in np.split(order, np.sort(rng.integers(0, 6000, 4)))
        ]
        assert encode(Misclassifications.merge_all(parts[::-1])) == encode(whole)


@pytest.mark.parametrize("stream", STREAMS)
def test_every_pair_keeps_its_most_confident_errors_and_exact_totals(stream):
    """Of each pair the first 500 are those of all rows, ties by hash and row; all are counted."""
    rows, numbers = STREAMS[stream](np.random.default_rng(2), 6000), np.arange(6000)[::-1]
    found, every = kept(rows, numbers), brute(rows, numbers)
    pairs = sorted({each[3:] for each in every})
    wanted = [[each for each in every if each[3:] == pair] for pair in pairs]
    assert shown(found) == sorted(each for ours in wanted for each in ours[:KEPT])
    assert found.scored is (rows.scores is not None)
    for pair, ours in zip(pairs, wanted, strict=True):
        true, predicted = map(found.totals.labels.index, pair)
        assert found.totals.matrix[true, predicted] == len(ours)
    assert found.totals.rows == len(every)


def test_at_most_500_of_a_pair_are_kept():
    """A pair with thousands of errors keeps 500, and still knows how many there are."""
    rows = binary(np.random.default_rng(3), 5000)
    wrong = replace(rows, predicted=1 - rows.true)
    found = kept(wrong, np.arange(5000))
    assert len(found.cells) == 2 * KEPT
    assert found.totals.rows == 5000


def test_what_does_not_fit_is_refused():
    """Other rows, scores in some chunks only and cut bytes are refused."""
    rows = binary(np.random.default_rng(4), 50)
    found = kept(rows, np.arange(50))
    with pytest.raises(ValueError, match="rows and keys"):
        Misclassifications.from_chunk(chunk_of(rows), np.arange(49), row_clusters(0, 50))
    with pytest.raises(ValueError, match="scores"):
        Misclassifications.merge_all([found, kept(replace(rows, scores=None), np.arange(50))])
    with pytest.raises(DamagedRecord):
        decode(Misclassifications, encode(found)[:-5])


def test_a_perfect_classifier_has_no_mistakes():
    """Without errors nothing is kept, and merging changes nothing."""
    rows = multiclass(np.random.default_rng(5), 100)
    perfect = kept(replace(rows, predicted=rows.true), np.arange(100))
    assert (len(perfect.rows), perfect.totals.rows) == (0, 0)
    assert encode(Misclassifications.merge_all([perfect, perfect])) == encode(perfect)
