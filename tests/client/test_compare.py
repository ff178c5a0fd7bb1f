"""`assay compare`: one version against another."""

import json

import numpy as np
import pytest

from assay.cli.metric_direction import catalogue_of
from assay.client import Client
from assay.metrics.registry import METRICS


@pytest.fixture(scope="module")
def pair(service):
    """A model with a version, and one that is better by far on the same rows."""
    from assay.client import Client

    made = np.random.default_rng(4)
    truth = made.integers(0, 2, 400)
    score = np.clip(0.5 + (truth - 0.5) * 0.2 + made.normal(0, 0.25, 400), 0, 1)
    better = np.clip(score + (truth - 0.5) * 0.3, 0, 1)
    with Client(service.grpc, api_key=service.key) as client:
        model = client.models.create(
            "pair", "classification", labels=["no", "yes"], positive_label="yes"
        ).model_id
        ids = []
        for depth, scores in ((3, score), (5, better)):
            version = client.versions.create(model, hyperparameters={"depth": depth}).version_id
            client.evaluate(
                model, version, y_true=np.array(["no", "yes"])[truth], scores=scores,
                row_id=[str(number) for number in range(400)],
            )  # fmt: skip
            ids.append(version)
    return model, *ids


def test_a_better_version_passes_the_gate(assay, pair):
    """Better by more than chance on the same rows exits with 0 and shows every test."""
    done = assay("compare", *pair, "-r", "accuracy", "--require-better", "roc_auc", "-r", "brier")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "McNemar, exact, 400 rows" in done.stdout
    assert "more than chance" in done.stdout
    assert "DeLong" in done.stdout
    assert "depth: 3.0 → 5.0" in done.stdout
    assert done.stdout.count("pass  better") == 3


def test_a_difference_without_a_test_is_called_so(assay, client, fresh):
    """Versions that were measured on other rows differ by their numbers alone, which is said."""
    model, first = fresh()
    second = client.versions.create(model).version_id
    client.evaluate(model, first, y_true=["a", "b", "b"], y_pred=["a", "a", "b"])
    client.evaluate(model, second, y_true=["a", "b"], y_pred=["a", "b"])
    assert "better, untested" in assay("compare", model, first, second).stdout


def test_a_worse_version_stops_the_gate(assay, pair):
    """The other way round the gate exits with 1 and says by how much."""
    model, a, b = pair
    done = assay("compare", model, b, a, "--require-better", "accuracy")
    assert done.returncode == 1
    assert "FAIL  better accuracy  b - a is -" in done.stdout
    assert "worse" in done.stdout
    assert assay("compare", model, b, a).returncode == 0  # nothing is required


def test_a_difference_by_chance_stops_the_gate(assay, client, pair):
    """A version that is better in one row alone is not better than chance allows."""
    model, version = client.models.create("luck", "classification").model_id, []
    truth = ["yes", "no"] * 50
    for wrong in (4, 3):
        version.append(client.versions.create(model).version_id)
        pred = ["no" if number < 2 * wrong else one for number, one in enumerate(truth)]
        client.evaluate(model, version[-1], y_true=truth, y_pred=pred)
    done = assay("compare", model, *version, "-r", "accuracy")
    assert done.returncode == 1
    assert "which chance explains" in done.stdout
    untested = assay("compare", model, *reversed(version), "--no-tests", "-r", "accuracy")
    assert "tests on the same rows: not started" in untested.stdout.lower()
    assert untested.returncode == 1


def test_versions_of_other_definitions_are_not_comparable(assay, client, fresh):
    """Versions whose metrics are defined differently are flagged, and meet no requirement."""
    model, first = fresh()
    second = client.versions.create(model).version_id
    client.evaluate(model, first, y_true=["a", "b"], y_pred=["a", "a"])
    client.evaluate(model, second, y_true=["a", "b", "c"], y_pred=["a", "b", "c"])
    done = assay("compare", model, first, second, "-r", "accuracy")
    assert done.returncode == 1
    assert "Not comparable" in done.stdout
    assert "better accuracy  the two were measured by different metric definitions" in done.stdout


def test_machines_get_the_comparison_as_json(assay, pair):
    """With --json one object says whether the requirements hold, with every number."""
    told = json.loads(assay("compare", *pair, "--json", "-r", "log_loss").stdout)
    assert told["comparison"]["paired_tests"]["status"] == "done"
    assert told["passed"] is (told["comparison"]["metric_deltas"]["log_loss"] < 0)


def test_readers_see_what_is_stored(assay, client, pair):
    """A key that may not submit jobs gets the comparison without new tests."""
    model, a, b = pair
    key = client.keys.create("compares", ["model:read"]).secret
    done = assay("compare", model, a, b, "--api-key", key)
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout


def test_wrong_usage_exits_with_2(assay, pair):
    """A metric by which nothing is better, and a version that is absent, are wrong usage."""
    assert "Nothing is better by 'speed'" in assay("compare", *pair, "-r", "speed").stderr
    assert assay("compare", *pair, "-r", "ece_signed").returncode == 2
    assert assay("compare", pair[0], pair[1], "ver-absent").returncode == 2


def test_the_catalogue_says_what_each_metric_is(service):
    """Name, description, tasks, range, direction and unit of each metric come from the server."""
    with Client(service.grpc, api_key=service.key) as client:
        catalogue = catalogue_of(client)
    assert list(catalogue) == [metric.name for metric in METRICS]
    assert catalogue["accuracy"].direction == "higher"
    assert (catalogue["accuracy"].lowest, catalogue["accuracy"].highest) == (0.0, 1.0)
    assert (catalogue["mse"].direction, catalogue["mse"].highest) == ("lower", None)
    assert (catalogue["ece_signed"].direction, catalogue["mae"].unit) == ("none", "target")
    assert catalogue["r2"].tasks == ("regression",)
    assert all(one.description.endswith(".") for one in catalogue.values())
