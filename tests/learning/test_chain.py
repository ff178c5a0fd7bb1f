"""Linear-chain conditional random fields."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.learning.chain import Chains, best_paths, marginals
from tests.support.chain_paths import path_score

KINDS = 2


def example(seed, lengths, labels, forbidden=0.3):
    """Return random emissions, transitions of which some are on no path, and chains."""
    rng = np.random.default_rng(seed)
    emissions = rng.normal(0, 2, (sum(lengths), labels))
    transitions = rng.normal(0, 1, (KINDS, labels, labels))
    transitions[rng.random(transitions.shape) < forbidden] = -np.inf
    for moves in transitions:
        np.fill_diagonal(moves, rng.normal(0, 1, labels))
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return emissions, transitions, Chains(starts, rng.integers(0, KINDS, sum(lengths)))


def alone(chains, start, end):
    """Return the chain of words start to end."""
    return Chains(np.array([0, end - start]), chains.kinds[start:end])


def one_kind(*starts):
    """Return chains whose steps are all of the first kind."""
    return Chains(np.array(starts), np.zeros(starts[-1], np.int64))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(1, 3)
)
def test_paths_and_sums_are_those_of_all_paths(seed, lengths, labels):
    """Best paths, sums and marginals are those of listing every path of every sequence."""
    emissions, transitions, chains = example(seed, lengths, labels)
    best = best_paths(emissions, transitions, chains)
    found = marginals(emissions, transitions, chains)
    pairs = np.zeros((KINDS, labels, labels))
    for start, end in pairwise(chains.starts):
        if start == end:
            continue
        part, one = emissions[start:end], alone(chains, start, end)
        paths = [np.array(path) for path in product(range(labels), repeat=end - start)]
        scores = np.array([path_score(part, transitions, one, path) for path in paths])
        total = np.logaddexp.reduce(scores)
        assert best[start:end].tolist() == paths[int(scores.argmax())].tolist()
        assert found.log_totals[start:end].sum() == pytest.approx(total)
        wanted = np.zeros((end - start, labels))
        for path, weight in zip(paths, np.exp(scores - total), strict=True):
            wanted[np.arange(end - start), path] += weight
            np.add.at(pairs, (one.kinds[1:], path[:-1], path[1:]), weight)
        assert np.allclose(found.labels[start:end], wanted)
    assert np.allclose(found.pairs, pairs)


def test_marginals_are_the_gradient_of_the_sum():
    """The derivatives of the log of the sum over paths are the marginals, by finite differences."""
    emissions, transitions, chains = example(3, [4, 1, 6], 3, forbidden=0.0)
    found = marginals(emissions, transitions, chains)
    step = 1e-6

    def total():
        return marginals(emissions, transitions, chains).log_totals.sum()

    for array, gradient in ((emissions, found.labels), (transitions, found.pairs)):
        for place in np.ndindex(array.shape):
            before = array[place]
            array[place] = before + step
            high = total()
            array[place] = before - step
            low = total()
            array[place] = before
            assert (high - low) / (2 * step) == pytest.approx(gradient[place], abs=1e-6)


def test_sequences_may_count_more_than_others():
    """Transitions of a sequence that counts twice are counted as if it stood there twice."""
    emissions, transitions, _ = example(4, [3, 5], 3)
    weighted = marginals(emissions, transitions, one_kind(0, 3, 8), np.repeat([2.0, 1.0], [3, 5]))
    twice = np.concatenate([emissions[:3], emissions])
    again = marginals(twice, transitions, one_kind(0, 3, 6, 11))
    assert np.allclose(weighted.pairs, again.pairs)


def test_what_is_forbidden_is_on_no_path():
    """However much the words speak for it, a transition of -inf is never taken."""
    transitions = np.array([[[0.0, -np.inf], [0.0, 0.0]]])
    emissions = np.array([[50.0, 0.0], [0.0, 1.0]])
    assert best_paths(emissions, transitions, one_kind(0, 2)).tolist() == [0, 0]
    assert marginals(emissions, transitions, one_kind(0, 2)).pairs[0, 0, 1] == 0


def test_steps_of_another_kind_have_their_own_transitions():
    """What one kind of step forbids another one may allow."""
    transitions = np.array([[[0.0, -np.inf], [0.0, 0.0]], np.zeros((2, 2))])
    emissions = np.array([[50.0, 0.0], [0.0, 1.0]])
    other = Chains(np.array([0, 2]), np.array([0, 1]))
    assert best_paths(emissions, transitions, other).tolist() == [0, 1]


def test_words_that_are_all_but_sure_have_sums():
    """Scores that differ by thousands give probabilities, not a division by zero."""
    transitions = np.array([[[0.0, -np.inf], [0.0, 0.0]]])
    emissions = np.array([[5000.0, 0.0], [0.0, 5000.0], [0.0, -9000.0]])
    found = marginals(emissions, transitions, one_kind(0, 3))
    assert np.isfinite(found.labels).all()
    assert np.allclose(found.labels.sum(axis=1), 1)


def test_a_sequence_is_the_same_beside_any_others():
    """The best path of a sequence does not hang on which sequences are computed beside it."""
    emissions, transitions, chains = example(5, [7, 0, 3, 12, 1, 7, 5], 4)
    whole = best_paths(emissions, transitions, chains)
    sums = marginals(emissions, transitions, chains)
    for start, end in pairwise(chains.starts):
        one, part = alone(chains, start, end), emissions[start:end]
        assert best_paths(part, transitions, one).tolist() == whole[start:end].tolist()
        found = marginals(part, transitions, one)
        assert np.allclose(found.labels, sums.labels[start:end], rtol=1e-12, atol=1e-14)


def test_equal_scores_have_one_best_path():
    """Of equal paths it is always the one whose labels, read from the end, come first."""
    found = best_paths(np.zeros((4, 3)), np.zeros((1, 3, 3)), one_kind(0, 4))
    assert found.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("starts", [[0], [0, 0], [0, 0, 0]])
def test_nothing_has_no_paths(starts):
    """No sequences, and sequences without words, have empty answers."""
    nothing, chains = np.empty((0, 3)), one_kind(*starts)
    assert best_paths(nothing, np.zeros((1, 3, 3)), chains).shape == (0,)
    assert marginals(nothing, np.zeros((1, 3, 3)), chains).labels.shape == (0, 3)


def test_long_sequences_keep_their_digits():
    """A sequence of 50 000 words has marginals that sum to 1, and a path without overflow."""
    emissions, transitions, chains = example(8, [50_000], 5)
    found = marginals(emissions, transitions, chains)
    assert np.allclose(found.labels.sum(axis=1), 1)
    middle, near, one = slice(24_990, 25_010), slice(24_900, 25_100), alone(chains, 24_900, 25_100)
    close = marginals(emissions[near], transitions, one).labels[90:110]
    assert np.allclose(found.labels[middle], close)
    path = best_paths(emissions[near], transitions, one)[90:110]
    assert best_paths(emissions, transitions, chains)[middle].tolist() == path.tolist()
