"""Hashed features of words: what each looks like, what stands around it, and where it stands.

Every word has the same number of features. Each is a hash of a relation to the word (itself, the
second before it, the name on its left, …) and of what is found there, and counts in the column
that its hash falls to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.learning.word_layout import Indices, Layout, lay_out, page_places
from assay.learning.word_rows import Windows, WordRows
from assay.learning.word_shapes import BARE, COUNT, KIND, NEAR, PLAIN, SHORT, is_name, word_hashes

Hashes = NDArray[np.uint32]

UNPLACED, INSIDE, NEXT_CELL = range(3)  # steps to a word: without boxes, in a cell, into a new one

_AROUND = (-4, -3, -2, -1, 1, 2, 3, 4)  # entries before and after, in the given order
_LINES_ABOVE = (1, 2, 3)  # lines whose first word is a feature
_FARTHEST = 5  # distances and ranks from here on are one
_SLICE = 1 << 14  # words whose features are made at a time: about 10 MB of hashes
_NOBODY = np.uint32(0x5F3759DF)  # stands for a neighbour that is not there
_MIX = (np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35))  # of MurmurHash3
_GOLDEN = 0x9E3779B9


@dataclass(frozen=True, kw_only=True, eq=False)
class WordFeatures:
    """What the features of entries are made of."""

    own: Hashes  # (distinct words + 1, COUNT); the last row stands for nobody
    codes: Indices  # (entries + 1,), the row of each entry in `own`; the last for nobody
    layout: Layout
    boxed: NDArray[np.bool_]  # (entries,)
    window_of: Indices  # (entries,)
    captions: Hashes  # (captions,)
    positions: Hashes  # (entries, …)

    def columns(self, bits: int) -> Iterator[NDArray[np.int32]]:
        """Yield the (entries, features) columns, in [0, 2 ** bits), of the entries.

        They come some thousand entries at a time, in their order; of none comes one empty array.
        """
        entries = len(self.window_of)
        for start in range(0, max(entries, 1), _SLICE):
            yield _columns(self, np.arange(start, min(start + _SLICE, entries)), bits)

    @property
    def steps(self) -> NDArray[np.uint8]:
        """Return (entries,) UNPLACED, INSIDE or NEXT_CELL: what lies before an entry on its line."""
        steps = np.where(self.layout.rank == 0, NEXT_CELL, INSIDE)
        return np.where(self.boxed, steps, UNPLACED).astype(np.uint8)

    @classmethod
    def of(cls, found: WordRows, windows: Windows) -> WordFeatures:
        """Read the words of windows."""
        records = len(found.row_ids)
        of_word = np.repeat(np.arange(records), np.diff(found.offsets))
        places, sizes = page_places(found.boxes, of_word, records)
        word_of = windows.word_of
        places, boxed = places[word_of], found.boxed[windows.record_of]
        codes = found.codes[word_of]
        names = is_name(found.vocabulary)[codes]
        layout = lay_out(places, sizes[word_of], boxed, windows.starts, names)
        own = np.concatenate([word_hashes(found.vocabulary), np.full((1, COUNT), _NOBODY)])
        codes = np.append(codes, len(found.vocabulary))
        return cls(
            own=own,
            codes=codes,
            layout=layout,
            boxed=boxed,
            window_of=np.repeat(np.arange(len(windows.starts) - 1), np.diff(windows.starts)),
            captions=_texts(own[codes, BARE], layout.captions),
            positions=_positions(layout, places, boxed, windows.starts),
        )

    def at(self, entries: Indices) -> Hashes:
        """Return the hashes of entries; -1 is nobody."""
        return self.own[self.codes[entries]]

    def beside(self, part: Indices, offset: int) -> Indices:
        """Return the entries that stand `offset` after some in the given order."""
        other = part + offset
        other[(other < 0) | (other >= len(self.window_of))] = -1
        same = (other >= 0) & (self.window_of[other] == self.window_of[part])
        return np.where(same, other, -1)

    def first_above(self, part: Indices, count: int) -> Indices:
        """Return the first entries of the lines `count` above those of some."""
        layout = self.layout
        inside = layout.line[part] >= count
        return layout.first[np.where(inside, layout.line_of[part] - count, -1)]


def _columns(around: WordFeatures, part: Indices, bits: int) -> NDArray[np.int32]:
    """Return the columns of some entries."""
    groups = [_in_order(around, part), _on_the_page(around, part)]
    groups.append(_captioned(around, part, groups[0][:, KIND]))
    hashes = np.concatenate(groups, axis=1)
    salts = (np.arange(1, hashes.shape[1] + 1, dtype=np.uint64) * _GOLDEN).astype(np.uint32)
    return (_mixed(hashes ^ salts) >> np.uint32(32 - bits)).astype(np.int32)


def _in_order(around: WordFeatures, part: Indices) -> Hashes:
    """Return features of words and of those before and after them in the given order."""
    me = around.at(part)
    near = {offset: around.at(around.beside(part, offset))[:, :NEAR] for offset in _AROUND}
    one, two, after, later = near[-1], near[-2], near[1], near[2]
    pairs = [
        _joined(one[:, PLAIN], me[:, PLAIN]),
        _joined(me[:, PLAIN], after[:, PLAIN]),
        _joined(two[:, PLAIN], one[:, PLAIN]),
        _joined(after[:, PLAIN], later[:, PLAIN]),
        _joined(one[:, SHORT], me[:, SHORT]),
        _joined(me[:, SHORT], after[:, SHORT]),
    ]
    return np.concatenate([me, *near.values(), np.stack(pairs, axis=1)], axis=1)


def _on_the_page(around: WordFeatures, part: Indices) -> Hashes:
    """Return features of places, and of the words on the left, on the right and above."""
    layout, at = around.layout, around.at
    positions, kind = around.positions[part], at(part)[:, KIND]
    name, above = layout.name[part], layout.above[part]
    near, over = at(name), at(above)
    second = at(np.where(name >= 0, layout.left[name], -1))[:, PLAIN]
    over_left, over_right = (
        at(np.where(above >= 0, side[above], -1))[:, PLAIN] for side in (layout.left, layout.right)
    )
    here = at(layout.first[layout.line_of[part]])[:, PLAIN]
    lines = [at(around.first_above(part, count)) for count in _LINES_ABOVE]
    distance = np.minimum(layout.name_distance[part], _FARTHEST).astype(np.uint32)
    single = [
        near[:, PLAIN], near[:, BARE], second, over[:, BARE], over_left, over_right, here,
        *(line[:, PLAIN] for line in lines), *(line[:, BARE] for line in lines),
        _joined(near[:, BARE], kind), _joined(near[:, PLAIN], distance),
        _joined(second, near[:, PLAIN]), _joined(over[:, BARE], kind), _joined(here, kind),
        _joined(lines[0][:, PLAIN], kind), _joined(lines[0][:, PLAIN], lines[1][:, PLAIN]),
        _joined(positions[:, 0], kind), _joined(positions[:, 1], kind),
    ]  # fmt: skip
    beside = [at(side[part])[:, :NEAR] for side in (layout.left, layout.right)]
    return np.concatenate([positions, *beside, over[:, :NEAR], np.stack(single, axis=1)], axis=1)


def _captioned(around: WordFeatures, part: Indices, kind: Hashes) -> Hashes:
    """Return features of the captions that words and those above them stand under."""
    layout = around.layout
    above = layout.above[layout.head[part]]
    own = around.captions[layout.caption[part]]
    over = np.where(above >= 0, around.captions[layout.caption[above]], _NOBODY)
    rank = np.minimum(layout.rank[part], _FARTHEST).astype(np.uint32)
    pairs = [_joined(caption, what) for caption in (own, over) for what in (kind, rank)]
    return np.stack([own, over, rank, *pairs], axis=1)


def _texts(words: Hashes, entries: Indices) -> Hashes:
    """Return a hash of the words of each row of (texts, words) entries."""
    joined = np.full(len(entries), _NOBODY)
    for place in range(entries.shape[1]):
        joined = _joined(joined, words[entries[:, place]])
    return joined


def _positions(
    layout: Layout, places: NDArray[np.float64], boxed: NDArray[np.bool_], starts: Indices
) -> Hashes:
    """Return (entries, …) numbers: lines from top and bottom, place on page and line, order, bias."""
    window_of = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    sizes = np.diff(starts)[window_of]
    order = np.arange(len(window_of)) - starts[window_of]
    x, y = (
        np.where(boxed, (places[:, side] * 8).astype(np.int64).clip(0, 7), 9) for side in (0, 1)
    )
    numbers = [
        np.where(boxed, layout.line.clip(max=9), 10),
        np.where(boxed, (layout.lines - 1 - layout.line).clip(max=9), 10),
        x,
        y,
        x * 16 + y,
        (layout.left < 0) + 2 * (layout.right < 0) + 4 * boxed,
        order * 8 // sizes,
        order.clip(max=9),
        (sizes - 1 - order).clip(max=9),
        np.zeros_like(order),
    ]
    return np.stack(numbers, axis=1).astype(np.uint32)


def _joined(one: Hashes, other: Hashes) -> Hashes:
    """Return a hash of two hashes in their order."""
    return _mixed(one * np.uint32(31)) ^ other


def _mixed(hashes: Hashes) -> Hashes:
    """Return hashes whose every bit hangs on every bit, as MurmurHash3 ends."""
    mixed = hashes ^ (hashes >> np.uint32(16))
    mixed *= _MIX[0]
    mixed ^= mixed >> np.uint32(13)
    mixed *= _MIX[1]
    mixed ^= mixed >> np.uint32(16)
    return mixed
