"""Features of words: shapes, layout on a page, hashes."""

import random

import numpy as np
import pytest

from assay.learning.word_features import INSIDE, NEXT_CELL, UNPLACED, WordFeatures
from assay.learning.word_layout import lay_out, page_places
from assay.learning.word_rows import Windows, read_words
from assay.learning.word_shapes import COUNT, is_name, kind_of, shape_of, word_hashes
from tests.support.word_rows import word_batch

BITS = 16


def features(words, boxes=None, most=512, overlap=64):
    found = read_words(word_batch(words, boxes=boxes))
    words = WordFeatures.of(found, Windows.cut(found.offsets, most, overlap))
    return np.concatenate(list(words.columns(BITS)))


def on_lines(*lines):
    """Return the words of lines of (x, word), and their boxes, 10 high and 8 a letter."""
    placed = [(x, 20 * y, word) for y, line in enumerate(lines) for x, word in line]
    return [word for _, _, word in placed], [
        [x, y, x + 8 * len(word), y + 10] for x, y, word in placed
    ]


def layout_of(*lines):
    """Return the words of lines and their layout, in one window."""
    words, boxes = on_lines(*lines)
    found = read_words(word_batch([words], boxes=[boxes]))
    of_word = np.zeros(len(words), np.int64)
    places, sizes = page_places(found.boxes, of_word, 1)
    names = is_name(found.vocabulary)[found.codes]
    boxed = np.ones(len(words), np.bool_)
    return words, lay_out(places, sizes, boxed, np.array([0, len(words)]), names)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("01.02.2024", "date"), ("2024-02-01", "date"), ("1/2/24", "date"), ("2024", "year"),
        ("1.234,50", "money"), ("$5,369.35", "money"), ("0.99", "money"), ("19%", "percent"),
        ("8,25%", "percent"), ("€", "currency"), ("USD", "currency"), ("R$", "currency"),
        ("DE89370400440532013000", "bank"), ("12.", "ordinal"), ("40212", "digits"),
        ("Müller", "name"), ("Łódź", "name"), ("INVOICE", "capitals"), ("RE-2024-00123", "code"),
        ("Datum:", "label"), ("a@b.de", "mail"), ("und", "other"), ("", "other"),
    ],
)  # fmt: skip
def test_kinds_of_words(word, kind):
    """Dates, money, numbers, codes and names are told apart by their letters."""
    assert kind_of(word) == kind


def test_shapes_of_words():
    """A shape has X for capitals, x for other letters, 0 for digits, and all other signs."""
    assert shape_of("RE-2024/7b Straße Ł") == "XX-0000/0x Xxxxxx X"


def test_what_names_others_has_letters_and_no_digits():
    """Names have letters, no digits, and are no currency."""
    words = ("Total:", "n°", "12", "A4", "EUR", "kr", "€", "", "—", "дата")
    assert is_name(words).tolist() == [True, True, *[False] * 7, True]


@pytest.mark.parametrize(
    "word", ["", " ", "x", "\x00", "👩‍👩‍👧", "ẞ", "İ", "a" * 10**6, "１２", "٣٫٥"]
)
def test_any_word_has_hashes(word):
    """Words of any script and length have as many hashes, in a time that is not their length's."""
    assert word_hashes([word]).shape == (1, COUNT)


def test_lines_have_neighbours():
    """On a line each word has the one on its left and on its right, whatever their given order."""
    words, layout = layout_of([(300, "c"), (0, "a"), (100, "b")], [(0, "d")])
    spelled = {
        words[n]: (left, right)
        for n, (left, right) in enumerate(zip(layout.left, layout.right, strict=True))
    }
    place = {word: n for n, word in enumerate(words)}
    assert spelled["a"] == (-1, place["b"])
    assert spelled["b"] == (place["a"], place["c"])
    assert spelled["d"] == (-1, -1)
    assert layout.line.tolist() == [0, 0, 0, 1]
    assert layout.lines.tolist() == [2] * 4


def test_words_stand_below_what_overlaps_them():
    """Above a word is that of the line before whose middle is the nearest, if they overlap."""
    words, layout = layout_of(
        [(0, "Number"), (200, "Date"), (240, "of"), (264, "issue")], [(0, "12345"), (200, "1.2.2024")], [(90, "x")]
    )  # fmt: skip
    above = {
        word: words[n] if n >= 0 else None for word, n in zip(words, layout.above, strict=True)
    }
    assert above == {
        "Number": None, "Date": None, "of": None, "issue": None,
        "12345": "Number", "1.2.2024": "of", "x": None,
    }  # fmt: skip


def test_captions_are_the_names_that_a_cell_begins_with():
    """Words of a cell, and cells without a name after it, stand under the cell's first names."""
    words, layout = layout_of(
        [
            (0, "Due"),
            (32, "date"),
            (72, "3"),
            (88, "May"),
            (120, "2024"),
            (400, "9.00"),
            (600, "Net"),
        ]
    )

    def caption(n):
        return [words[entry] for entry in layout.captions[layout.caption[n]] if entry >= 0]

    assert [caption(n) for n in range(7)] == [["Due", "date"]] * 6 + [["Net"]]
    assert layout.rank.tolist() == [0, 1, 2, 3, 4, 0, 0]
    assert [words[n] if n >= 0 else "" for n in layout.name] == [
        "", "Due", "date", "date", "May", "May", "May",
    ]  # fmt: skip


def test_steps_tell_where_cells_start():
    """A step to a word is inside of a cell, into a new one, or has no place without boxes."""
    words, boxes = on_lines([(0, "3"), (16, "May"), (400, "9.00")], [(0, "Net")])
    found = read_words(word_batch([words, words], boxes=[boxes, None]))
    steps = WordFeatures.of(found, Windows.cut(found.offsets, 512, 64)).steps
    assert steps.tolist() == [NEXT_CELL, INSIDE, NEXT_CELL, NEXT_CELL, *[UNPLACED] * 4]


def test_without_a_name_there_is_no_caption():
    """A line that begins with a number has no caption, and none of the line before."""
    _, layout = layout_of([(0, "Net")], [(0, "9.00"), (100, "8.00")])
    assert (layout.captions[layout.caption[1:]] == -1).all()


def test_features_of_a_record_are_the_same_in_any_batch():
    """A record has the same features whichever records stand beside it, boxes or none."""
    chance = random.Random(4)
    texts = ["Total", "9,00", "Invoice", "12.3.2024", "é", "", "Net:", "DE12"]
    words = [[chance.choice(texts) for _ in range(chance.randint(0, 30))] for _ in range(12)]
    boxes = [
        [[x := chance.uniform(0, 900), y := 20 * chance.randint(0, 9), x + 40, y + 12] for _ in row]
        if number % 3
        else None
        for number, row in enumerate(words)
    ]
    whole = features(words, boxes, most=10, overlap=3)
    alone = [
        features([row], [box], most=10, overlap=3) for row, box in zip(words, boxes, strict=True)
    ]
    assert np.array_equal(np.concatenate([part for part in alone if len(part)]), whole)


def test_features_do_not_hang_on_the_unit_of_boxes():
    """Boxes in pixels, points or parts of the page give the same features."""
    words, boxes = on_lines([(0, "Total"), (64, "9.00")], [(0, "Date"), (64, "1.2.2024")])
    scaled = (np.array(boxes) * 0.25 + 7).tolist()
    assert np.array_equal(features([words], [boxes]), features([words], [scaled]))


def test_a_window_sees_itself_alone():
    """What stands in another window of the record changes no feature."""
    one = features([["a", "b", "c", "d"]], most=2, overlap=0)
    other = features([["a", "b", "x", "y"]], most=2, overlap=0)
    assert np.array_equal(one[:2], other[:2])


@pytest.mark.parametrize("words", [[], [[]], [[], []]])
def test_nothing_has_no_features(words):
    """No records, and records without words, have rows of no features."""
    assert len(features(words)) == 0


@pytest.mark.parametrize("box", [[0, 0, 0, 0], [5, 5, 5, 5], [-1e30, 0, 1e30, 0], [0, 0, 1e-30, 1]])
def test_one_word_has_features(box):
    """A record of one word has features, whatever its box."""
    assert len(features([["9"]], [[box]])) == len(features([["9"]])) == 1


def test_a_long_record_has_features_in_time_of_its_length():
    """50 000 words on one line and in one window take no square of their number."""
    words = [f"w{n % 997}" for n in range(50_000)]
    boxes = [[n, 0, n + 0.9, 1] for n in range(50_000)]
    for most in (65_536, 512):
        found = features([words], [boxes], most=most, overlap=64)
        assert len(found) >= 50_000
        assert 0 <= found.min() <= found.max() < 2**BITS
