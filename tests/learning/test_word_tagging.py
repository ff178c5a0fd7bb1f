"""Extraction learned from labelled words."""

import math
import random
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from assay.learning import artifact
from assay.learning.calibration import Calibration, Sigmoids
from assay.learning.chain import Chains
from assay.learning.errors import DamagedArtifact, DataError, Diverged
from assay.learning.feature_block import FeatureBlock, pack_matrix, unpack_matrix
from assay.learning.hyperparameters import resolve
from assay.learning.learner import EpochLearner, Family, Featurizer
from assay.learning.rows import TaskType
from assay.learning.window_order import WindowSample
from assay.learning.word_tagger import KINDS
from assay.learning.word_tagging import WordFamily
from tests.support.chain_paths import path_score
from tests.support.word_rows import word_batch

GIVEN = {"hash_bits": 14, "batch_size": 8, "min_document_frequency": 1}


def family_of(**given):
    return WordFamily(hyperparameters=resolve(TaskType.EXTRACTION, {**GIVEN, **given}))


def letters(count, seed):
    """Return labelled words of letters that say when, to whom, and other things."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        parts = [
            [("Date", "O"), (f"{chance.randint(1, 28)}.", "date"), ("May", "date")],
            [("To", "O"), (chance.choice(["Ann", "Bob", "Cy"]), "name"), ("Lee", "name")],
            [
                (chance.choice(["Hello", "Dear", "Thanks"]), "O")
                for _ in range(chance.randint(1, 4))
            ],
        ]
        chance.shuffle(parts)
        rows.append([pair for part in parts for pair in part])
    return rows


def batch_of(rows):
    return word_batch(
        [[word for word, _ in row] for row in rows], [[label for _, label in row] for row in rows]
    )


def trained(family, batches, epochs, seed=3):
    """Return the featurizer, the learner, and the state and loss after each epoch."""
    summary = family.merge([family.summarize(batch) for batch in batches])
    featurizer = family.featurizer(summary)
    blocks = [featurizer.transform(batch) for batch in batches]
    learner = family.learner(featurizer)
    states = [(learner.start(seed), math.nan)]
    for number in range(1, epochs + 1):
        states.append(learner.epoch(states[-1][0], blocks, number))
    return featurizer, learner, states[1:]


def bits(state):
    return artifact.encode(state)


def test_family_has_the_interface_of_families():
    """The family, its featurizer and its learner are what a training job drives."""
    family: Family = family_of()
    featurizer: Featurizer = family.featurizer(family.summarize(batch_of(letters(3, 0))))
    assert isinstance(family.learner(featurizer), EpochLearner)


def test_fields_of_other_rows_are_found():
    """Trained on some letters, it finds the whole fields of others, and its losses fall."""
    featurizer, learner, states = trained(family_of(), [batch_of(letters(60, 1))], 6)
    losses = [loss for _, loss in states]
    assert losses == sorted(losses, reverse=True)
    rows = letters(40, 2)
    block = featurizer.transform(batch_of(rows))
    found = learner.predict(learner.finish(states[-1][0]), block)
    wanted = [
        {name: " ".join(word for word, label in row if label == name) for name in ("date", "name")}
        for row in rows
    ]
    assert list(found.fields) == wanted
    assert found.labels == ("O", "date", "name")
    assert found.confidences.min() > 0.5
    assert learner.loss(states[-1][0], [block]) < 0.1


@pytest.mark.parametrize("cuts", [[25], [1, 2, 40], [0, 30, 30]])
def test_blocks_and_order_of_summaries_change_no_bit(cuts):
    """However rows are cut into blocks and summaries merged, features, states and losses are equal."""
    batch = batch_of(letters(50, 4))
    family = family_of(max_length=8, chunk_overlap=2)
    edges = [0, *cuts, 50]
    parts = [batch.slice(a, b - a) for a, b in pairwise(edges)]
    whole, _, states = trained(family, [batch], 2)
    featurizer, learner, others = trained(family, parts, 2)
    assert artifact.encode(whole.artifact()) == artifact.encode(featurizer.artifact())
    turned = family.merge([family.summarize(part) for part in reversed(parts)])
    assert artifact.encode(family.featurizer(turned).artifact()) == artifact.encode(
        whole.artifact()
    )
    assert [bits(state) for state, _ in states] == [bits(state) for state, _ in others]
    assert [loss for _, loss in states] == [loss for _, loss in others]
    last = states[-1][0]
    blocks = [featurizer.transform(part) for part in parts]
    assert learner.loss(last, blocks) == pytest.approx(learner.loss(last, [whole.transform(batch)]))


def test_epochs_go_on_from_their_bytes():
    """A state that was stored and read goes on as one that was not, to the bit; seeds tell apart."""
    family = family_of()
    batches = [batch_of(letters(30, 5))]
    featurizer, learner, states = trained(family, batches, 3)
    blocks = [FeatureBlock.decode(featurizer.transform(batch).encode()) for batch in batches]
    stored = artifact.decode(bits(states[0][0]), "state")
    again, _ = learner.epoch(stored, blocks, 2)
    assert bits(again) == bits(states[1][0])
    assert bits(trained(family, batches, 3)[2][-1][0]) == bits(states[-1][0])
    assert bits(trained(family, batches, 3, seed=4)[2][-1][0]) != bits(states[-1][0])


def test_featurizers_come_back():
    """A featurizer that was stored and read makes the same features."""
    family, batch = family_of(), batch_of(letters(9, 6))
    featurizer = family.featurizer(family.summarize(batch))
    read = family.read_featurizer(
        artifact.decode(artifact.encode(featurizer.artifact()), "featurizer")
    )
    assert read.transform(batch).encode() == featurizer.transform(batch).encode()
    with pytest.raises(DamagedArtifact):
        family.read_featurizer(artifact.Artifact(kind="featurizer"))
    other = family_of(hash_bits=10)
    with pytest.raises(DamagedArtifact):
        other.read_featurizer(featurizer.artifact())


@pytest.mark.parametrize("loss_type", ["ce", "ce_ins"])
def test_gradients_are_those_of_the_likelihood(loss_type):
    """The gradient of a batch is that of its weighted negative log-likelihood, by differences."""
    family = family_of(loss_type=loss_type, class_weights_ins_power=1)
    rows = letters(4, 7)
    words, labels = ([[pair[n] for pair in row] for row in rows] for n in (0, 1))
    boxes = [[[30 * n + n % 3 * 9, 0, 30 * n + 20, 10] for n in range(len(row))] for row in rows]
    batch = word_batch(words, labels, [*boxes[:3], None])
    featurizer, learner, states = trained(family, [batch], 1)
    block = featurizer.transform(batch)
    starts = block.extras["windows"]
    sample = WindowSample(
        features=block.features, targets=block.targets, steps=block.extras["steps"], starts=starts
    )
    adam, _ = learner._optimizer(states[0][0])
    for name, array in adam.values.items():
        adam.values[name] = array.astype(np.float64)
    weight = learner.class_weights[block.targets]

    def likelihood():
        from assay.learning.chain import marginals

        values = adam.values
        emissions = block.features @ values["weights"] + values["intercepts"]
        moves = learner._possible(values["transitions"])
        total = 0.0
        for a, b in pairwise(starts):
            alone = Chains(np.array([0, b - a]), block.extras["steps"][a:b])
            part = emissions[a:b]
            score = path_score(part, moves, alone, block.targets[a:b])
            whole = marginals(part, moves, alone).log_totals.sum()
            total += weight[a:b].mean() * (whole - score)
        return total / len(block.targets)

    gradients, _, _ = learner._gradients(adam, sample, np.arange(featurizer.columns))
    step = 1e-5
    used = np.flatnonzero(np.abs(gradients["weights"]).sum(axis=1))
    places = {
        "weights": [(column, label) for column in used[::97] for label in range(3)],
        "intercepts": [(label,) for label in range(3)],
        "transitions": [
            (kind, *pair)
            for kind in range(KINDS)
            for pair in zip(*np.nonzero(learner.possible), strict=True)
        ],
    }
    for name, some in places.items():
        for place in some:
            array = adam.values[name]
            before = array[place]
            array[place] = before + step
            high = likelihood()
            array[place] = before - step
            low = likelihood()
            array[place] = before
            assert (high - low) / (2 * step) == pytest.approx(gradients[name][place], abs=2e-6)


def test_transitions_that_never_occur_are_not_predicted():
    """A label never follows another one that it did not follow in training, but for "O"."""
    rows = [[("a", "x"), ("b", "O"), ("c", "y")], [("c", "y"), ("b", "O"), ("a", "x")]] * 10
    featurizer, learner, states = trained(family_of(), [batch_of(rows)], 8)
    found = learner.predict(states[-1][0], featurizer.transform(word_batch([["a", "c"] * 20])))
    names = [found.labels[code] for code in found.codes]
    pairs = set(pairwise(names))
    assert not pairs & {("x", "y"), ("y", "x")}


def test_words_of_two_windows_are_predicted_once():
    """A record of many windows has one label a word, and the fields of a record of one."""
    rows = letters(60, 8)
    long = [[pair for row in letters(30, 9) for pair in row]]
    featurizer, learner, states = trained(
        family_of(max_length=12, chunk_overlap=5), [batch_of(rows)], 6
    )
    block = featurizer.transform(batch_of(long))
    assert block.chunks > len(long[0])
    found = learner.predict(states[-1][0], block)
    assert len(found.codes) == len(found.confidences) == len(long[0])
    right = [
        found.labels[code] == label for code, (_, label) in zip(found.codes, long[0], strict=True)
    ]
    assert np.mean(right) > 0.95


def test_confidences_are_probabilities_that_a_calibration_changes():
    """Confidences are marginal probabilities; a calibration changes them, and no label."""
    featurizer, learner, states = trained(family_of(), [batch_of(letters(20, 1))], 1)
    block = featurizer.transform(batch_of(letters(10, 2)))
    state = states[-1][0]
    plain = learner.predict(state, block)
    shares = learner.probabilities(state, block)
    assert np.allclose(shares.sum(axis=1), 1)
    assert plain.confidences.tolist() == shares[np.arange(len(shares)), plain.codes].tolist()
    sigmoids = Sigmoids(slopes=np.full(3, 0.5), intercepts=np.zeros(3))
    found = learner.predict(state, block, Calibration(records=sigmoids, chunks=sigmoids))
    assert found.codes.tolist() == plain.codes.tolist()
    assert not np.allclose(found.confidences, plain.confidences)


def test_pruned_weights_are_trained_and_stay_pruned():
    """Training goes on on the weights that pruning kept, and what is stored is sparse."""
    family, batch = family_of(), batch_of(letters(40, 1))
    featurizer, learner, states = trained(family, [batch], 4)
    state = states[-1][0]
    weights = unpack_matrix("weights", state).copy()
    weights[np.abs(weights) < np.quantile(np.abs(weights), 0.9)] = 0
    others = {name: state.arrays[name] for name in ("intercepts", "transitions")}
    pruned = replace_arrays(state, {**pack_matrix("weights", sparse.csr_array(weights)), **others})
    block = featurizer.transform(batch)
    after, _ = learner.epoch(pruned, [block], 1)
    kept = unpack_matrix("weights", after)
    assert sparse.issparse(kept)
    assert not kept.toarray()[weights == 0].any()
    assert not np.array_equal(kept.toarray(), weights)
    assert learner.loss(pruned, [block]) < 1
    assert len(learner.predict(learner.finish(after), block).codes) == len(block.targets)


def replace_arrays(state, arrays):
    return artifact.Artifact(kind="state", facts=state.facts, arrays=arrays)


def test_chosen_features_are_those_of_the_whole():
    """A featurizer of some features gives these columns of the whole one's."""
    family, batch = family_of(), batch_of(letters(9, 6))
    whole = family.featurizer(family.summarize(batch))
    columns = np.arange(0, whole.columns, 3)
    some = whole.select(columns).transform(batch).features
    assert np.array_equal(some.toarray(), whole.transform(batch).features.toarray()[:, columns])


def test_labels_that_only_other_rows_have_are_unknown():
    """Rows with a label that training rows do not have are predicted, and it counts in no loss."""
    featurizer, learner, states = trained(family_of(), [batch_of(letters(20, 1))], 1)
    block = featurizer.transform(batch_of([[("Date", "O"), ("2.", "day")], [("To", "O")]]))
    assert block.targets.tolist() == [0, -1, 0]
    assert math.isfinite(learner.loss(states[-1][0], [block]))
    unknown = featurizer.transform(word_batch([["x"]]).drop_columns(["labels"]))
    assert math.isnan(learner.loss(states[-1][0], [unknown]))
    assert len(learner.predict(states[-1][0], unknown).codes) == 1


def test_records_without_words_have_no_fields():
    """Records without words, some or all, are trained on and predicted."""
    rows = letters(10, 1)
    featurizer, learner, states = trained(family_of(), [batch_of([[], *rows, []])], 1)
    empty = featurizer.transform(word_batch([[], []]))
    assert learner.predict(states[-1][0], empty).fields == ({}, {})
    assert math.isnan(learner.loss(states[-1][0], [empty]))
    none = featurizer.transform(word_batch([["x"]]).slice(0, 0))
    assert learner.predict(states[-1][0], none).fields == ()


def test_boxes_of_some_rows_are_enough():
    """Rows with boxes and rows without are learned together, and predicted either way."""
    rows = letters(20, 1)
    words, labels = ([[pair[n] for pair in row] for row in rows] for n in (0, 1))
    boxes = [
        [[9 * n, 0, 9 * n + 8, 10] for n in range(len(row))] if i % 2 else None
        for i, row in enumerate(rows)
    ]
    featurizer, learner, states = trained(family_of(), [word_batch(words, labels, boxes)], 8)
    for batch in (word_batch(words, labels, boxes), word_batch(words, labels)):
        found = learner.predict(states[-1][0], featurizer.transform(batch))
        wanted = [label for row in labels for label in row]
        assert (
            np.mean([found.labels[c] == w for c, w in zip(found.codes, wanted, strict=True)]) > 0.9
        )


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        ([], (), "no rows"),
        ([[]], (), "no rows"),
        ([[("a", "O"), ("b", "O")]], (), 'all words of the training split have the label "O"'),
        ([[("a", "x"), ("b", "x")]], (), "at least two"),
        ([[("a", "O"), ("b", "x")]], ("x", "y"), "class 'y' has no training rows"),
        ([[("a", "O"), ("b", "x"), ("c", "y")]], ("x",), "class 'y', which the model does not"),
        ([[(f"w{n}", f"l{n}") for n in range(501)]], (), "at most 500 are allowed"),
    ],
)
def test_what_cannot_be_learned_is_refused(rows, labels, message):
    """Rows of which no field can be learned are refused, and the message says why."""
    family = family_of()
    with pytest.raises(DataError, match=message):
        family.featurizer(family.merge([family.summarize(batch_of(rows))]), labels)


def test_declared_labels_need_not_name_outside():
    """Declared fields keep their order, and "O" comes after them where it is not declared."""
    family = family_of()
    summary = family.summarize(batch_of([[("a", "O"), ("b", "x"), ("c", "y")]]))
    assert family.featurizer(summary, ("y", "x")).labels == ("y", "x", "O")
    assert family.featurizer(summary, ("y", "O", "x")).labels == ("y", "O", "x")


def test_rare_features_are_left_out():
    """Features that fewer words have than min_document_frequency are no columns."""
    batch = batch_of(letters(20, 1))
    columns = [
        family.featurizer(family.summarize(batch)).columns
        for family in (family_of(min_document_frequency=n) for n in (1, 2, 50))
    ]
    assert columns == sorted(columns, reverse=True)
    assert len(set(columns)) == 3
    with pytest.raises(DataError, match="lower min_document_frequency"):
        family = family_of(min_document_frequency=10_000)
        family.featurizer(family.summarize(batch))


def test_training_that_diverges_says_so():
    """Weights that are no longer finite end the training with the way out."""
    family = family_of(learning_rate=10, max_grad_norm=0, weight_decay=1)
    featurizer = family.featurizer(family.summarize(batch_of(letters(20, 1))))
    learner = family.learner(featurizer)
    state = learner.start(0)
    broken = replace_arrays(
        state, {**state.arrays, "transitions": np.full((KINDS, 3, 3), np.inf, np.float32)}
    )
    with pytest.raises(Diverged, match="diverged in epoch 1: use a smaller learning_rate"):
        learner.epoch(broken, [featurizer.transform(batch_of(letters(20, 1)))], 1)


def test_a_long_record_is_learned_and_predicted():
    """20 000 words in one record are learned and predicted, whatever max_length is."""
    row = [pair for row in letters(2_800, 1) for pair in row][:20_000]
    batch = batch_of([row])
    assert isinstance(batch, pa.RecordBatch)
    for most in (512, 32_768):
        featurizer, learner, states = trained(
            family_of(max_length=most, chunk_overlap=8), [batch], 1
        )
        found = learner.predict(states[-1][0], featurizer.transform(batch))
        assert len(found.codes) == len(row)
