"""Hashed n-grams against scikit-learn's."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from assay.learning.ngrams import MAX_WORD, chunk_words, hash_chunks, words_of

TEXTS = [
    "The cat, the Cat; the cat's hat_7!",
    "",
    "a b a b",
    "ÇA va? Straße İstanbul हिन्दी 東京タワー",
    "... --- ...",
    "x" * (2 * MAX_WORD + 5) + " y",
]


def words_in(texts):
    """The words of each text, as plain text."""
    words = words_of(texts)
    spelled = [
        "".join(map(chr, words.codes[start : start + length]))
        for start, length in zip(words.starts, words.lengths, strict=True)
    ]
    ends = [0, *words.text_ends.tolist()]
    return [spelled[a:b] for a, b in pairwise(ends)]


def hashed(texts, **ngrams):
    """Each text's counts by hash."""
    words = words_of(texts)
    ends = [0, *words.text_ends.tolist()]
    found = [Counter() for _ in texts]
    first = 0
    for grams in hash_chunks(words, list(pairwise(ends)), bits=32, **ngrams):
        for key in grams.keys().tolist():
            found[first + (key >> 32)][key & 0xFFFFFFFF] += 1
        first += len(grams.sizes)
    assert first == len(texts)
    return found


def test_words_are_runs_of_letters_digits_and_marks():
    """Words are in lower case, with the marks of their scripts, and long ones are cut."""
    words = words_in(TEXTS)
    assert words[0] == ["the", "cat", "the", "cat", "the", "cat", "s", "hat_7"]
    assert words[1] == words[4] == []
    assert words[3] == ["ça", "va", "straße", "i̇stanbul", "हिन्दी", "東京タワー"]
    assert [len(word) for word in words[5]] == [MAX_WORD, MAX_WORD, 5, 1]


@pytest.mark.parametrize(
    ("ngrams", "vectorizer"),
    [
        ({"word_ngrams": 1, "char_ngrams": 0}, {"ngram_range": (1, 1), "token_pattern": r"\S+"}),
        ({"word_ngrams": 3, "char_ngrams": 0}, {"ngram_range": (1, 3), "token_pattern": r"\S+"}),
        ({"word_ngrams": 0, "char_ngrams": 4}, {"ngram_range": (1, 4), "analyzer": "char_wb"}),
        ({"word_ngrams": 0, "char_ngrams": 1}, {"ngram_range": (1, 1), "analyzer": "char_wb"}),
    ],
)
def test_counts_are_those_of_scikit_learn(ngrams, vectorizer):
    """Of every text the n-grams have scikit-learn's counts, and one hash each over all texts."""
    joined = [" ".join(words) for words in words_in(TEXTS)]
    oracle = CountVectorizer(lowercase=False, **vectorizer)
    counts = oracle.fit_transform(joined).toarray()
    names = oracle.get_feature_names_out()
    counts = counts[:, [name != " " for name in names]]
    ours = hashed(TEXTS, **ngrams)
    for text, found in enumerate(ours):
        assert sorted(found.values()) == sorted(counts[text][counts[text] > 0].tolist())
    hashes = sorted({value for found in ours for value in found})
    table = np.array([[found[value] for value in hashes] for found in ours])
    assert sorted(map(tuple, table.T.tolist())) == sorted(map(tuple, counts.T.tolist()))


def test_n_grams_do_not_depend_on_the_texts_beside():
    """A text alone has the hashes that it has among others."""
    together = hashed(TEXTS, word_ngrams=2, char_ngrams=3)
    for text, found in zip(TEXTS, together, strict=True):
        assert hashed([text], word_ngrams=2, char_ngrams=3) == [found]


@pytest.mark.parametrize("bits", [8, 29, 31])
def test_keys_are_as_short_as_they_can_be(bits):
    """Hashes of fewer bits are the upper bits of longer ones, in keys of 32 bits if they suffice."""
    words = words_of(TEXTS)
    ends = [0, *words.text_ends.tolist()]
    given = {"word_ngrams": 1, "char_ngrams": 2}
    (whole,) = (
        grams.keys() for grams in hash_chunks(words, list(pairwise(ends)), bits=32, **given)
    )
    (keys,) = (
        grams.keys() for grams in hash_chunks(words, list(pairwise(ends)), bits=bits, **given)
    )
    assert keys.dtype == (np.uint64 if bits > 29 else np.uint32)
    assert np.array_equal(keys, whole >> np.uint64(32 - bits))


def test_each_n_gram_stands_at_a_word():
    """The n-grams of a chunk of words are those of each word alone, and of each run of words."""
    words = words_of(TEXTS)
    ends = [0, *words.text_ends.tolist()]
    given = {"word_ngrams": 3, "char_ngrams": 4, "bits": 18}
    (grams,) = hash_chunks(words, list(pairwise(ends)), **given)
    (alone,) = hash_chunks(words, [(at, at + 1) for at in grams.index.tolist()], **given)
    low = (1 << 18) - 1
    for n, keys in enumerate(grams.character_keys, 1):
        counts = grams.character_counts(n)
        assert counts.sum() == len(keys)
        assert np.array_equal(keys & low, alone.character_keys[n - 1] & low)
        assert np.array_equal(
            np.repeat(np.arange(len(counts)), counts), alone.character_keys[n - 1] >> 18
        )
    for n, keys in enumerate(grams.word_keys, 1):
        owners = grams.chunk_of[grams.word_starts(n)]
        assert np.array_equal(owners, keys & ~np.array(low, keys.dtype))


def test_many_parts_are_one():
    """Texts beyond what is hashed at once give the counts of each alone."""
    texts = [f"word{number} " * 40_000 for number in range(5)]
    alone = [hashed([text], word_ngrams=1, char_ngrams=2)[0] for text in texts[:1]]
    assert hashed(texts, word_ngrams=1, char_ngrams=2)[0] == alone[0]


@pytest.mark.parametrize(
    ("words", "chunks"),
    [
        (0, [(0, 0)]),
        (1, [(0, 1)]),
        (10, [(0, 10)]),
        (11, [(0, 10), (7, 11)]),
        (17, [(0, 10), (7, 17)]),
        (18, [(0, 10), (7, 17), (14, 18)]),
    ],
)
def test_chunks_overlap_and_cover(words, chunks):
    """Chunks of 10 words share 3 with the one before, and none is inside of another."""
    assert chunk_words(words, 10, 3) == chunks
