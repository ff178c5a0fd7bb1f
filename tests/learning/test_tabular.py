"""Tabular models against scikit-learn, and at the edges of what can be learned."""

import json

import numpy as np
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assay.learning.artifact import Artifact
from assay.learning.artifact import decode as decode_artifact
from assay.learning.artifact import encode as encode_artifact
from assay.learning.errors import DamagedArtifact, DataError
from assay.learning.families import family_of
from assay.learning.hyperparameters import resolve
from assay.learning.model import Model
from assay.learning.rows import TaskType
from tests.support.learning_rows import cut, trained

CLASSES = TaskType.TABULAR_CLASSIFICATION
NUMBERS = TaskType.TABULAR_REGRESSION
ALGORITHMS = ("linear", "gradient_boosting")


def table(features, **answer):
    """A batch of named columns, floats or texts, with `label` or `target`."""
    rows = len(next(iter(answer.values())))
    columns = {"row_id": pa.array([f"r{row}" for row in range(rows)], pa.string())}
    for name, values in features.items():
        text = any(isinstance(value, str) for value in values)
        plain = [None if value is None else (value if text else float(value)) for value in values]
        columns[name] = pa.array(plain, pa.string() if text else pa.float64())
    for name, values in answer.items():
        kind = pa.string() if name == "label" else pa.float64()
        columns[name] = pa.array(list(values), kind)
    return pa.RecordBatch.from_pydict(columns)


def numbered(data, **answer):
    """A batch whose features are the columns of a matrix."""
    return table({f"x{column}": data[:, column] for column in range(data.shape[1])}, **answer)


def mixed(rows=1500, seed=4, noise=0.3):
    """Numbers and categories, some missing, and a label and a number that follow from them."""
    draw = np.random.default_rng(seed)
    size, age = draw.normal(50, 20, rows), draw.uniform(0, 1, rows)
    city = draw.choice(
        ["ulm", "köln", "bonn", "jena", "suhl"], rows, p=[0.5, 0.3, 0.15, 0.04, 0.01]
    )
    effect = np.array([{"ulm": 2.0, "köln": -1.0}.get(one, 0.0) for one in city])
    score = 0.05 * (size - 50) + effect + 4 * (age - 0.5) ** 2 + noise * draw.normal(size=rows)
    absent = draw.random(rows) < 0.1
    return {
        "size": [None if gone else value for value, gone in zip(size, absent, strict=True)],
        "city": [None if draw.random() < 0.05 else str(one) for one in city],
        "age": list(age),
    }, score


def mixed_rows(task_type, **options):
    """A table of mixed features."""
    features, score = mixed(**options)
    if task_type is NUMBERS:
        return table(features, target=score)
    return table(features, label=np.array(["low", "mid", "top"])[np.digitize(score, [-0.5, 1.0])])


def as_trees_see(features, cities):
    """The same features as scikit-learn's boosting takes them: categories first, numbered."""
    codes = [np.nan if one is None else float(cities.index(one)) for one in features["city"]]
    sizes = [np.nan if one is None else one for one in features["size"]]
    return np.column_stack([codes, sizes, features["age"]])


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("power", [None, 0.5])
def test_boosting_has_the_bits_of_scikit_learn(classes, power):
    """Probabilities are bit by bit those of the estimator, categories and missing values included."""
    features, score = mixed()
    codes = np.digitize(score, [-0.5, 1.0][: classes - 1])
    batch = table(features, label=[f"c{code}" for code in codes])
    given = {} if power is None else {"loss_type": "ce_ins", "class_weights_ins_power": power}
    model = trained(CLASSES, [batch], num_train_epochs=20, **given)
    matrix = as_trees_see(features, sorted({"ulm", "köln", "bonn", "jena", "suhl"}))
    weights = None
    if power is not None:
        counts = np.bincount(codes)
        weights = np.exp(-power * np.log(counts / counts.min()))
        weights = (weights * (counts.sum() / (weights * counts).sum()))[codes]
    theirs = HistGradientBoostingClassifier(
        max_iter=20, early_stopping=False, random_state=0, categorical_features=[0]
    ).fit(matrix, codes, sample_weight=weights)
    read = Model.decode(model.encode())
    assert np.array_equal(read.predict(batch).probabilities, theirs.predict_proba(matrix))
    unseen = {"size": [1e9, None], "city": ["rom", None], "age": [None, -5.0]}
    expected = theirs.predict_proba(np.array([[np.nan, 1e9, np.nan], [np.nan, np.nan, -5.0]]))
    assert np.array_equal(read.predict(table(unseen, label=["c0", "c1"])).probabilities, expected)


def test_a_row_alone_has_the_bits_of_a_row_among_others():
    """Probabilities of one row by trees of many classes do not depend on the rows beside it."""
    draw = np.random.default_rng(4)
    values = draw.normal(size=(200, 3))
    labels = [f"c{code}" for code in np.digitize(values.sum(axis=1), np.linspace(-3, 3, 9))]
    batch = table({name: list(values[:, at]) for at, name in enumerate("abc")}, label=labels)
    model = trained(CLASSES, [batch], num_train_epochs=3)
    whole = model.predict(batch).probabilities
    assert whole.shape[1] == 10
    alone = [model.predict(batch.slice(row, 1)).probabilities for row in range(len(whole))]
    assert np.array_equal(np.vstack(alone), whole)


def test_boosted_numbers_have_the_bits_of_scikit_learn():
    """Predicted numbers are bit by bit those of the estimator."""
    data, target = load_diabetes(return_X_y=True)
    batch = numbered(data, target=target)
    model = trained(NUMBERS, [batch], max_depth=3, min_samples_leaf=5, l2_regularization=0.5)
    theirs = HistGradientBoostingRegressor(
        max_depth=3, min_samples_leaf=5, l2_regularization=0.5, early_stopping=False, random_state=0
    ).fit(data, target)
    read = Model.decode(model.encode())
    assert np.array_equal(read.predict(batch).values, theirs.predict(data))


def test_boosting_stops_at_the_round_of_the_lowest_validation_loss():
    """With patience rounds end early, and the rounds after the best one are not kept."""
    train, validation = mixed_rows(CLASSES, noise=1.5), mixed_rows(CLASSES, seed=5, noise=1.5)
    given = resolve(CLASSES, {"early_stopping_patience": 3, "learning_rate": 0.5})
    family = family_of(given)
    featurizer = family.featurizer(family.summarize(train))
    learner = family.learner(featurizer)
    held_out = [featurizer.transform(validation)]
    fit = learner.fit([featurizer.transform(train)], held_out, 0)
    best = int(np.argmin(fit.validation_losses))
    assert len(fit.train_losses) == len(fit.validation_losses) == best + 1 + 3 < 100
    assert learner.loss(fit.state, held_out) == pytest.approx(min(fit.validation_losses))
    assert len(fit.state.arrays["node_ends"]) == 3 * (best + 1)
    assert fit.train_losses[-1] < fit.train_losses[0]


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
def test_linear_models_learn_classes(load):
    """Held-out rows are classified as by scikit-learn's logistic regression, less 3 points."""
    data, codes = load(return_X_y=True)
    held_out = np.arange(len(codes)) % 3 == 0
    train = numbered(data[~held_out], label=codes[~held_out].astype(str))
    test = numbered(data[held_out], label=codes[held_out].astype(str))
    model = trained(CLASSES, [train], algorithm="linear")
    found = [int(model.labels[code]) for code in model.predict(test).codes]
    theirs = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    theirs.fit(data[~held_out], codes[~held_out])
    least = f1_score(codes[held_out], theirs.predict(data[held_out]), average="macro") - 0.03
    assert f1_score(codes[held_out], found, average="macro") >= least


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_numbers_are_learned_from_mixed_features(algorithm):
    """A linear model of numbers, categories and missing values explains as much as scikit-learn's."""
    train, test = mixed_rows(NUMBERS), mixed_rows(NUMBERS, seed=8)
    values = trained(NUMBERS, [train], algorithm=algorithm).predict(test).values
    frames = [batch.to_pandas().fillna({"size": 50.0, "city": "none"}) for batch in (train, test)]
    theirs = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["city"]),
            (StandardScaler(), ["size", "age"]),
        ),
        LinearRegression(),
    ).fit(frames[0], frames[0]["target"])
    least = theirs.score(frames[1], frames[1]["target"]) - 0.01
    assert r2_score(test.column("target").to_numpy(), values) >= least


@pytest.mark.parametrize("task_type", [CLASSES, NUMBERS])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_how_rows_are_cut_changes_no_bit(task_type, algorithm):
    """Blocks of any size, and summaries merged in any order, give the same bytes."""
    batch = mixed_rows(task_type, rows=700)
    whole = trained(task_type, [batch], algorithm=algorithm, num_train_epochs=3)
    blocks = cut(batch, 1, 300, 17)
    assert (
        trained(task_type, blocks, algorithm=algorithm, num_train_epochs=3).encode()
        == whole.encode()
    )
    family = family_of(whole.hyperparameters)
    summaries = [family.summarize(block) for block in blocks]
    merged = family.merge([family.merge(summaries[2:]), *summaries[:2]])
    assert encode_artifact(merged) == encode_artifact(family.summarize(batch))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_order_of_the_rows_changes_no_feature(algorithm):
    """Rows in another order have the same featurizer."""
    batch = mixed_rows(CLASSES, rows=500)
    other = batch.take(pa.array(np.random.default_rng(1).permutation(500)))
    family = family_of(resolve(CLASSES, {"algorithm": algorithm}))
    made = [family.featurizer(family.summarize(rows)).artifact() for rows in (batch, other)]
    assert encode_artifact(made[0]) == encode_artifact(made[1])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_predictions_do_not_depend_on_the_rows_beside(algorithm):
    """A row alone has the bits that it has in a block."""
    batch = mixed_rows(CLASSES, rows=300)
    model = trained(CLASSES, [batch], algorithm=algorithm, num_train_epochs=3)
    whole = model.predict(batch).probabilities
    alone = [model.predict(batch.slice(row, 1)).probabilities[0] for row in range(0, 300, 7)]
    assert np.array_equal(whole[::7], alone)


def test_linear_features_are_standardized_and_one_hot():
    """Numbers are standardized, missing ones said so, rare and unknown categories share a column."""
    features = {
        "n": [1.0, 3.0, None, 5.0],
        "same": [7.0, 7.0, 7.0, 7.0],
        "c": ["a", "a", "b", None],
    }
    batch = table(features, label=["x", "y", "x", "y"])
    family = family_of(resolve(CLASSES, {"algorithm": "linear"}))
    featurizer = family.featurizer(family.summarize(batch))
    deviation = np.std([1, 3, 5])
    expected = [
        [-2 / deviation, 0, 1, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 1, 0, 1, 0],
        [2 / deviation, 0, 0, 0, 1],
    ]
    assert np.allclose(featurizer.transform(batch).features, expected)
    new = table({"n": [3.0, 3.0], "same": [8.0, None], "c": ["new", None]}, label=["x", "z"])
    block = featurizer.transform(new)
    assert block.features.tolist() == [[0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    assert block.targets.tolist() == [0, -1]
    assert block.features.dtype == np.float32
    some = featurizer.select(np.array([1, 4])).select(np.array([1]))
    assert some.transform(new).features.tolist() == [[0], [1]]


def test_statistics_are_exact():
    """Means and deviations are rounded once, however large and alike the numbers are."""
    values = [1e15 + step / 8 for step in range(9)]
    batch = table({"n": values}, label=["x", "y"] * 4 + ["x"])
    family = family_of(resolve(CLASSES, {"algorithm": "linear"}))
    column = family.featurizer(family.summarize(batch)).table.columns[0]
    assert column.mean == 1e15 + 0.5
    assert column.deviation == pytest.approx(np.std(np.arange(9) / 8), rel=1e-15)


def test_many_categories_are_reduced_to_the_most_frequent():
    """A feature with more categories than a byte numbers keeps those that most rows have."""
    names = [f"c{number % 400}" for number in range(2000)] + ["c399"] * 5
    batch = table({"c": names}, label=[f"{len(name) % 2}" for name in names])
    for algorithm in ALGORITHMS:
        model = trained(CLASSES, [batch], algorithm=algorithm, num_train_epochs=2)
        column = model.featurizer.table.columns[0]
        assert len(column.categories) == 254
        assert column.rare
        assert "c399" in column.categories
        assert np.isfinite(model.predict(batch).probabilities).all()


def test_one_row_and_no_rows_are_predicted():
    """A model predicts a block of one row, and of none."""
    batch = mixed_rows(CLASSES, rows=200)
    for algorithm in ALGORITHMS:
        model = trained(CLASSES, [batch], algorithm=algorithm, num_train_epochs=2)
        assert model.predict(batch.slice(0, 1)).probabilities.shape == (1, 3)
        assert model.predict(batch.slice(0, 0)).probabilities.shape == (0, 3)
        assert model.predict(batch.drop_columns(["label"])).probabilities.shape == (200, 3)


NAN, INF = float("nan"), float("inf")


def test_a_number_too_far_from_training_for_single_precision_is_refused():
    """A linear model names the row and the feature where its sums would not be finite."""
    batch = table({"a": [1.0, 2.0, 3.0, 4.0]}, label=["x", "y", "x", "y"])
    model = trained(CLASSES, [batch], algorithm="linear", num_train_epochs=1)
    far = table({"a": [1.0, -1e100]}, label=["x", "x"])
    with pytest.raises(DataError, match=r"row 'r1': feature 'a' is .* standard deviations"):
        model.predict(far)
    found = model.predict(table({"a": [-1e29]}, label=["x"]))
    assert np.isfinite(found.probabilities).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (table({"a": [1, 2]}, label=["x", "x"]), "all training rows are of class 'x'"),
        (table({"a": []}, label=[]), "the training split has no rows"),
        (table({"a": [1, INF]}, label=["x", "y"]), "row 'r1': feature 'a' is .*inf"),
        (
            table({"a": [1, 1e200]}, label=["x", "y"]),
            r"'a' is 1e\+200; allowed are numbers up to 1e",
        ),
        (table({"a": [1, 2]}, label=["x", None]), "row 'r1': the row has no label"),
    ],
)
def test_rows_that_no_class_can_be_learned_from_are_refused(batch, says, algorithm):
    """The error names the class, or the row and feature."""
    with pytest.raises(DataError, match=says):
        trained(CLASSES, [batch], algorithm=algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (table({"a": [1, 2]}, target=[3, 3]), "all training rows have the same target"),
        (table({"a": [1]}, target=[3]), "needs at least 2"),
        (table({"a": [1, 2]}, target=[3, NAN]), "row 'r1': the target is missing"),
        (table({"a": [1, 2]}, target=[3, None]), "row 'r1': the target is missing"),
        (table({"a": [1, 2]}, target=[3, INF]), "row 'r1': the target is inf"),
    ],
)
def test_rows_that_no_number_can_be_learned_from_are_refused(batch, says, algorithm):
    """The error names the row and what its target is."""
    with pytest.raises(DataError, match=says):
        trained(NUMBERS, [batch], algorithm=algorithm)


def test_constant_and_missing_features_are_no_error():
    """Features that are all alike or all missing are learned around, or refused if there are no others."""
    features = {"same": [1.0] * 40, "none": [None] * 40, "a": list(range(40))}
    batch = table(features, label=["x", "y"] * 20)
    for algorithm in ALGORITHMS:
        model = trained(CLASSES, [batch], algorithm=algorithm, num_train_epochs=2)
        assert np.isfinite(model.predict(batch).probabilities).all()
    with pytest.raises(DataError, match="no feature has two different values"):
        trained(CLASSES, [table({"a": [1, 1]}, label=["x", "y"])], algorithm="linear")


def test_other_columns_than_in_training_are_refused():
    """A feature that is not there, or of another type, is named; further columns are not read."""
    model = trained(CLASSES, [mixed_rows(CLASSES, rows=100)], num_train_epochs=2)
    with pytest.raises(
        DataError, match="feature 'city' is not there; the model was trained on str"
    ):
        model.predict(table({"size": [1], "age": [1]}, label=["top"]))
    wrong = table({"size": ["1"], "age": [1], "city": ["ulm"]}, label=["top"])
    with pytest.raises(
        DataError, match="feature 'size' is string; the model was trained on double"
    ):
        model.predict(wrong)
    more = table({"size": [1], "age": [1], "city": ["ulm"], "more": [2]}, label=["top"])
    assert model.predict(more).probabilities.shape == (1, 3)


def test_ids_are_no_features():
    """A feature with too many categories is refused by its name, in one block or over several."""
    family = family_of(resolve(CLASSES, {}))
    names = [f"id-{number}" for number in range(100_001)]
    parts = [
        family.summarize(table({"id": part}, label=["x"] * len(part)))
        for part in (names[:60_000], names[60_000:])
    ]
    with pytest.raises(DataError, match="feature 'id' has more than 100000 categories"):
        family.merge(parts)


def test_more_rows_than_memory_are_refused():
    """Gradient boosting says how many values it may hold; no row is read before."""

    class Huge:
        chunks = 10**7

    learner = trained(CLASSES, [mixed_rows(CLASSES, rows=60)], num_train_epochs=1)
    boosting = family_of(learner.hyperparameters).learner(learner.featurizer)
    with pytest.raises(DataError, match="are 30000000 values; at most 20000000 are allowed"):
        boosting.fit([Huge()], [], 0)


@pytest.fixture(scope="module")
def boosted():
    """The artifact of a small model of trees."""
    model = trained(CLASSES, [mixed_rows(CLASSES, rows=400)], num_train_epochs=3)
    return decode_artifact(model.encode(), "model")


ARRAYS = ["feature_idx", "left", "right", "bitset_idx", "places", "node_ends", "bitset_ends", "is_leaf",
          "is_categorical", "known", "bitsets", "baseline", "value"]  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_damaged_trees_are_refused_or_walked_to_an_end(boosted, name):
    """Whatever stands in a tree's arrays, reading refuses it or predictions come to an end."""
    draw = np.random.default_rng(7)
    batch = mixed_rows(CLASSES, rows=50, seed=3)
    refused = 0
    for attempt in range(40):
        array = boosted.arrays[f"state.{name}"].copy()
        if attempt % 4 == 0:
            array = array[:-1]
        else:
            value = [2**31 - 1, 0, 250][attempt % 4 - 1]
            array.reshape(-1)[draw.integers(array.size)] = np.array(value).astype(array.dtype)
        arrays = {**boosted.arrays, f"state.{name}": array}
        changed = Artifact(kind="model", facts=boosted.facts, arrays=arrays)
        try:
            Model.decode(encode_artifact(changed)).predict(batch)
        except DamagedArtifact:
            refused += 1
    assert refused >= 10


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_damaged_models_are_refused(algorithm):
    """Facts or arrays that are gone or of another form raise DamagedArtifact and nothing else."""
    batch = mixed_rows(CLASSES, rows=200)
    model = trained(CLASSES, [batch], algorithm=algorithm, num_train_epochs=2)
    whole = decode_artifact(model.encode(), "model")
    for name in whole.arrays:
        arrays = {key: array for key, array in whole.arrays.items() if key != name}
        with pytest.raises(DamagedArtifact):
            Model.decode(encode_artifact(Artifact(kind="model", facts=whole.facts, arrays=arrays)))
    for path in (["featurizer", "table"], ["hyperparameters"], ["featurizer"], ["task_type"]):
        for value in (None, 7, {}, "x", []):
            facts = json.loads(json.dumps(whole.facts))
            place = facts
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = value
            changed = Artifact(kind="model", facts=facts, arrays=whole.arrays)
            with pytest.raises(DamagedArtifact):
                Model.decode(encode_artifact(changed))
