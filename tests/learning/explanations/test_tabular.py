"""Features that speak for a class or raise a number, by models of tabular rows."""

from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np
import pyarrow as pa
import pytest

from assay.learning.boosting import raw_predictions
from assay.learning.calibration import Calibration, Sigmoids
from assay.learning.explanations.explaining import explain, explain_batch
from assay.learning.explanations.trees import Ways
from assay.learning.pruning import prune
from assay.learning.rows import TaskType
from tests.support.learning_rows import trained

CLASSES = TaskType.TABULAR_CLASSIFICATION
NUMBERS = TaskType.TABULAR_REGRESSION
CITIES = ("ulm", "köln", "bonn", "jena")
BOTH = pytest.mark.parametrize("algorithm", ["linear", "gradient_boosting"])


def rows(count=400, seed=3, classes=3, target=False):
    """Two numbers that decide and one that does not, and a category; some values are missing."""
    draw = np.random.default_rng(seed)
    size, age, noise = draw.normal(0, 1, (3, count))
    city = draw.choice(CITIES, count)
    score = 2 * size + np.abs(age) + np.where(city == "ulm", 1.5, 0.0)
    absent = draw.random(count) < 0.1
    columns = {
        "row_id": pa.array([f"r{row}" for row in range(count)]),
        "size": pa.array(size, mask=absent),
        "city": pa.array(city.tolist(), pa.string(), mask=draw.random(count) < 0.1),
        "age": pa.array(age),
        "noise": pa.array(noise),
    }
    if target:
        columns["target"] = pa.array(score)
    else:
        edges = np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1])
        columns["label"] = pa.array([f"class {code}" for code in np.digitize(score, edges)])
    return pa.RecordBatch.from_pydict(columns)


def log_odds(probabilities):
    return np.log(probabilities / (1 - probabilities))


@BOTH
@pytest.mark.parametrize("classes", [2, 3])
def test_scores_and_base_are_the_log_odds_of_the_prediction(algorithm, classes):
    """The scores of all features and the base of a class are its probability's log-odds."""
    batch = rows(classes=classes)
    model = trained(CLASSES, [batch], algorithm=algorithm, num_train_epochs=20)
    wanted = log_odds(model.predict(batch).probabilities)
    for row, found in enumerate(explain_batch(model, batch.slice(0, 50))):
        document = found.document()["featureImportances"]
        assert tuple(document) == found.labels
        assert found.labels[0] == model.labels[int(np.argmax(wanted[row]))]
        for place, label in enumerate(found.labels):
            total = found.bases[place] + sum(entry["score"] for entry in document[label])
            assert total == pytest.approx(wanted[row, model.labels.index(label)], abs=1e-9)


@BOTH
def test_scores_and_base_of_a_regression_are_the_number(algorithm):
    """The one list of a regression, and its base, add up to the predicted number."""
    batch = rows(target=True)
    model = trained(NUMBERS, [batch], algorithm=algorithm, num_train_epochs=20)
    values = model.predict(batch).values
    for row, found in enumerate(explain_batch(model, batch.slice(0, 50))):
        entries = found.document()["featureImportances"]
        total = found.bases[0] + sum(entry["score"] for entry in entries)
        assert total == pytest.approx(values[row], abs=1e-9)


@BOTH
def test_what_decides_comes_first(algorithm):
    """The feature that puts a row into its class is the first, with its value; noise is small."""
    model = trained(CLASSES, [rows(2000, classes=2)], algorithm=algorithm, num_train_epochs=30)
    row = rows(1, seed=9).set_column(1, "size", pa.array([3.0]))
    found = explain(model, row).document()["featureImportances"]["class 1"]
    assert (found[0]["feature"], found[0]["value"]) == ("size", 3.0)
    sizes = {entry["feature"]: abs(entry["score"]) for entry in found}
    assert sizes["noise"] < 0.2 * sizes["size"]


@BOTH
def test_a_missing_value_has_none(algorithm):
    """A feature whose value is missing is listed without one."""
    batch = rows(target=True)
    model = trained(NUMBERS, [batch], algorithm=algorithm, num_train_epochs=5)
    bare = batch.slice(0, 1).set_column(1, "size", pa.array([None], pa.float64()))
    entries = explain(model, bare).document()["featureImportances"]
    (found,) = (entry for entry in entries if entry["feature"] == "size")
    assert set(found) == {"feature", "score"}
    assert {entry["feature"] for entry in entries} == {"size", "city", "age", "noise"}


def test_contributions_of_linear_models_are_weights_times_columns():
    """Of a regression each feature's score is what its columns add to the number."""
    batch = rows(target=True)
    model = trained(NUMBERS, [batch], algorithm="linear", num_train_epochs=20)
    for name in ("size", "city", "age"):
        at = batch.schema.get_field_index(name)
        columns = model.featurizer.transform(batch).features.astype(np.float64)
        others = model.featurizer.feature_of() != [
            column.name for column in model.featurizer.table.columns
        ].index(name)
        weights = model.state.arrays["weights"].astype(np.float64)[:, 0].copy()
        weights[others] = 0
        expected = columns @ weights * model.featurizer.target_deviation
        for row, found in enumerate(explain_batch(model, batch.slice(0, 20))):
            score = found.scores[0, found.features.index(batch.schema.field(at).name)]
            assert score == pytest.approx(expected[row], abs=1e-5)


@pytest.mark.parametrize("task_type", [CLASSES, NUMBERS])
def test_scores_of_trees_are_shapley_values(task_type):
    """They are what the game of all coalitions gives, where absent features are missing."""
    batch = rows(target=task_type is NUMBERS)
    model = trained(task_type, [batch], algorithm="gradient_boosting", num_train_epochs=15)
    ways = Ways.of(model.state)
    features = np.asarray(model.featurizer.transform(batch).features)[:25]
    count = features.shape[1]
    for row in features:
        found = ways.shapley(row, np.full(count, np.nan))
        for player in range(count):
            others = [other for other in range(count) if other != player]
            expected = 0.0
            for size in range(count):
                for chosen in combinations(others, size):
                    without, given = np.full((2, count), np.nan)
                    without[list(chosen)] = given[list(chosen)] = row[list(chosen)]
                    given[player] = row[player]
                    pair = raw_predictions(model.state, np.array([without, given]))
                    expected = expected + (pair[1] - pair[0]) / (count * comb(count - 1, size))
            assert np.allclose(found[:, player], expected, atol=1e-9)


@pytest.mark.parametrize(("algorithm", "sparsity"), [("linear", 0.09), ("gradient_boosting", 0.5)])
def test_pruned_and_calibrated_models_add_up(algorithm, sparsity):
    """Fewer columns, and sigmoids, leave the sum what the class's sigmoid is taken of."""
    batch = rows()
    whole = trained(CLASSES, [batch], algorithm=algorithm, num_train_epochs=10)
    model = prune(whole, sparsity).model
    sigmoids = Sigmoids(slopes=np.array([1.5, 0.7, 1.1]), intercepts=np.array([0.2, -0.1, 0.0]))
    plain = log_odds(model.predict(batch).probabilities)
    calibrated = replace(model, calibration=Calibration(records=sigmoids, chunks=sigmoids))
    for row, found in enumerate(explain_batch(calibrated, batch.slice(0, 20))):
        for place, label in enumerate(found.labels):
            code = model.labels.index(label)
            wanted = sigmoids.slopes[code] * plain[row, code] + sigmoids.intercepts[code]
            assert found.bases[place] + found.scores[place].sum() == pytest.approx(wanted, abs=1e-9)
