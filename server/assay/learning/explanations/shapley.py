"""Shapley values of players, by what a game says of some of its coalitions.

Of few players all coalitions are asked for, and the values are exact. Of more, players come in one
after the other in random orders, each order and its reverse, and a player's value is the mean of
what it adds. Either way the values and the empty coalition's add up to that of all players.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb

from assay.learning.errors import DataError
from assay.learning.randomness import generator

Floats = NDArray[np.float64]
Coalitions = NDArray[np.bool_]  # (coalitions, players)
Game = Callable[[Coalitions], Floats]  # to (coalitions, outputs)

ALL_OF: Final = 7  # players of whom all 2 ** 7 coalitions are asked for
COALITIONS: Final = 512  # about so many are asked for of more


@dataclass(frozen=True, kw_only=True)
class Shapley:
    """The values of players, and of nobody and everybody."""

    values: Floats  # (outputs, players)
    base: Floats  # (outputs,)
    total: Floats  # (outputs,)


def shapley(players: int, game: Game, *, coalitions: int = COALITIONS) -> Shapley:
    """Return the Shapley values of a game.

    Args:
        players: How many there are.
        game: What each of some coalitions is worth; it is asked once.
        coalitions: About how many are asked for of more than ALL_OF players; at least two orders.

    Raises DataError where the game's answers are too far apart for their differences to be finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        found = _exact(players, game) if players <= ALL_OF else _sampled(players, game, coalitions)
    if not np.isfinite(found.values).all():
        raise DataError("what the model says of parts of it differs by more than a number can hold")
    return found


def _exact(players: int, game: Game) -> Shapley:
    numbers = np.arange(1 << players)
    present = (numbers[:, np.newaxis] >> np.arange(players)) & 1 > 0
    worth = game(present)
    sizes = present.sum(axis=1)
    values = np.zeros((worth.shape[1], players))
    for player in range(players):
        without = numbers[~present[:, player]]
        weights = 1 / (players * comb(players - 1, sizes[without]))
        values[:, player] = weights @ (worth[without | 1 << player] - worth[without])
    return Shapley(values=values, base=worth[0], total=worth[-1])


def _sampled(players: int, game: Game, coalitions: int) -> Shapley:
    draw = generator(0)
    pairs = max(1, coalitions // (2 * (players - 1)))
    firsts = [draw.permutation(players) for _ in range(pairs)]
    orders = [order for first in firsts for order in (first, first[::-1])]
    present = np.zeros((len(orders) * (players - 1) + 2, players), np.bool_)
    present[-1] = True
    at = 1
    for order in orders:
        for place in range(players - 1):
            present[at] = present[at - 1] if place else False
            present[at, order[place]] = True
            at += 1
    worth = game(present)
    values = np.zeros((worth.shape[1], players))
    for number, order in enumerate(orders):
        inner = worth[1 + number * (players - 1) : 1 + (number + 1) * (players - 1)]
        steps = np.vstack([worth[:1], inner, worth[-1:]])
        values[:, order] += np.diff(steps, axis=0).T
    return Shapley(values=values / len(orders), base=worth[0], total=worth[-1])
