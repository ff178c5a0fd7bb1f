"""Extraction: words labelled by a conditional random field over hashed features.

A record's words are cut into windows of at most `max_length` words, of which neighbours share
`chunk_overlap`; a feature sees no farther than its window. Columns that fewer than
`min_document_frequency` words of the training split have are left out. Every word has the same
number of features before that, and each counts 1 / √(that number), so that a row has a length of
at most 1.

A transition from one label to another is possible if it occurs in the training split, if it is to
or from "O" (a record may lack any field), or if both are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.artifact import Artifact, pack_texts, unpack_texts
from assay.learning.errors import DamagedArtifact, DataError, shortened
from assay.learning.feature_block import UNKNOWN, FeatureBlock
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.labels import class_order
from assay.learning.learner import Featurizer, Summary
from assay.learning.linear import class_weights
from assay.learning.rows import OUTSIDE, TaskType, check_schema
from assay.learning.window_order import STEPS, WINDOWS
from assay.learning.word_features import WordFeatures
from assay.learning.word_rows import Windows, label_codes, read_labels, read_words
from assay.learning.word_tagger import OFFSETS, TEXTS, WORD_OF, WordTagger

SUMMARY: Final = "summary"
FEATURIZER: Final = "featurizer"
MAX_LABELS: Final = 500

Counts = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelCounts:
    """How often each label stands on a word, and how often one follows another in a record."""

    labels: tuple[str, ...]  # sorted
    words: Counts  # (labels,)
    pairs: Counts  # (labels, labels), rows come first

    @classmethod
    def of(cls, batch: pa.RecordBatch, offsets: Counts) -> LabelCounts:
        """Count the labels of rows; raises DataError as `read_labels` does, and for too many."""
        found = read_labels(batch)
        assert found is not None
        labels = tuple(sorted(found[0]))
        _refuse_too_many(labels)
        codes = label_codes(found, labels, UNKNOWN).astype(np.int64)
        follows = np.ones(len(codes), np.bool_)
        follows[offsets[:-1][np.diff(offsets) > 0]] = False
        second = np.flatnonzero(follows)
        pairs = np.bincount(
            codes[second - 1] * len(labels) + codes[second], minlength=len(labels) ** 2
        )
        return cls(
            labels=labels,
            words=np.bincount(codes, minlength=len(labels)),
            pairs=pairs.reshape(len(labels), len(labels)),
        )

    @classmethod
    def merge_all(cls, parts: Sequence[LabelCounts]) -> LabelCounts:
        """Add counts; raises DataError for too many labels."""
        labels = tuple(sorted({label for part in parts for label in part.labels}))
        _refuse_too_many(labels)
        moved = [part.onto(labels) for part in parts]
        size = len(labels)
        return cls(
            labels=labels,
            words=sum((part.words for part in moved), np.zeros(size, np.int64)),
            pairs=sum((part.pairs for part in moved), np.zeros((size, size), np.int64)),
        )

    def onto(self, labels: Sequence[str]) -> LabelCounts:
        """Return the same counts in the order of `labels`, which hold all of them."""
        place = {label: number for number, label in enumerate(labels)}
        index = np.array([place[label] for label in self.labels], np.int64)
        words = np.zeros(len(labels), np.int64)
        pairs = np.zeros((len(labels), len(labels)), np.int64)
        words[index] = self.words
        pairs[np.ix_(index, index)] = self.pairs
        return LabelCounts(labels=tuple(labels), words=words, pairs=pairs)

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Return (labels, labels): whether one may follow another."""
        may: NDArray[np.bool_] = (self.pairs > 0) | np.eye(len(self.labels), dtype=np.bool_)
        if OUTSIDE in self.labels:
            outside = self.labels.index(OUTSIDE)
            may[outside], may[:, outside] = True, True
        return may

    def arrays(self) -> Mapping[str, NDArray[np.generic]]:
        """Return what `read` reads."""
        texts = pack_texts(self.labels)
        return {
            "labels.bytes": texts["bytes"],
            "labels.ends": texts["ends"],
            "words": self.words,
            "pairs": self.pairs,
        }

    @classmethod
    def read(cls, artifact: Artifact) -> LabelCounts:
        """Return the counts of an artifact; raises DamagedArtifact."""
        try:
            arrays = artifact.arrays
            labels = unpack_texts(arrays["labels.bytes"], arrays["labels.ends"])
            read = cls(labels=labels, words=arrays["words"], pairs=arrays["pairs"])
        except KeyError as error:
            raise DamagedArtifact(f"the {artifact.kind} lacks {error}") from error
        if read.words.shape != (len(labels),) or read.pairs.shape != (len(labels),) * 2:
            raise DamagedArtifact(f"the counts of the {artifact.kind} are not those of its labels")
        return read


@dataclass(frozen=True, kw_only=True, eq=False)
class WordFeaturizer:
    """Hashed features of words."""

    hyperparameters: Hyperparameters
    counts: LabelCounts  # in the order of the classes
    places: Counts  # (features,), rising: the hash of each feature

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes of words."""
        return self.counts.labels

    @property
    def columns(self) -> int:
        """Return the number of features."""
        return len(self.places)

    def transform(self, batch: pa.RecordBatch) -> FeatureBlock:
        """Return the features of each word of each window; raises DataError as `read_words` does."""
        check_schema(TaskType.EXTRACTION, batch.schema, answers=False)
        found = read_words(batch)
        windows = _windows(found.offsets, self.hyperparameters)
        labels = read_labels(batch)
        codes = (
            np.full(len(found.codes), UNKNOWN, np.int32)
            if labels is None
            else label_codes(labels, self.labels, UNKNOWN)
        )
        texts = pack_texts(found.texts)
        words = WordFeatures.of(found, windows)
        hashed = words.columns(_bits(self.hyperparameters))
        return FeatureBlock(
            row_ids=found.row_ids,
            features=self._rows(hashed, len(windows.word_of)),
            record_of=windows.record_of.astype(np.int32),
            targets=codes[windows.word_of],
            extras={
                WINDOWS: windows.starts,
                STEPS: words.steps,
                WORD_OF: windows.word_of,
                OFFSETS: found.offsets,
                f"{TEXTS}.bytes": texts["bytes"],
                f"{TEXTS}.ends": texts["ends"],
            },
        )

    def _rows(self, hashed: Iterable[NDArray[np.int32]], entries: int) -> sparse.csr_array:
        """Return the columns that are features, of so many entries, as a matrix."""
        column_of = np.full(1 << _bits(self.hyperparameters), -1, np.int32)
        column_of[self.places] = np.arange(self.columns, dtype=np.int32)
        indices, ends = np.empty(0, np.int32), np.zeros(entries + 1, np.int64)
        row, end, width = 0, 0, 1
        for part in hashed:
            rows, width = part.shape
            if not row:  # memory that is never written to is never taken
                indices = np.empty(entries * width, np.int32)
            columns = column_of[part]
            known = columns >= 0
            ends[row + 1 : row + rows + 1] = end + np.cumsum(known.sum(axis=1))
            row, first = row + rows, end
            end = int(ends[row])
            indices[first:end] = columns[known]
        data = np.full(end, 1 / np.sqrt(width), np.float32)
        narrow = np.int32 if end < 2**31 else np.int64
        return sparse.csr_array(
            (data, indices[:end], ends.astype(narrow)), shape=(entries, self.columns)
        )

    def select(self, columns: NDArray[np.int64]) -> Featurizer:
        """Return the featurizer of these features alone."""
        return replace(self, places=self.places[columns])

    def artifact(self) -> Artifact:
        """Return what `WordFamily.read_featurizer` reads."""
        arrays = {**self.counts.arrays(), "places": self.places.astype(np.uint32)}
        return Artifact(kind=FEATURIZER, arrays=arrays)


@dataclass(frozen=True, kw_only=True)
class WordFamily:
    """Labels of words by maximum entropy."""

    hyperparameters: Hyperparameters

    def summarize(self, batch: pa.RecordBatch) -> Summary:
        """Count the columns, labels and transitions of rows."""
        check_schema(TaskType.EXTRACTION, batch.schema)
        found = read_words(batch)
        bits = _bits(self.hyperparameters)
        windows = _windows(found.offsets, self.hyperparameters)
        frequencies = np.zeros(1 << bits, np.int64)
        for part in WordFeatures.of(found, windows).columns(bits):
            frequencies += np.bincount(part.ravel(), minlength=1 << bits)
        return _summary(LabelCounts.of(batch, found.offsets), frequencies)

    def merge(self, summaries: Sequence[Summary]) -> Summary:
        """Return the sums of all counts."""
        frequencies = np.zeros(1 << _bits(self.hyperparameters), np.int64)
        for summary in summaries:
            frequencies += summary.arrays["frequencies"]
        counts = LabelCounts.merge_all([LabelCounts.read(summary) for summary in summaries])
        return _summary(counts, frequencies)

    def featurizer(self, summary: Summary, labels: Sequence[str] = ()) -> WordFeaturizer:
        """Return the featurizer of the columns that enough words have.

        Declared `labels` need not name "O".
        """
        found = LabelCounts.read(summary)
        counts = dict(zip(found.labels, found.words.tolist(), strict=True))
        if set(counts) == {OUTSIDE}:
            raise DataError(
                f'all words of the training split have the label "{OUTSIDE}". Give the words of a'
                " field its name"
            )
        if labels and OUTSIDE in counts and OUTSIDE not in labels:
            labels = (*labels, OUTSIDE)
        order = class_order(counts, labels)
        frequencies = summary.arrays["frequencies"]
        fewest = self.hyperparameters.integer("min_document_frequency")
        places = np.flatnonzero(frequencies >= fewest)
        if not len(places):
            raise DataError(
                f"no feature is on {fewest} or more words of the training split. Add rows, or"
                " lower min_document_frequency"
            )
        return WordFeaturizer(
            hyperparameters=self.hyperparameters, counts=found.onto(order), places=places
        )

    def learner(self, featurizer: Featurizer) -> WordTagger:
        """Return a chain over the features."""
        assert isinstance(featurizer, WordFeaturizer)
        counts = featurizer.counts
        return WordTagger(
            hyperparameters=self.hyperparameters,
            columns=featurizer.columns,
            labels=featurizer.labels,
            possible=counts.possible,
            class_weights=class_weights(self.hyperparameters, counts.words),
        )

    def read_featurizer(self, artifact: Artifact) -> WordFeaturizer:
        """Return the featurizer that an artifact holds; raises DamagedArtifact."""
        counts = LabelCounts.read(artifact)
        if "places" not in artifact.arrays:
            raise DamagedArtifact("the featurizer lacks places")
        places = artifact.arrays["places"].astype(np.int64)
        if places.ndim != 1 or places.max(initial=0) >= 1 << _bits(self.hyperparameters):
            raise DamagedArtifact("the features of the artifact are not those of its hashes")
        return WordFeaturizer(hyperparameters=self.hyperparameters, counts=counts, places=places)


def _bits(hyperparameters: Hyperparameters) -> int:
    return hyperparameters.integer("hash_bits")


def _windows(offsets: Counts, hyperparameters: Hyperparameters) -> Windows:
    length, overlap = (hyperparameters.integer(name) for name in ("max_length", "chunk_overlap"))
    return Windows.cut(offsets, length, overlap)


def _summary(counts: LabelCounts, frequencies: Counts) -> Summary:
    arrays = {**counts.arrays(), "frequencies": frequencies}
    return Artifact(kind=SUMMARY, arrays=arrays)


def _refuse_too_many(labels: Sequence[str]) -> None:
    if len(labels) > MAX_LABELS:
        raise DataError(
            f"the words have {len(labels)} labels, such as {shortened(labels[-1])}; at most"
            f" {MAX_LABELS} are allowed. Is the label a value?"
        )
