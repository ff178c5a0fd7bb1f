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

MAX_WORD = 64  # characters
PART = 1 << 20  # characters whose n-grams are hashed at once
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
    lowered = "\n".join(texts).lower() + "\n"
    codes = np.frombuffer(lowered.encode("utf-32-le"), np.uint32)
    inside = np.concatenate([[False], _word_characters()[codes]])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, lengths = _cut(edges[::2], edges[1::2] - edges[::2])
    breaks = np.cumsum([len(text.lower()) + 1 for text in texts], dtype=np.int64)
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
    words: Words, chunks: Sequence[tuple[int, int]], *, word_ngrams: int, char_ngrams: int
) -> Iterator[tuple[int, NDArray[np.int32], Hashes]]:
    """Yield the n-grams of a few chunks at a time.

    Args:
        words: The words.
        chunks: The first and last word (exclusive) of each chunk.
        word_ngrams: The longest sequence of words.
        char_ngrams: The longest sequence of characters.

    Yields:
        How many chunks, and of each n-gram its chunk, counted from the first of them, and its
        hash.
    """
    for first, last in _parts(words, chunks):
        bounds = np.array(chunks[first:last], np.int64)
        sizes = bounds[:, 1] - bounds[:, 0]
        index = _counted(sizes) + np.repeat(bounds[:, 0], sizes)
        chunk_of = np.repeat(np.arange(last - first, dtype=np.int32), sizes)
        found = [
            *_of_words(words, index, chunk_of, word_ngrams),
            *_of_characters(words, index, chunk_of, char_ngrams),
        ]
        owners = [owner for owner, _ in found] or [np.empty(0, np.int32)]
        hashes = [value for _, value in found] or [np.empty(0, np.uint64)]
        yield last - first, np.concatenate(owners), np.concatenate(hashes)


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


def _of_words(
    words: Words, index: Places, chunk_of: NDArray[np.int32], longest: int
) -> Iterator[tuple[NDArray[np.int32], Hashes]]:
    """Yield the n-grams of words, for each n."""
    if not longest or not len(index):
        return
    place = _counted(words.lengths[index])
    codes = words.codes[place + np.repeat(words.starts[index], words.lengths[index])]
    powers = np.cumprod(np.full(MAX_WORD, _STEP))
    ends = np.cumsum(words.lengths[index])
    single = np.add.reduceat(
        (codes.astype(np.uint64) + 1) * powers[place], ends - words.lengths[index]
    )
    single = _mixed(single, 1)
    grams = single
    yield chunk_of, grams
    for n in range(2, longest + 1):
        grams = grams[:-1] * _WORD_STEP + single[n - 1 :]
        whole = chunk_of[: len(grams)] == chunk_of[n - 1 :]
        yield chunk_of[: len(grams)][whole], _mixed(grams[whole], n)


def _of_characters(
    words: Words, index: Places, chunk_of: NDArray[np.int32], longest: int
) -> Iterator[tuple[NDArray[np.int32], Hashes]]:
    """Yield the n-grams of characters, for each n."""
    if not longest or not len(index):
        return
    lengths = words.lengths[index] + 2
    place = _counted(lengths)
    word_of = np.repeat(np.arange(len(index), dtype=np.int32), lengths)
    space = (place == 0) | (place == (lengths - 1)[word_of])
    source = words.starts[index][word_of] + place - 1
    codes = np.where(space, np.uint32(SPACE), words.codes[np.where(space, 0, source)])
    single = codes.astype(np.uint64) + 1
    owner = chunk_of[word_of]
    yield owner[~space], _mixed(single[~space], 101)
    grams = single
    for n in range(2, longest + 1):
        grams = grams[:-1] * _STEP + single[n - 1 :]
        whole = word_of[: len(grams)] == word_of[n - 1 :]
        yield owner[: len(grams)][whole], _mixed(grams[whole], 100 + n)


def _mixed(values: Hashes, kind: int) -> Hashes:
    """Return hashes whose every bit depends on every bit of `values` and on the kind."""
    mixed = (values + np.uint64(kind * int(_STEP) % 2**64)) * _MIX
    mixed ^= mixed >> np.uint64(31)
    mixed *= _STEP
    mixed ^= mixed >> np.uint64(29)
    return mixed
