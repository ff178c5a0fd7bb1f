"""Curves, thresholds, mistakes and typed rows over REST of the whole service."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.refusal_body import check
from tests.support.rest_client import Made, client, key_with, make, make_model

SCORES = [0.1, 0.2, 0.3, 0.45, 0.6, 0.55, 0.7, 0.9]
TRUE = ["no", "no", "no", "yes", "no", "yes", "yes", "yes"]
ROWS = [
    {
        "y_true": true,
        "y_pred": "yes" if score >= 0.5 else "no",
        "score": score,
        "row_id": f"r{number}",
        "slices": {"land": "LV" if number < 3 else "EE"},
        "features": {"age": 20 + number, "name": "x"},
    }
    for number, (true, score) in enumerate(zip(TRUE, SCORES, strict=True))
]
ROUTES = [
    "roc-curve", "pr-curve", "thresholds", "calibration", "misclassification-errors", "residuals",
    "slices", "intervals",
]  # fmt: skip  # a list


@pytest.fixture(scope="module")
def admin(service) -> Iterator[httpx.Client]:
    with client(service, service.key) as found:
        yield found


@pytest.fixture(scope="module")
def churn(admin) -> Made:
    """A binary classifier, measured by typed rows."""
    model = make_model(admin, labels=["no", "yes"], positive_label="yes")
    versions = f"/api/v1/models/{model}/versions"
    version = admin.post(versions, json={}).json()["version_id"]
    answer = admin.post(f"{versions}/{version}/evaluations:rows", json={"rows": ROWS})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["status"], answer.json()["rows"]) == ("succeeded", 8)
    assert admin.post(f"{versions}/{version}/promote", json={}).status_code == 200
    return Made(model=model, version=version)


@pytest.fixture(scope="module")
def regression(admin) -> Made:
    return make(admin, "y_true,y_pred\n1,1.5\n2,2\n4,3\n", task_type="regression")


def test_roc_curve(admin, churn):
    """The ROC curve has its exact area, points from (0, 0) to (1, 1), and falling thresholds."""
    body = admin.get(churn.path("roc-curve")).json()
    assert body["roc_auc"] == 14 / 16
    assert body["class_label"] == "yes"
    assert body["points"][0] == {"fpr": 0, "tpr": 0}
    assert (body["points"][-1]["fpr"], body["points"][-1]["tpr"]) == (1, 1)
    thresholds = [point["threshold"] for point in body["points"][1:]]
    assert thresholds == sorted(thresholds, reverse=True)
    two = admin.get(churn.path("roc-curve"), params={"resolution": 2}).json()
    assert len(two["points"]) == 2


def test_pr_curve_and_thresholds(admin, churn):
    """The precision-recall curve and the thresholds are those of the rows that were sent."""
    body = admin.get(churn.path("pr-curve")).json()
    assert body["average_precision"] == pytest.approx((1 + 1 + 3 / 4 + 4 / 5) / 4)
    costs = {"false_positive_cost": 1, "false_negative_cost": 10}
    body = admin.get(churn.path("thresholds"), params=costs).json()
    assert body["best_cost"]["threshold"] == 0.45
    assert (body["best_cost"]["false_positive"], body["cost"]) == (1, 1)
    assert "threshold" not in body["rows"][0]


def test_calibration(admin, churn):
    """The reliability table has 15 bins; those without rows have no accuracy."""
    body = admin.get(churn.path("calibration")).json()
    bins = body["headline"]["bins"]
    assert (body["target"], len(bins)) == ("positive", 15)
    assert sum(one["count"] for one in bins) == 8
    assert all(("accuracy" in one) == (one["count"] > 0) for one in bins)


def test_mistakes(admin, churn):
    """The mistakes come with ids, confidence and features, the most confident first."""
    path = churn.path("misclassification-errors")
    body = admin.get(path).json()
    assert body["total"] == 2
    first, second = body["errors"]
    assert (first["row"], first["row_id"], first["true_label"]) == (4, "r4", "no")
    assert first["features"] == {"age": 24, "name": "x"}
    assert first["confidence"] == 0.6
    assert (second["row_id"], second["predicted_label"], second["confidence"]) == ("r3", "no", 0.55)
    body = admin.get(path, params={"true_label": "yes", "min_confidence": 0.5, "limit": 1}).json()
    assert (body["total"], [one["row_id"] for one in body["errors"]]) == (1, ["r3"])


def test_slices_and_intervals(admin, churn):
    """Slices have the metrics of their rows alone, and metrics lie in their intervals."""
    (column,) = admin.get(churn.path("slices")).json()["columns"]
    assert column["name"] == "land"
    found = {one["value"]: (one["rows"], one["metrics"]["accuracy"]) for one in column["values"]}
    assert found == {"LV": (3, 1), "EE": (5, 0.6)}
    told = admin.get(churn.path("intervals")).json()["intervals"]
    accuracy = next(one for one in told if one["metric"] == "accuracy")
    assert accuracy["value"] == 0.75
    assert accuracy["low"] < 0.75 < accuracy["high"]
    assert accuracy["level"] == 0.95


def test_residuals(admin, regression):
    """Residuals are true less predicted, in quantiles and a histogram of all rows."""
    body = admin.get(regression.path("residuals")).json()
    assert (body["minimum"], body["maximum"], body["quantiles"]["0.5"]) == (-0.5, 1, 0)
    assert sum(one["count"] for one in body["bins"]) == body["rows"] == 3


def test_a_comparison(admin, churn):
    """Two versions on the same rows are tested by a job, and their comparison shows it."""
    versions = f"/api/v1/models/{churn.model}/versions"
    better = admin.post(versions, json={}).json()["version_id"]
    rows = [{**row, "y_pred": row["y_true"]} for row in ROWS]
    answer = admin.post(f"{versions}/{better}/evaluations:rows", json={"rows": rows})
    assert answer.status_code == 201, answer.text
    pair = {"version_a": churn.version, "version_b": better}
    started = admin.post(f"{versions}:compare", json=pair)
    assert started.status_code == 200, started.text
    job = started.json()["job_id"]
    assert "succeeded" in admin.get(f"/api/v1/jobs/{job}:watch").text.lower()
    tests = admin.get(f"{versions}/compare", params=pair).json()["paired_tests"]
    assert (tests["status"], tests["rows"], tests["job_id"]) == ("done", 8, job)
    assert tests["mcnemar"] == {"only_a": 0, "only_b": 2, "p_value": 0.5}
    assert tests["roc_auc"]["difference"] == 0


@pytest.mark.parametrize(
    ("route", "query"),
    [
        ("roc-curve", "resolution=1"), ("roc-curve", "resolution=abc"), ("roc-curve", "resolution="),
        ("roc-curve", "resolution=99999999999999999999"), ("roc-curve", "class_label=maybe"),
        ("roc-curve", "colour=red"), ("pr-curve", "resolution=-1"),
        ("thresholds", "false_positive_cost=1"), ("thresholds", "false_positive_cost=NaN"),
        ("thresholds", "false_positive_cost=1e999&false_negative_cost=1"),
        ("misclassification-errors", "limit=0"), ("misclassification-errors", "min_confidence=2"),
        ("misclassification-errors", "true_label=x"), ("slices", "column=none"),
        ("calibration", "dataset_split=dev"),
    ],
)  # fmt: skip  # a table
def test_bad_queries(admin, churn, route, query):
    """400: an unknown parameter, an empty value, a huge number or a wrong word is refused."""
    response = admin.get(f"{churn.path(route)}?{query}")
    check(response, 400, "validation_error", churn.path(route))


@pytest.mark.parametrize("route", ROUTES)
def test_the_refusals_of_the_family(admin, service, churn, route):
    """401 without a credential, 403 without permission, 404 unknown, 422 nothing to serve."""
    path = churn.path(route)
    with client(service, None) as nobody:
        check(nobody.get(path), 401, "unauthorized", path)
    with client(service, key_with(admin, "job:read")) as nobody:
        check(nobody.get(path), 403, "forbidden", path)
    absent = f"/api/v1/models/mdl-0000000000/performance/{route}"
    check(admin.get(absent), 404, "not_found", absent)
    task = "regression" if route == "residuals" else "classification"
    path = f"/api/v1/models/{make_model(admin, task)}/performance/{route}"
    body = check(admin.get(path), 422, "unprocessable_entity", path)
    assert body["details"][0]["reason"] == "NO_TRAINED_VERSION"


def test_mistakes_need_dataset_read(admin, service, churn):
    """403: model:read alone does not show the features of rows."""
    with client(service, key_with(admin, "model:read")) as reader:
        path = churn.path("misclassification-errors")
        body = check(reader.get(path), 403, "forbidden", path)
        assert "dataset:read" in body["message"]
        assert reader.get(churn.path("roc-curve")).status_code == 200


def test_wrong_task_types(admin, churn, regression):
    """422: curves are for classification models only, residuals for regression models only."""
    for path in (regression.path("roc-curve"), churn.path("residuals")):
        body = check(admin.get(path), 422, "unprocessable_entity", path)
        assert body["details"][0]["reason"] == "WRONG_TASK_TYPE"


def test_bad_rows(admin):
    """400: typed rows are refused by row and column; without any they are refused too."""
    model = make_model(admin, labels=["no", "yes"], positive_label="yes")
    versions = f"/api/v1/models/{model}/versions"
    version = admin.post(versions, json={}).json()["version_id"]
    path = f"{versions}/{version}/evaluations:rows"
    for rows, part in (
        ([{"y_true": "no", "y_pred": "maybe"}], "row 0"),
        ([{"y_true": "no", "y_pred": None}], "row 0, column y_pred"),
        ([], "rows"),
    ):
        body = check(admin.post(path, json={"rows": rows}), 400, "validation_error", path)
        assert part in body["message"]


@pytest.mark.slow
def test_a_page_of_long_texts_is_shorter_and_leads_on(admin):
    """Mistakes whose features are over the limit of a page come in several, none twice or left out."""
    lines = [f"1,0,{'x' * 40_000}{row}" for row in range(500)]
    made = make(admin, "\n".join(["y_true,y_pred,feature:text", *lines, ""]))
    path = made.path("misclassification-errors")
    sizes, seen, cursor = [], [], ""
    while cursor or not sizes:
        page = admin.get(path, params={"limit": 300, "cursor": cursor}).json()
        assert page["total"] == 500
        sizes.append(len(page["errors"]))
        seen += [one["row"] for one in page["errors"]]
        cursor = page["next_cursor"]
    assert seen == list(range(500))
    assert max(sizes) < 300
    assert len(sizes) == 3
    other = admin.get(path, params={"cursor": "x", "limit": 2})
    assert check(other, 400, "validation_error", path)["details"][0]["reason"] == "BAD_PAGE_TOKEN"


def test_a_confusion_matrix_of_many_labels(admin):
    """The matrix of 1300 labels is answered whole: row i is predicted as label 7 i of 1300."""
    lines = [f"sku_{row},sku_{7 * row % 1300}" for row in range(1300)]
    made = make(admin, "\n".join(["y_true,y_pred", *lines, ""]))
    answer = admin.get(made.path("confusion-matrix"))
    assert answer.status_code == 200
    body = answer.json()
    assert sum(map(sum, body["matrix"])) == 1300
    assert sum(body["matrix"][at][at] for at in range(1300)) == 2
