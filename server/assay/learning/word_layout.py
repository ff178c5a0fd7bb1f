"""The places of words on a page: lines, neighbours on the left and above, the names that stand there.

Entries are words of windows (see `word_rows.Windows`); -1 is no neighbour. Of a record without
boxes its words are one line in their order, without anything above.

A line falls into cells where there is a gap between words; of words without boxes, where a name
comes after what is none. The caption of a cell is made of the names that it begins with; a cell
that begins with none stands under the caption of the one before it on its line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Numbers = NDArray[np.float64]

CAPTION: Final = 4  # words of a caption, at most
_GAP = 1.0  # of the usual height of words: from which gap on words are of different cells
_SAME_LINE = 0.5  # of the usual height of words: how far apart the middles of neighbours may be
_STEP = 4.0  # between the keys of lines, more than the width of a page with what sticks out


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """Where entries stand; (entries,) each."""

    left: Indices  # the entry before it on its line
    right: Indices  # the entry after it on its line
    above: Indices  # the entry of the line above whose middle is the nearest, if it overlaps
    name: Indices  # the nearest entry before it on its line that is a name
    name_distance: Indices  # entries between the two, and 0 without one
    line: Indices  # the number of its line in its window
    lines: Indices  # how many lines its window has
    first: Indices  # (lines of all windows + 1,): the first entry of each line; the last is -1
    line_of: Indices  # the number of its line among all
    rank: Indices  # how many entries of its cell stand before it
    head: Indices  # the first entry of its cell
    caption: Indices  # the number of the caption that it stands under
    captions: Indices  # (captions, CAPTION): the entries of each caption, -1 where it is shorter


def page_places(
    boxes: NDArray[np.float32], record_of: Indices, records: int
) -> tuple[Numbers, Numbers]:
    """Return (words, 4) boxes in parts of their record's extent, and (words, 2) usual heights.

    The extent reaches from the least to the greatest coordinate. The usual height is the median of
    the record's boxes, in parts of its width and of its height.
    """
    wide = boxes.astype(np.float64)
    low, high = np.full((records, 2), np.inf), np.full((records, 2), -np.inf)
    np.minimum.at(low, record_of, wide[:, :2])
    np.maximum.at(high, record_of, wide[:, 2:])
    extent = np.where(high > low, high - low, 1.0)
    start, size = low[record_of], extent[record_of]
    scaled = np.concatenate([(wide[:, :2] - start) / size, (wide[:, 2:] - start) / size], axis=1)
    height = _medians(wide[:, 3] - wide[:, 1], record_of, records)[record_of]
    return scaled, height[:, np.newaxis] / size


def lay_out(
    places: Numbers,
    sizes: Numbers,
    boxed: NDArray[np.bool_],
    windows: Indices,
    names: NDArray[np.bool_],
) -> Layout:
    """Return the layout of entries.

    Args:
        places: (entries, 4) boxes in parts of the page.
        sizes: (entries, 2) usual heights of their records, in parts of the width and of the height.
        boxed: (entries,) whether an entry has a box.
        windows: (windows + 1,) where each window's entries start.
        names: (entries,) whether an entry can name what stands beside it.
    """
    window_of = np.repeat(np.arange(len(windows) - 1), np.diff(windows))
    middle_y = np.where(boxed, (places[:, 1] + places[:, 3]) / 2, 0.0)
    line_of = _lines(middle_y, sizes[:, 1] * _SAME_LINE, window_of)
    x = np.where(boxed, (places[:, 0] + places[:, 2]) / 2, np.arange(len(line_of)))
    order = np.lexsort((x, line_of))
    sorted_line = line_of[order]
    starts = np.flatnonzero(np.r_[True, sorted_line[1:] != sorted_line[:-1]][: len(order)])
    lines_of_window = np.zeros(len(windows) - 1, np.int64)
    line_window = window_of[order[starts]]
    np.add.at(lines_of_window, line_window, 1)
    first_line = np.cumsum(lines_of_window) - lines_of_window
    left, right = _beside(order, sorted_line)
    name, distance = _names(order, starts, names)
    gap = np.where(boxed, places[:, 0] - places[left, 2] > _GAP * sizes[:, 0], names & ~names[left])
    rank, head, caption, captions = _captions(order, sorted_line, (left < 0) | gap, names)
    return Layout(
        left=left,
        right=right,
        above=_above(places, boxed, order, line_of, line_window),
        name=name,
        name_distance=distance,
        line=line_of - first_line[window_of],
        lines=lines_of_window[window_of],
        first=np.r_[order[starts], -1],
        line_of=line_of,
        rank=rank,
        head=head,
        caption=caption,
        captions=captions,
    )


def _captions(
    order: Indices, line: Indices, starts_cell: NDArray[np.bool_], names: NDArray[np.bool_]
) -> tuple[Indices, Indices, Indices, Indices]:
    """Return each entry's rank in its cell, its head and its caption, and the entries of captions.

    Args:
        order: The entries by lines, and on a line from left to right.
        line: Their lines, in that order.
        starts_cell: (entries,) whether a cell starts with an entry.
        names: (entries,) whether an entry is a name.
    """
    count = len(order)
    starts = np.flatnonzero(starts_cell[order])
    cell = np.cumsum(starts_cell[order]) - 1
    rank = np.arange(count) - starts[cell]
    unnamed = np.cumsum(~names[order])
    before: Indices = unnamed[starts] - ~names[order[starts]]
    leading = np.bincount(cell[unnamed == before[cell]], minlength=len(starts))
    steps = np.arange(CAPTION)
    place = np.minimum(starts[:, np.newaxis] + steps, count - 1)
    captions = np.where(steps < leading[:, np.newaxis], order[place], -1)
    own = np.maximum.accumulate(np.where(leading > 0, np.arange(len(starts)), -1))
    none = (own < 0) | (line[starts[own]] != line[starts])
    source = np.where(none, len(starts), own)
    captions = np.concatenate([captions, np.full((1, CAPTION), -1)])
    ranks, heads, caption = (np.empty(count, np.int64) for _ in range(3))
    ranks[order], heads[order], caption[order] = rank, order[starts[cell]], source[cell]
    return ranks, heads, caption, captions


def _medians(values: Numbers, group: Indices, groups: int) -> Numbers:
    """Return the lower median of the values of each group; 0 of an empty one."""
    order = np.lexsort((values, group))
    counts = np.bincount(group, minlength=groups)
    starts = np.cumsum(counts) - counts
    found = np.zeros(groups)
    some = counts > 0
    found[some] = values[order][(starts + (counts - 1) // 2)[some]]
    return found


def _lines(middle: Numbers, tolerance: Numbers, window_of: Indices) -> Indices:
    """Return the number of each entry's line among all, counted from the top of each window."""
    order = np.lexsort((middle, window_of))
    down, window = middle[order], window_of[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (window[1:] != window[:-1]) | (down[1:] - down[:-1] > tolerance[order][1:])
    line_of = np.empty(len(order), np.int64)
    line_of[order] = np.cumsum(new) - 1
    return line_of


def _beside(order: Indices, line: Indices) -> tuple[Indices, Indices]:
    """Return the entries on the left and on the right of each on its line."""
    left, right = np.full(len(order), -1), np.full(len(order), -1)
    same = line[1:] == line[:-1]
    left[order[1:][same]] = order[:-1][same]
    right[order[:-1][same]] = order[1:][same]
    return left, right


def _names(order: Indices, starts: Indices, names: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """Return the nearest name before each entry on its line, and how many entries lie between."""
    place = np.arange(len(order))
    last = np.maximum.accumulate(np.where(names[order], place, -1))
    before = np.r_[-1, last[:-1]][: len(order)]
    of_line = np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    has = before >= of_line
    name, distance = np.full(len(order), -1), np.zeros(len(order), np.int64)
    name[order[has]] = order[before[has]]
    distance[order[has]] = (place - before)[has] - 1
    return name, distance


def _above(
    places: Numbers,
    boxed: NDArray[np.bool_],
    order: Indices,
    line_of: Indices,
    line_window: Indices,
) -> Indices:
    """Return the entry above each: on the line before, of the nearest middle, and overlapping."""
    above = np.full(len(order), -1)
    if not boxed.any():
        return above
    x = np.where(boxed, (places[:, 0] + places[:, 2]) / 2, 0.0)
    half = (places[:, 2] - places[:, 0]) / 2
    keys = (line_of * _STEP + x)[order]
    wanted = (line_of - 1) * _STEP + x
    after = np.searchsorted(keys, wanted).clip(max=len(order) - 1)
    best = np.full(len(order), np.inf)
    for place in (np.maximum(after - 1, 0), after):
        other = order[place]
        apart = np.abs(x[other] - x)
        fits = line_of[other] == line_of - 1
        fits &= line_window[line_of[other]] == line_window[line_of]
        fits &= boxed & boxed[other] & (apart <= half + half[other]) & (apart < best)
        above[fits], best[fits] = other[fits], apart[fits]
    return above
