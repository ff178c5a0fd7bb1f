"""Hashes of the word and character n-grams of texts, of whole batches at once.

A word is a run of letters, digits, marks and underscores, in lower case, cut after 64 characters.
Character n-grams are those of a word between two spaces, but for the space alone. Every n-gram has
a hash of 64 bits, by its code points; equal texts have equal n-grams whatever stands beside them.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]
Keys = NDArray[np.uint32] | NDArray[np.uint64]

MAX_WORD = 64  # characters
PART = 1 << 17  # characters whose n-grams are hashed at once: they stay in the cache
SPACE = 32
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)  # odd: of the polynomial over code points
_WORD_STEP: Final = np.uint64(0xD6E8FEB86659FD93)  # odd: of the polynomial over words
_MIX: Final = np.uint64(0xBF58476D1CE4E5B9)  # of splitmix64


@dataclass(frozen=True, kw_only=True)
class Words:
    """The words of texts: code points of all, and where each word stands in them."""

    codes: NDArray[np.uint32]
    starts: Places  # (words,)
    lengths: Places  # (words,), in code points
    text_ends: Places  # (texts,), the number of words up to the end of each text


def words_of(texts: Sequence[str]) -> Words:
    """Return the words of texts, in lower case."""
    lowered = [text.lower() for text in texts]
    codes = np.frombuffer("\n".join([*lowered, ""]).encode("utf-32-le"), np.uint32)
    inside = np.concatenate([[False], _word_characters()[codes]])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, lengths = _cut(edges[::2], edges[1::2] - edges[::2])
    breaks = np.cumsum([len(text) + 1 for text in lowered], dtype=np.int64)
    return Words(
        codes=codes,
        starts=starts,
        lengths=lengths,
        text_ends=np.searchsorted(starts, breaks).astype(np.int64),
    )


@cache
def _word_characters() -> NDArray[np.bool_]:
    """Return which code points belong to words."""
    return np.fromiter(
        (
            character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"
            for character in map(chr, range(sys.maxunicode + 1))
        ),
        np.bool_,
        sys.maxunicode + 1,
    )


def _cut(starts: Places, lengths: Places) -> tuple[Places, Places]:
    """Cut words that are too long."""
    parts = -(-lengths // MAX_WORD)
    if not len(parts) or parts.max() == 1:
        return starts, lengths
    number = _counted(parts)
    lengths = np.minimum(np.repeat(lengths, parts) - number * MAX_WORD, MAX_WORD)
    return np.repeat(starts, parts) + number * MAX_WORD, lengths


def _counted(lengths: Places) -> Places:
    """Return 0, 1, … up to each length, one after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def chunk_words(words: int, length: int, overlap: int) -> list[tuple[int, int]]:
    """Return the first and the last word (exclusive) of each chunk of a record.

    Each chunk but the first starts `overlap` words before the end of the one before; a record
    without words has one empty chunk.
    """
    starts = range(0, max(1, words - overlap), length - overlap)
    return [(start, min(start + length, words)) for start in starts]


def hash_chunks(
    words: Words,
    chunks: Sequence[tuple[int, int]],
    *,
    word_ngrams: int,
    char_ngrams: int,
    bits: int,
) -> Iterator[ChunkGrams]:
    """Yield the n-grams of a few chunks at a time.

    Args:
        words: The words.
        chunks: The first and last word (exclusive) of each chunk.
        word_ngrams: The longest sequence of words.
        char_ngrams: The longest sequence of characters.
        bits: How many bits of a hash are kept, up to 32.
    """
    for first, last in _parts(words, chunks):
        bounds = np.array(chunks[first:last], np.int64)
        sizes = bounds[:, 1] - bounds[:, 0]
        kind = np.uint32 if (last - first) << bits <= 1 << 32 else np.uint64
        chunk_of: Keys = np.repeat((np.arange(last - first) << bits).astype(kind), sizes)
        index = _counted(sizes) + np.repeat(bounds[:, 0], sizes)
        letters = _Letters.of(words, index)
        drop = np.uint64(64 - bits)
        some = len(index) > 0
        yield ChunkGrams(
            chunk_of=chunk_of,
            sizes=sizes,
            index=index,
            lengths=letters.lengths,
            word_keys=tuple(_of_words(letters, chunk_of, word_ngrams * some, drop)),
            character_keys=tuple(_of_characters(letters, chunk_of, char_ngrams * some, drop)),
        )


@dataclass(frozen=True, kw_only=True)
class ChunkGrams:
    """The n-grams of a few chunks, those of a word after those of the word before.

    The key of an n-gram is its chunk, counted from the first of these, times 2 ** bits, plus the
    kept bits of its hash. Keys have 32 bits where that is enough.
    """

    chunk_of: Keys  # (words,), the upper bits of the keys of each word
    sizes: Places  # (chunks,), words of each
    index: Places  # (words,), their numbers in `Words`: those of one chunk after the other
    lengths: Places  # (words,), in letters, with the spaces at both ends
    word_keys: tuple[Keys, ...]  # of n words, for n = 1, 2, …
    character_keys: tuple[Keys, ...]  # of n characters, for n = 1, 2, …

    def keys(self) -> Keys:
        """Return all keys in one array."""
        none = np.empty(0, self.chunk_of.dtype)
        keys: Keys = np.concatenate([none, *self.word_keys, *self.character_keys])
        return keys

    def word_starts(self, n: int) -> NDArray[np.bool_]:
        """Return the (words,) words of these chunks that an n-gram of n words starts with."""
        found = np.zeros(len(self.index), np.bool_)
        count = max(0, len(found) - n + 1)
        found[:count] = self.chunk_of[:count] == self.chunk_of[n - 1 :]
        return found

    def character_counts(self, n: int) -> Places:
        """Return how many n-grams of n characters each of the words has, as (words,)."""
        counts: Places = self.lengths - 2 if n == 1 else np.maximum(self.lengths - n + 1, 0)
        return counts


@dataclass(frozen=True, kw_only=True)
class _Letters:
    """The code points of words, each word between two spaces."""

    codes: Hashes  # (letters,), plus 1
    place: NDArray[np.int32]  # (letters,), in the word
    left: NDArray[np.int32]  # (letters,), up to the end of the word
    starts: Places  # (words,)
    lengths: Places  # (words,)

    @classmethod
    def of(cls, words: Words, index: Places) -> _Letters:
        lengths = words.lengths[index] + 2
        ends = np.cumsum(lengths)
        starts = ends - lengths
        letter = np.arange(ends[-1] if len(ends) else 0, dtype=np.int32)
        # The first letter of a word is taken from before it and the last from behind.
        source = letter + np.repeat((words.starts[index] - starts - 1).astype(np.int32), lengths)
        codes = words.codes[source].astype(np.uint64)
        codes[starts] = codes[ends - 1] = SPACE
        codes += np.uint64(1)
        return cls(
            codes=codes,
            place=letter - np.repeat(starts.astype(np.int32), lengths),
            left=np.repeat(ends.astype(np.int32), lengths) - letter,
            starts=starts,
            lengths=lengths,
        )


def _parts(words: Words, chunks: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Cut chunks into runs of about PART characters."""
    ends = np.concatenate([[0], np.cumsum(words.lengths + 2)])
    bounds = np.array(chunks, np.int64).reshape(-1, 2)
    sizes = np.cumsum(ends[bounds[:, 1]] - ends[bounds[:, 0]])
    cuts = [0]
    while cuts[-1] < len(chunks):
        done = sizes[cuts[-1] - 1] if cuts[-1] else 0
        cuts.append(max(cuts[-1] + 1, int(np.searchsorted(sizes, done + PART, side="right"))))
    yield from pairwise(cuts)


def _of_words(letters: _Letters, chunk_of: Keys, longest: int, drop: np.uint64) -> Iterator[Keys]:
    """Yield the keys of the n-grams of words, for each n."""
    if not longest:
        return
    powers = np.cumprod(np.full(MAX_WORD + 2, _STEP))
    single = _mixed(np.add.reduceat(letters.codes * powers[letters.place], letters.starts), 1)
    grams = single
    yield chunk_of | (single >> drop).astype(chunk_of.dtype)
    for n in range(2, longest + 1):
        grams = grams[:-1] * _WORD_STEP + single[n - 1 :]
        owner = chunk_of[: len(grams)]
        keys = owner | (_mixed(grams, n) >> drop).astype(owner.dtype)
        yield keys[owner == chunk_of[n - 1 :]]


def _of_characters(
    letters: _Letters, chunk_of: Keys, longest: int, drop: np.uint64
) -> Iterator[Keys]:
    """Yield the keys of the n-grams of characters, for each n."""
    if not longest:
        return
    owner = np.repeat(chunk_of, letters.lengths)
    grams = letters.codes
    for n in range(1, longest + 1):
        if n > 1:
            grams = grams[:-1] * _STEP
            grams += letters.codes[n - 1 :]
        hashes = _mixed(grams, 100 + n)
        hashes >>= drop
        keys = hashes.astype(owner.dtype)
        keys |= owner[: len(keys)]
        left = letters.left[: len(keys)]
        # A space alone is no feature, and an n-gram ends with its word.
        yield keys[left >= n] if n > 1 else keys[(left > 1) & (letters.place > 0)]


def _mixed(values: Hashes, kind: int) -> Hashes:
    """Return hashes whose upper bits depend on every bit of `values` and on the kind."""
    mixed = values + np.uint64(kind * int(_STEP) % 2**64)
    mixed *= _MIX
    mixed ^= mixed >> np.uint64(31)
    mixed *= _STEP
    return mixed
