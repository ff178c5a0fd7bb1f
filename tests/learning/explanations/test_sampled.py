"""Predictions of models that can only be asked, explained by what they say of parts of the input."""

import numpy as np
import pyarrow as pa
import pytest

from assay.learning.errors import DataError
from assay.learning.explanations.explaining import explain, explain_batch
from assay.learning.explanations.shapley import shapley
from assay.learning.predictions import ClassPredictions, ValuePredictions
from assay.learning.rows import TaskType
from tests.support.learning_rows import text_rows, trained

TEXT = TaskType.TEXT_CLASSIFICATION
FILL = ("the", "a", "of", "and", "to", "in", "is", "on", "for", "it")


def classes(rows, labels, logits):
    """Predictions of two or more classes by their decision values."""
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return ClassPredictions(
        row_ids=rows.column("row_id").to_pylist(),
        labels=labels,
        probabilities=shares,
        chunk_probabilities=shares,
        record_of=np.arange(len(shares), dtype=np.int32),
    )


class Words:
    """A text model from elsewhere, which counts words, and two of them together."""

    task_type = TEXT
    labels = ("bad", "good")
    features = ()

    def __init__(self):
        self.calls = 0

    def predict(self, batch):
        self.calls += 1
        found = []
        for (text,) in batch.column("pages").to_pylist():
            words = text.split()
            together = 1.0 * ("not" in words and "fine" in words)
            found.append(3.0 * words.count("great") - 2.0 * words.count("awful") - 2 * together)
        return classes(batch, self.labels, np.column_stack([np.zeros(len(found)), found]))


class Rows:
    """A tabular model from elsewhere: a product, a sum and a category."""

    task_type = TaskType.TABULAR_REGRESSION
    labels = ()
    features = tuple(
        pa.field(name, pa.string() if name == "city" else pa.float64())
        for name in ("a", "b", "c", "city", *(f"x{at}" for at in range(8)))
    )

    def predict(self, batch):
        a, b, c = (np.array(batch.column(name).to_pylist()) for name in "abc")
        ulm = np.array([city == "ulm" for city in batch.column("city").to_pylist()])
        return ValuePredictions(
            row_ids=batch.column("row_id").to_pylist(), values=1.0 + a * b + 2 * c + 5.0 * ulm
        )


@pytest.mark.parametrize("count", [5, 40, 300, 4_000])
def test_planted_words_come_first(count):
    """In texts of any length the words that decide are first in their class, few calls are made."""
    draw = np.random.default_rng(count)
    words = draw.choice(FILL, count).tolist()
    at, other = draw.choice(count, 2, replace=False).tolist()
    words[at], words[other] = "great", "awful"
    model = Words()
    found = explain(model, text_rows([" \n".join(words) + " "], ["good"]))
    document = found.document()
    good, bad = (document["wordImportances"][label] for label in ("good", "bad"))
    assert found.words == tuple(words)
    assert (good[0]["word"], good[0]["index"]) == ("great", at)
    assert (bad[0]["word"], bad[0]["index"]) == ("awful", other)
    assert good[0]["score"] == pytest.approx(3.0, abs=1e-6)
    assert good[-1]["score"] == pytest.approx(-2.0, abs=1e-6)
    assert model.calls <= 40
    assert np.allclose(found.bases + found.scores.sum(axis=1), found.totals, atol=1e-9)


def test_words_that_act_together_share():
    """Two words of which neither does anything alone have half of what they do each."""
    (found,) = explain_batch(Words(), text_rows(["not so fine"], ["bad"]))
    assert found.labels[0] == "bad"
    assert np.allclose(found.scores[0], [1.0, 0.0, 1.0], atol=1e-9)


@pytest.mark.parametrize("text", ["", " \n "])
def test_a_text_without_words_has_the_base_alone(text):
    """Nothing is there to be explained."""
    found = explain(Words(), text_rows([text], ["bad"]))
    assert found.document()["wordImportances"] == {"bad": [], "good": []}
    assert np.array_equal(found.bases, found.totals)


def test_features_of_a_model_from_elsewhere_add_up():
    """What two features do together they share, and the base is a row of zeros."""
    columns = {"row_id": ["r"], "a": [2.0], "b": [3.0], "c": [-1.0], "city": ["ulm"]}
    batch = pa.RecordBatch.from_pydict({**columns, **{f"x{at}": [1.0] for at in range(8)}})
    found = explain(Rows(), batch)
    entries = found.document()["featureImportances"]
    assert [entry["feature"] for entry in entries[:1]] == ["city"]
    scores = {entry["feature"]: entry["score"] for entry in entries}
    assert scores["a"] == pytest.approx(3.0)
    assert scores["b"] == pytest.approx(3.0)
    assert scores["c"] == pytest.approx(-2.0)
    assert found.bases[0] + sum(scores.values()) == pytest.approx(found.totals[0], abs=1e-9)
    assert found.bases[0] == 1.0


def test_sampling_agrees_with_what_is_exact():
    """A model of ours, asked as one from elsewhere, has nearly its exact contributions."""

    class Asked:
        task_type, features = TEXT, ()

        def __init__(self, model):
            self.labels, self.predict = model.labels, model.predict

    texts = [f"{word} of the {word}" for word in ("cat", "dog", "cow") for _ in range(20)]
    model = trained(TEXT, [text_rows(texts, [text[:3] for text in texts])], num_train_epochs=10)
    batch = text_rows(["cat of the dog"], ["cat"])
    exact, sampled = explain(model, batch), explain(Asked(model), batch)
    assert exact.labels == sampled.labels
    assert np.allclose(sampled.totals, exact.totals, atol=1e-6)
    order = [np.argsort(one.scores[0]).tolist() for one in (exact, sampled)]
    assert order[0] == order[1]


def test_answers_too_far_apart_are_refused():
    """Differences that no number holds are no values of players."""
    with pytest.raises(DataError, match="more than a number can hold"):
        shapley(2, lambda present: np.where(present[:, :1], 1.5e308, -1.5e308))


@pytest.mark.parametrize("players", [1, 4, 9, 30])
def test_values_are_what_players_add_on_average(players):
    """Of a sum they are its terms, and of a product of two, halves; orders are the same each time."""
    terms = np.arange(players) - 1.5

    def game(present):
        return (present @ terms + 6.0 * present[:, 0] * present[:, -1])[:, np.newaxis]

    found = shapley(players, game)
    expected = terms.copy()
    expected[0] += 3.0
    expected[-1] += 3.0
    assert np.allclose(found.values[0], expected)
    assert np.array_equal(found.values, shapley(players, game).values)
