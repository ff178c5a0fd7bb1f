"""Text classification: hashed n-grams of words and characters, weighted by TF-IDF.

A record's pages are joined and cut into chunks of at most `max_length` words. The n-grams of a
chunk are counted in 2 ** hash_bits places by their hash; places that too few training chunks have
are left out. A feature is count * (log((1 + chunks) / (1 + chunks that have it)) + 1), and a row
has length 1: scikit-learn's TF-IDF, but for n-grams that share a place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.artifact import Artifact, pack_texts, unpack_texts
from assay.learning.errors import DamagedArtifact, DataError
from assay.learning.feature_block import FeatureBlock
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.labels import added, class_codes, class_order, label_counts
from assay.learning.learner import Featurizer, Summary
from assay.learning.linear import LinearLearner, class_weights, priors
from assay.learning.ngrams import ChunkGrams, Words, chunk_words, hash_chunks, words_of
from assay.learning.rows import PAGES, ROW_ID, TaskType, check_schema, row_ids

SUMMARY = "summary"
FEATURIZER = "featurizer"
MAX_CHARACTERS = 10_000_000  # of a record
_ABSENT = -1


@dataclass(frozen=True, kw_only=True)
class TextFeaturizer:
    """TF-IDF of hashed n-grams."""

    hyperparameters: Hyperparameters
    labels: tuple[str, ...]
    chunk_counts: NDArray[np.int64]  # (classes,), training chunks
    places: NDArray[np.int64]  # (features,), rising: the hash of each feature
    idf: NDArray[np.float32]  # (features,)

    @property
    def columns(self) -> int:
        """Return the number of features."""
        return len(self.places)

    def transform(self, batch: pa.RecordBatch) -> FeatureBlock:
        """Return the TF-IDF of each chunk; raises DataError for a record that is too long."""
        check_schema(TaskType.TEXT_CLASSIFICATION, batch.schema, answers=False)
        column_of = self.column_of()
        chunked = ChunkedText.of(batch, self.hyperparameters)
        parts = [self.rows(grams, column_of)[0] for grams in chunked.grams()]
        return FeatureBlock(
            row_ids=row_ids(batch),
            features=stacked(parts, self.columns),
            record_of=chunked.record_of,
            targets=class_codes(batch, self.labels)[chunked.record_of],
        )

    def column_of(self) -> NDArray[np.int32]:
        """Return the feature of each place, negative where it is none."""
        found = np.full(1 << self.hyperparameters.integer("hash_bits"), _ABSENT, np.int32)
        found[self.places] = np.arange(self.columns, dtype=np.int32)
        return found

    def rows(
        self, grams: ChunkGrams, column_of: NDArray[np.int32]
    ) -> tuple[sparse.csr_array, NDArray[np.float64]]:
        """Return the (chunks, features) TF-IDF of some chunks, and what each row was divided by."""
        chunks = len(grams.sizes)
        chunk_of, places, counts = place_counts(grams, self.hyperparameters.integer("hash_bits"))
        columns = column_of[places]
        known = columns != _ABSENT
        columns, rows = columns[known], chunk_of[known]
        values = counts[known] * self.idf[columns].astype(np.float64)
        ends = np.cumsum(np.bincount(rows, minlength=chunks))
        lengths = np.sqrt(np.bincount(rows, values**2, minlength=chunks))
        values /= lengths[rows]
        found = sparse.csr_array(
            (values.astype(np.float32), columns, np.concatenate([[0], ends]).astype(np.int32)),
            shape=(chunks, self.columns),
        )
        return found, lengths

    def select(self, columns: NDArray[np.int64]) -> Featurizer:
        """Return the featurizer of these features alone."""
        return replace(self, places=self.places[columns], idf=self.idf[columns])

    def artifact(self) -> Artifact:
        """Return what `TextFamily.read_featurizer` reads."""
        texts = pack_texts(self.labels)
        return Artifact(
            kind=FEATURIZER,
            arrays={
                "labels.bytes": texts["bytes"],
                "labels.ends": texts["ends"],
                "chunk_counts": self.chunk_counts,
                "places": self.places.astype(np.uint32),
                "idf": self.idf,
            },
        )


@dataclass(frozen=True, kw_only=True)
class TextFamily:
    """Linear classifiers of texts."""

    hyperparameters: Hyperparameters

    def summarize(self, batch: pa.RecordBatch) -> Summary:
        """Count in how many chunks each place is, and the chunks of each class."""
        check_schema(TaskType.TEXT_CLASSIFICATION, batch.schema)
        rows = label_counts(batch)
        labels = tuple(rows)
        chunked = ChunkedText.of(batch, self.hyperparameters)
        frequencies = np.zeros(1 << self.hyperparameters.integer("hash_bits"), np.int64)
        for grams in chunked.grams():
            _, places, _ = place_counts(grams, self.hyperparameters.integer("hash_bits"))
            frequencies += np.bincount(places, minlength=len(frequencies))
        codes = class_codes(batch, labels)[chunked.record_of]
        chunks = np.bincount(codes, minlength=len(labels)).tolist()
        return _summary(rows, dict(zip(labels, chunks, strict=True)), frequencies)

    def merge(self, summaries: Sequence[Summary]) -> Summary:
        """Return the sums of all counts."""
        frequencies = np.zeros(1 << self.hyperparameters.integer("hash_bits"), np.int64)
        for summary in summaries:
            frequencies += summary.arrays["frequencies"]
        return _summary(
            added(summary.facts["rows"] for summary in summaries),
            added(summary.facts["chunks"] for summary in summaries),
            frequencies,
        )

    def featurizer(self, summary: Summary, labels: Sequence[str] = ()) -> TextFeaturizer:
        """Return the featurizer of the places that enough chunks have."""
        order = class_order(summary.facts["rows"], labels)
        counts = summary.facts["chunks"]
        frequencies = summary.arrays["frequencies"]
        fewest = self.hyperparameters.integer("min_document_frequency")
        places = np.flatnonzero(frequencies >= fewest)
        if not len(places):
            raise DataError(
                f"no word or part of one is in {fewest} or more chunks of the training split. Add"
                " rows, or lower min_document_frequency"
            )
        chunks = sum(counts.values())
        return TextFeaturizer(
            hyperparameters=self.hyperparameters,
            labels=order,
            chunk_counts=np.array([counts[label] for label in order], np.int64),
            places=places,
            idf=(np.log((1 + chunks) / (1 + frequencies[places])) + 1).astype(np.float32),
        )

    def learner(self, featurizer: Featurizer) -> LinearLearner:
        """Return a softmax over the features."""
        assert isinstance(featurizer, TextFeaturizer)
        return LinearLearner(
            hyperparameters=self.hyperparameters,
            columns=featurizer.columns,
            labels=featurizer.labels,
            class_weights=class_weights(self.hyperparameters, featurizer.chunk_counts),
            priors=priors(featurizer.chunk_counts),
        )

    def read_featurizer(self, artifact: Artifact) -> TextFeaturizer:
        """Return the featurizer that an artifact holds; raises DamagedArtifact."""
        try:
            arrays = artifact.arrays
            read = TextFeaturizer(
                hyperparameters=self.hyperparameters,
                labels=unpack_texts(arrays["labels.bytes"], arrays["labels.ends"]),
                chunk_counts=arrays["chunk_counts"],
                places=arrays["places"].astype(np.int64),
                idf=arrays["idf"],
            )
        except KeyError as error:
            raise DamagedArtifact(f"the featurizer lacks {error}") from error
        size = 1 << self.hyperparameters.integer("hash_bits")
        if read.places.shape != read.idf.shape or read.places.max(initial=0) >= size:
            raise DamagedArtifact("the features of the artifact are not those of its hashes")
        return read


@dataclass(frozen=True, kw_only=True)
class ChunkedText:
    """The words of records, cut into chunks."""

    hyperparameters: Hyperparameters
    words: Words
    chunks: list[tuple[int, int]]  # first word and last (exclusive)
    record_of: NDArray[np.int32]  # (chunks,)

    @classmethod
    def of(cls, batch: pa.RecordBatch, hyperparameters: Hyperparameters) -> ChunkedText:
        """Cut the records of a batch; raises DataError for one that is too long."""
        texts = list(texts_of(batch, hyperparameters.integer("npages_to_filter")))
        return cls.of_texts(texts, hyperparameters)

    @classmethod
    def of_texts(cls, texts: Sequence[str], hyperparameters: Hyperparameters) -> ChunkedText:
        """Cut records whose texts these are."""
        words = words_of(texts)
        length = hyperparameters.integer("max_length")
        overlap = hyperparameters.integer("chunk_overlap")
        chunks: list[tuple[int, int]] = []
        record_of: list[int] = []
        start = 0
        for record, end in enumerate(words.text_ends.tolist()):
            found = chunk_words(end - start, length, overlap)
            chunks += [(start + first, start + last) for first, last in found]
            record_of += [record] * len(found)
            start = end
        return cls(
            hyperparameters=hyperparameters,
            words=words,
            chunks=chunks,
            record_of=np.array(record_of, np.int32),
        )

    def grams(self) -> Iterator[ChunkGrams]:
        """Yield the n-grams of some chunks at a time."""
        return hash_chunks(
            self.words,
            self.chunks,
            word_ngrams=self.hyperparameters.integer("word_ngrams"),
            char_ngrams=self.hyperparameters.integer("char_ngrams"),
            bits=self.hyperparameters.integer("hash_bits"),
        )


def place_counts(
    grams: ChunkGrams, bits: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return chunks, places, and how often each chunk has each place, in this order."""
    keys = grams.keys()
    keys.sort()
    starts = np.flatnonzero(np.concatenate([keys[:1] == keys[:1], keys[1:] != keys[:-1]]))
    counts = np.diff(np.append(starts, len(keys)))
    found = keys[starts].astype(np.int64)
    return found >> bits, found & ((1 << bits) - 1), counts


def texts_of(batch: pa.RecordBatch, most_pages: int) -> Iterator[str]:
    """Yield the text of each record: its pages, or the first `most_pages` of them, joined.

    Raises DataError for one that is too long.
    """
    for row, pages in enumerate(batch.column(PAGES).to_pylist()):
        kept = [page or "" for page in (pages or [])[: most_pages or None]]
        characters = sum(map(len, kept))
        if characters > MAX_CHARACTERS:
            raise DataError(
                f"the text has {characters} characters; at most {MAX_CHARACTERS} are allowed. Cut"
                " it into several rows, or read fewer pages by npages_to_filter",
                batch.column(ROW_ID)[row].as_py(),
            )
        yield "\n".join(kept)


def _summary(
    rows: dict[str, int], chunks: dict[str, int], frequencies: NDArray[np.int64]
) -> Summary:
    return Artifact(
        kind=SUMMARY, facts={"rows": rows, "chunks": chunks}, arrays={"frequencies": frequencies}
    )


def stacked(parts: list[sparse.csr_array], columns: int) -> sparse.csr_array:
    """Return the rows of all parts in one matrix."""
    if not parts:
        parts = [sparse.csr_array(np.empty((0, columns), np.float32))]
    return sparse.csr_array(sparse.vstack(parts, format="csr"))
