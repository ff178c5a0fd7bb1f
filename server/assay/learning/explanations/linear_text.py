"""Exact contributions of words to the classes of texts, for the linear text models trained here.

A decision value is a sum over the n-grams of a chunk: each occurrence counts its place's idf times
its weight, over the length of the chunk's row. An occurrence's share goes to the words it is made
of in equal parts, to a word in two chunks from both, and from the words of the model to the words
between white space that they are part of ("don't" is one of those, and two of the model's).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.explanations.log_odds import ClassLogOdds, class_log_odds, settled
from assay.learning.explanations.values import TextExplanation
from assay.learning.feature_block import Matrix, unpack_matrix
from assay.learning.linear import product
from assay.learning.model import Model
from assay.learning.ngrams import ChunkGrams, Words
from assay.learning.rows import PAGES
from assay.learning.text import ChunkedText, TextFeaturizer, stacked, texts_of

AT_ONCE = 1 << 20  # characters of the texts whose n-grams are in memory together, or one text

Floats = NDArray[np.float64]


def explain_texts(model: Model, batch: pa.RecordBatch, classes: int) -> Iterator[TextExplanation]:
    """Yield the explanation of each row of text, by a model whose featurizer is of texts.

    Args:
        model: The model.
        batch: Canonical rows.
        classes: How many classes of each row are explained.
    """
    start = characters = 0
    texts = texts_of(batch, model.hyperparameters.integer("npages_to_filter"))
    for row, length in enumerate(map(len, texts)):
        if characters + length > AT_ONCE and row > start:
            yield from _Texts.of(model, batch.slice(start, row - start)).explanations(classes)
            start, characters = row, 0
        characters += length
    yield from _Texts.of(model, batch.slice(start)).explanations(classes)


@dataclass(frozen=True, kw_only=True)
class _Texts:
    """The n-grams of some texts and what the model makes of them."""

    model: Model
    batch: pa.RecordBatch
    chunked: ChunkedText
    parts: tuple[_Part, ...]
    column_of: NDArray[np.int32]  # of each place, -1 where it is none
    weights: Matrix

    @classmethod
    def of(cls, model: Model, batch: pa.RecordBatch) -> _Texts:
        featurizer = model.featurizer
        assert isinstance(featurizer, TextFeaturizer)
        column_of = featurizer.column_of()
        chunked = ChunkedText.of(batch, model.hyperparameters)
        weights = unpack_matrix("weights", model.state)
        parts = []
        for grams in chunked.grams():
            features, lengths = featurizer.rows(grams, column_of)
            parts.append(_Part(grams=grams, features=features, lengths=lengths))
        return cls(
            model=model,
            batch=batch,
            chunked=chunked,
            parts=tuple(parts),
            column_of=column_of,
            weights=weights,
        )

    def explanations(self, classes: int) -> Iterator[TextExplanation]:
        found = self._log_odds(classes)
        given = texts_of(self.batch, self.model.hyperparameters.integer("npages_to_filter"))
        texts = list(given)
        runs = [tuple(text.split()) for text in texts]
        scores = self._word_scores(found)
        words = self.chunked.words
        place = _run_of(words, [len(one) for one in runs])
        ends = words.text_ends.tolist()
        pages = self.batch.column(PAGES).to_pylist()
        for row, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            sums = [
                np.bincount(place[start:end], column, len(runs[row]))
                for column in scores[start:end].T
            ]
            yield TextExplanation(
                labels=tuple(self.model.labels[code] for code in found.classes[row]),
                words=runs[row],
                scores=settled(np.array(sums), found.totals[row] - found.bases[row]),
                bases=found.bases[row],
                totals=found.totals[row],
                explainable_text=None if pages[row] == [texts[row]] else texts[row],
            )

    def _log_odds(self, classes: int) -> ClassLogOdds:
        intercepts = self.model.state.arrays["intercepts"]
        features = stacked([part.features for part in self.parts], self.weights.shape[0])
        calibration = self.model.calibration
        return class_log_odds(
            (product(features, self.weights) + intercepts).astype(np.float64),
            intercepts.astype(np.float64),
            self.chunked.record_of,
            None if calibration is None else calibration.records,
            classes,
        )

    def _word_scores(self, found: ClassLogOdds) -> Floats:
        """Return what each word of the model contributes to each explained class."""
        scores = np.zeros((len(self.chunked.words.starts), found.classes.shape[1]))
        first = 0
        for part in self.parts:
            last = first + len(part.lengths)
            contributions = self._contributions(part, found.gradients[first:last])
            self._add_words(part, contributions, scores)
            first = last
        return scores

    def _contributions(self, part: _Part, gradients: Floats) -> Floats:
        """Return what one occurrence of each feature of each chunk contributes, and 0 at the end.

        They are (features of the chunks, one chunk after the other, and one more; explained).
        """
        featurizer = self.model.featurizer
        assert isinstance(featurizer, TextFeaturizer)
        columns, ends = part.features.indices, part.features.indptr
        found = np.zeros((len(columns) + 1, gradients.shape[1]))
        lengths = np.where(part.lengths > 0, part.lengths, 1.0)
        shares = (gradients / lengths[:, np.newaxis, np.newaxis]).astype(np.float32)
        for chunk, gradient in enumerate(shares):
            mine = slice(ends[chunk], ends[chunk + 1])
            found[mine] = self.weights[columns[mine]] @ gradient.T
        found[:-1] *= featurizer.idf[columns, np.newaxis]
        return found

    def _add_words(self, part: _Part, contributions: Floats, scores: Floats) -> None:
        """Add what the n-grams contribute to the words that they stand at."""
        grams = part.grams
        found = np.zeros((len(grams.index), scores.shape[1]))
        for n, keys in enumerate(grams.character_keys, 1):
            found += self._sums(part, keys, grams.character_counts(n), contributions)
        for n, keys in enumerate(grams.word_keys, 1):
            counts = grams.word_starts(n).astype(np.int64)
            sums = self._sums(part, keys, counts, contributions) / n
            for offset in range(n):
                found[offset:] += sums[: len(sums) - offset]
        first = 0
        for size in grams.sizes[grams.sizes > 0].tolist():
            start = int(grams.index[first])
            scores[start : start + size] += found[first : first + size]
            first += size

    def _sums(
        self,
        part: _Part,
        keys: NDArray[np.uint32] | NDArray[np.uint64],
        counts: NDArray[np.int64],
        contributions: Floats,
    ) -> Floats:
        """Return the (words, explained) sums of what the n-grams of each word contribute.

        `counts` are how many of the keys each word has.
        """
        bits = self.model.hyperparameters.integer("hash_bits")
        ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        columns, bounds = part.features.indices, part.features.indptr
        # The last is no feature's, and what an index of -1 finds.
        place = np.full(self.weights.shape[0] + 1, len(contributions) - 1, np.int32)
        entries = self.column_of[keys & np.array((1 << bits) - 1, keys.dtype)]
        first = 0
        for chunk, last in enumerate(np.cumsum(part.grams.sizes).tolist()):
            start, end = bounds[chunk], bounds[chunk + 1]
            place[columns[start:end]] = np.arange(start, end)
            mine = slice(ends[first], ends[last])
            entries[mine] = place[entries[mine]]
            first = last
        once = sparse.csr_array(
            (np.ones(len(keys)), entries, ends), shape=(len(counts), len(contributions))
        )
        sums: Floats = once @ contributions
        return sums


@dataclass(frozen=True, kw_only=True)
class _Part:
    """The n-grams of some chunks, their TF-IDF, and what each row of that was divided by."""

    grams: ChunkGrams
    features: sparse.csr_array
    lengths: Floats


def _run_of(words: Words, runs: Sequence[int]) -> NDArray[np.int64]:
    """Return the number of the run between white space that each word is part of, in its text.

    `runs` are how many each text has.
    """
    black = ~_white()[words.codes]
    number = np.cumsum(black & ~np.concatenate([[False], black[:-1]]))
    before = np.cumsum(runs) - runs
    counts = np.diff(words.text_ends, prepend=0)
    found: NDArray[np.int64] = number[words.starts] - 1 - np.repeat(before, counts)
    return found


@cache
def _white() -> NDArray[np.bool_]:
    """Return which code points are white space."""
    return np.fromiter(map(str.isspace, map(chr, range(sys.maxunicode + 1))), np.bool_)
