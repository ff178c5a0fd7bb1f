"""Exact contributions of words to the classes of texts, for the linear text models trained here.

A decision value is a sum over the n-grams of a chunk: each occurrence counts its place's idf times
its weight, over the length of the chunk's row. An occurrence's share goes to the words it is made
of in equal parts, to a word in two chunks from both, and from the words of the model to the words
between white space that they are part of ("don't" is one of those, and two of the model's).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.class_scores import class_predictions, softmax
from assay.learning.explanations.log_odds import ClassLogOdds, class_log_odds, settled
from assay.learning.explanations.values import TextExplanation
from assay.learning.feature_block import Matrix, unpack_matrix
from assay.learning.linear import product
from assay.learning.model import Model
from assay.learning.ngrams import ChunkGrams, Words
from assay.learning.predictions import ClassPredictions
from assay.learning.rows import PAGES, row_ids
from assay.learning.text import ChunkedText, TextFeaturizer, stacked, texts_of

AT_ONCE: Final = (
    1 << 20
)  # characters of the texts whose n-grams are in memory together, or one text


Floats = NDArray[np.float64]


def predict_and_explain(
    model: Model, batch: pa.RecordBatch, classes: int
) -> tuple[ClassPredictions, list[TextExplanation]]:
    """Return the predictions of rows of text, and the explanation of each.

    Args:
        model: One whose featurizer is of texts.
        batch: Canonical rows.
        classes: How many classes of each row are explained.
    """
    texts = list(texts_of(batch, model.hyperparameters.integer("npages_to_filter")))
    pages = batch.column(PAGES).to_pylist()
    explanations: list[TextExplanation] = []
    values, record_of = [], []
    for start, end in _groups(list(map(len, texts))):
        found = _Texts.of(model, texts[start:end], pages[start:end])
        values.append(found.decision_values())
        record_of.append(found.chunked.record_of + start)
        explanations += found.explanations(values[-1], classes)
    predictions = class_predictions(
        model.labels,
        softmax(np.concatenate(values)),
        row_ids(batch),
        np.concatenate(record_of).astype(np.int32),
        model.calibration,
    )
    return predictions, explanations


def _groups(lengths: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last (exclusive) of the texts that are in memory together."""
    if sum(lengths) <= AT_ONCE:
        yield 0, len(lengths)
        return
    start = characters = 0
    for row, length in enumerate(lengths):
        if characters + length > AT_ONCE and row > start:
            yield start, row
            start, characters = row, 0
        characters += length
    yield start, len(lengths)


@dataclass(frozen=True, kw_only=True)
class _Texts:
    """The n-grams of some texts and what the model makes of them."""

    model: Model
    texts: list[str]
    pages: list[list[str | None] | None]  # that the texts were made of
    chunked: ChunkedText
    parts: tuple[_Part, ...]
    column_of: NDArray[np.int32]  # of each place, -1 where it is none
    weights: Matrix
    idf: NDArray[np.float32]
    places: NDArray[np.int64]  # of each feature

    @classmethod
    def of(cls, model: Model, texts: list[str], pages: list[list[str | None] | None]) -> _Texts:
        featurizer = model.featurizer
        assert isinstance(featurizer, TextFeaturizer)
        column_of = featurizer.column_of()
        chunked = ChunkedText.of_texts(texts, model.hyperparameters)
        weights = unpack_matrix("weights", model.state)
        parts = []
        for grams in chunked.grams():
            features, lengths = featurizer.rows(grams, column_of)
            parts.append(_Part(grams=grams, features=features, lengths=lengths))
        return cls(
            model=model,
            texts=texts,
            pages=pages,
            chunked=chunked,
            parts=tuple(parts),
            column_of=column_of,
            weights=weights,
            idf=featurizer.idf,
            places=featurizer.places,
        )

    def decision_values(self) -> Floats:
        """Return the (chunks, classes) decision values, as they are predicted with."""
        features = stacked([part.features for part in self.parts], self.weights.shape[0])
        sums = product(features, self.weights) + self.model.state.arrays["intercepts"]
        found: Floats = sums.astype(np.float64)
        return found

    def explanations(self, values: Floats, classes: int) -> Iterator[TextExplanation]:
        """Yield the explanation of each text by the decision values of all."""
        found = self._log_odds(values, classes)
        words = [tuple(text.split()) for text in self.texts]
        ends = np.cumsum([len(one) for one in words])
        scores = self._run_scores(found, ends)
        labels = [
            tuple([self.model.labels[code] for code in one]) for one in found.classes.tolist()
        ]
        start = 0
        for text, pages, own, names, base, total in zip(
            self.texts, self.pages, words, labels, found.bases, found.totals, strict=True
        ):
            end = start + len(own)
            yield TextExplanation(
                labels=names,
                words=own,
                scores=scores[:, start:end],
                bases=base,
                totals=total,
                explainable_text=None if pages == [text] else text,
            )
            start = end

    def _run_scores(self, found: ClassLogOdds, ends: NDArray[np.int64]) -> Floats:
        """Return what each run between white space contributes, as (explained, runs of all texts).

        `ends` are where the runs of each text end.
        """
        run = _run_of(self.chunked.words)
        count = int(ends[-1]) if len(ends) else 0
        words = self._word_scores(found)
        scores = np.zeros((words.shape[1], count))
        for place, column in enumerate(words.T):
            scores[place] = np.bincount(run, column, count)
        record_of = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
        return settled(scores, record_of, found.totals - found.bases)

    def _log_odds(self, values: Floats, classes: int) -> ClassLogOdds:
        calibration = self.model.calibration
        return class_log_odds(
            values,
            self.model.state.arrays["intercepts"].astype(np.float64),
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
            shares = self._part_scores(part, found.gradients[first:last])
            # Words do not repeat inside a chunk, and chunks of different texts share none.
            turns = np.flatnonzero(np.diff(part.grams.index) <= 0) + 1
            for start, end in pairwise([0, *turns.tolist(), len(shares)]):
                scores[part.grams.index[start:end]] += shares[start:end]
            first = last
        return scores

    def _part_scores(self, part: _Part, gradients: Floats) -> Floats:
        """Return what each word of some chunks contributes, (words, explained).

        Gradients are applied where there are fewer numbers: to the sums over each word where all
        classes are explained, or else to the weights of each chunk's features.
        """
        lengths = np.where(part.lengths > 0, part.lengths, 1.0)
        shares = (gradients / lengths[:, np.newaxis, np.newaxis]).astype(np.float32)
        grams = self._grams(part)
        if shares.shape[1] == shares.shape[2]:
            columns = [self.column_of[gram.places] for gram in grams]
            idf = np.append(self.idf, np.float32(0))  # of none
            entries = [(np.maximum(column, 0), idf[column]) for column in columns]
            sums = _sums(len(part.grams.index), grams, entries, self.weights)
            each = np.repeat(shares, part.grams.sizes, axis=0)
            scores = np.zeros_like(sums)
            for code in range(sums.shape[1]):  # one after the other: a word's bits are its own
                scores += sums[:, code, np.newaxis] * each[:, :, code]
            return scores
        features, ends = part.features.indices, part.features.indptr
        weights = np.zeros((len(features) + 1, shares.shape[1]), np.float32)  # of none at the start
        found = weights[1:]
        by_class = np.ascontiguousarray(shares.transpose(0, 2, 1))  # as they are multiplied fastest
        for chunk, share in enumerate(by_class):
            mine = slice(ends[chunk], ends[chunk + 1])
            np.matmul(_rows(self.weights, features[mine]), share, out=found[mine])
        found *= self.idf[features, np.newaxis]
        rows = self._entries(part, grams)
        ones = np.ones(max(map(len, rows), default=0), np.float32)
        entries = [(one, ones[: len(one)]) for one in rows]
        return _sums(len(part.grams.index), grams, entries, weights)

    def _grams(self, part: _Part) -> list[_Grams]:
        """Return the n-grams of a part by kind."""
        grams = part.grams
        mask = np.array((1 << self.model.hyperparameters.integer("hash_bits")) - 1)
        mask = mask.astype(grams.chunk_of.dtype)
        counts = [
            *((1, grams.character_counts(n + 1)) for n in range(len(grams.character_keys))),
            *((n + 1, grams.word_starts(n + 1)) for n in range(len(grams.word_keys))),
        ]
        keys = (*grams.character_keys, *grams.word_keys)
        return [
            _Grams(
                words=words,
                ends=_ends(count),
                places=each & mask,
            )
            for (words, count), each in zip(counts, keys, strict=True)
        ]

    def _entries(self, part: _Part, grams: list[_Grams]) -> list[NDArray[np.int32]]:
        """Return which of the features of all chunks each n-gram is, from 1 on, and 0 for none."""
        bounds = part.features.indptr.tolist()
        places = self.places[part.features.indices]
        numbers = np.arange(1, len(places) + 1, dtype=np.int32)
        table = np.zeros(len(self.column_of), np.int32)
        last_words = np.cumsum(part.grams.sizes)
        stops = [[0, *gram.ends[last_words].tolist()] for gram in grams]
        found = [np.empty(len(gram.places), np.int32) for gram in grams]
        for chunk in range(len(part.lengths)):
            features = slice(bounds[chunk], bounds[chunk + 1])
            mine = places[features]
            table[mine] = numbers[features]
            for gram, stop, entries in zip(grams, stops, found, strict=True):
                own = slice(stop[chunk], stop[chunk + 1])
                entries[own] = table.take(gram.places[own])
            table[mine] = 0
        return found


@dataclass(frozen=True, kw_only=True)
class _Grams:
    """The n-grams of one kind, those of a word after those of the word before."""

    words: int  # that each is made of, starting at the one it stands at
    ends: NDArray[np.int32]  # (words + 1,), where those of each word start, and the end
    places: NDArray[np.uint32] | NDArray[np.uint64]  # (n-grams,), their kept hashes


@dataclass(frozen=True, kw_only=True)
class _Part:
    """The n-grams of some chunks, their TF-IDF, and what each row of that was divided by."""

    grams: ChunkGrams
    features: sparse.csr_array
    lengths: Floats


def _sums(
    words: int,
    grams: list[_Grams],
    entries: list[tuple[NDArray[np.int32], NDArray[np.float32]]],
    weights: Matrix,
) -> Floats:
    """Return the (words, …) sums of the weights of the n-grams that each word is part of.

    The entries of each kind of n-gram are rows of the weights, and what those are multiplied by.
    """
    found = np.zeros((words, weights.shape[1]))
    for gram, (rows, factors) in zip(grams, entries, strict=True):
        matrix = sparse.csr_array((factors, rows, gram.ends), shape=(words, weights.shape[0]))
        sums = product(matrix, weights)
        if gram.words == 1:
            found += sums
            continue
        for offset in range(gram.words):
            found[offset:] += sums[: words - offset] / gram.words
    return found


def _rows(weights: Matrix, columns: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the weights of some features."""
    if sparse.issparse(weights):
        return sparse.csr_array(weights)[columns].toarray()
    found: NDArray[np.float32] = weights.take(columns, axis=0)
    return found


def _ends(counts: NDArray[Any]) -> NDArray[np.int32]:
    """Return where each of some runs starts that have these counts, and the end of all."""
    found = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=found[1:])
    return found


def _run_of(words: Words) -> NDArray[np.int64]:
    """Return the number of the run between white space that each word is part of, in all texts."""
    white = np.ones(len(words.codes) + 1, np.bool_)
    _white().take(words.codes, out=white[1:])
    runs = np.flatnonzero(white[:-1] > white[1:])
    return np.searchsorted(runs, words.starts, side="right") - 1


@cache
def _white() -> NDArray[np.bool_]:
    """Return which code points are white space."""
    return np.fromiter(map(str.isspace, map(chr, range(sys.maxunicode + 1))), np.bool_)
