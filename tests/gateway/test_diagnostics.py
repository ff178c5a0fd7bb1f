"""Curves, thresholds, mistakes and typed rows over REST of the whole service."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.test_documents import Made, client, key_with, make, make_model
from tests.gateway.test_refusals import check

SCORES = [0.1, 0.2, 0.3, 0.45, 0.6, 0.55, 0.7, 0.9]
TRUE = ["no", "no", "no", "yes", "no", "yes", "yes", "yes"]
ROWS = [
    {"y_true": true, "y_pred": "yes" if score >= 0.5 else "no", "score": score}
    for true, score in zip(TRUE, SCORES, strict=True)
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
