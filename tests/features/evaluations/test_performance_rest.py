"""Documents 001 and 002, field by field and error by error, over REST of the whole service.

The documents' own numbers do not add up to a data set, so keys, types and statuses are theirs and
the numbers are those of a data set made for this file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

import httpx
import pytest

from tests.support.refusal_body import check
from tests.support.rest_client import Made, client, key_with, make, make_model

# (true, predicted) → rows; 4500 churned and 9500 not, as in document 002.
COUNTS = {
    ("not_churned", "not_churned"): 9122,
    ("not_churned", "churned"): 378,
    ("churned", "not_churned"): 268,
    ("churned", "churned"): 4232,
}
SCORES = {("not_churned", "not_churned"): 0.1, ("not_churned", "churned"): 0.7,
          ("churned", "not_churned"): 0.3, ("churned", "churned"): 0.9}  # fmt: skip
SUMMARY = ["model_id", "version_id", "task_type", "dataset_split", "metrics", "evaluated_at"]
REPORT = ["model_id", "version_id", "dataset_split", "per_class", "overall"]
DOCUMENTED_METRICS = ["accuracy", "precision", "recall", "f1_score", "roc_auc", "log_loss"]
ROUTES = ["summary", "classification-report", "confusion-matrix"]


@pytest.fixture(scope="module")
def admin(service) -> Iterator[httpx.Client]:
    """A client that may do everything."""
    with client(service, service.key) as found:
        yield found


@pytest.fixture(scope="module")
def churn(admin) -> Made:
    rows = "".join(
        f"{true},{predicted},{SCORES[true, predicted]}\n" * count
        for (true, predicted), count in COUNTS.items()
    )
    labels = ["not_churned", "churned"]
    return make(admin, f"y_true,y_pred,score\n{rows}", labels=labels, positive_label="churned")


@pytest.fixture(scope="module")
def regression(admin) -> Made:
    return make(admin, "y_true,y_pred\n1,1.5\n2,2\n4,3\n", task_type="regression")


@pytest.fixture(scope="module")
def nobody(admin, service) -> Iterator[httpx.Client]:
    """A client whose key may read jobs only."""
    with client(service, key_with(admin, "job:read")) as found:
        yield found


def test_summary_of_a_classifier(admin, churn):
    """Document 001: the summary has the documented keys, types and formats."""
    response = admin.get(churn.path("summary"))
    body = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert [key for key in body if key in SUMMARY] == SUMMARY
    assert (body["model_id"], body["version_id"]) == (churn.model, churn.version)
    assert (body["task_type"], body["dataset_split"]) == ("classification", "test")
    assert re.fullmatch(r"mdl-[0-9a-f]{10}", churn.model)
    assert re.fullmatch(r"ver-[0-9a-f]{5,}", churn.version)
    assert [key for key in body["metrics"] if key in DOCUMENTED_METRICS] == DOCUMENTED_METRICS
    assert all(type(value) is float for value in body["metrics"].values())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["evaluated_at"])


def test_summary_of_a_classifier_is_exact(admin, churn):
    """The headline of a binary classifier is that of its positive class, exactly."""
    body = admin.get(churn.path("summary")).json()
    metrics = body["metrics"]
    assert metrics["accuracy"] == float(Fraction(9122 + 4232, 14000))
    assert metrics["precision"] == float(Fraction(4232, 4232 + 378))
    assert metrics["recall"] == float(Fraction(4232, 4500))
    assert metrics["f1_score"] == float(Fraction(2 * 4232, 4500 + 4232 + 378))
    # Of each pair of a churned and another row: won, or tied where the scores are equal.
    won = 4232 * 9500 + 268 * 9122
    assert metrics["roc_auc"] == float(Fraction(won, 4500 * 9500))
    assert body["positive_label"] == "churned"


def test_summary_of_a_regression(admin, regression):
    """Document 001: a regression's summary has RMSE and R², and no classification metric."""
    metrics = admin.get(regression.path("summary")).json()["metrics"]
    assert {"mae", "mse", "rmse", "r2"} <= set(metrics)
    assert not set(DOCUMENTED_METRICS) & set(metrics)
    assert metrics["mse"] == float(Fraction(5, 12))


def test_defaults_are_the_promoted_version_and_the_test_split(admin, churn):
    """Document 001: version_id defaults to the promoted version, dataset_split to test."""
    named = {"version_id": churn.version, "dataset_split": "test"}
    for route in ROUTES:
        implied = admin.get(churn.path(route))
        assert implied.json() == admin.get(churn.path(route), params=named).json()


def test_classification_report(admin, churn):
    """Document 002: the report has the documented keys, types and exact numbers."""
    response = admin.get(churn.path("classification-report"))
    body = response.json()
    assert response.status_code == 200
    assert [key for key in body if key in REPORT] == REPORT
    assert list(body["per_class"]) == body["labels"]
    churned = body["per_class"]["churned"]
    assert list(churned)[:4] == ["precision", "recall", "f1_score", "support"]
    assert churned["precision"] == float(Fraction(4232, 4610))
    assert (churned["support"], body["per_class"]["not_churned"]["support"]) == (4500, 9500)
    assert type(churned["support"]) is int
    overall = body["overall"]
    assert list(overall) == ["accuracy", "precision", "recall", "f1_score", "average"]
    assert overall["average"] == "weighted"
    assert overall["accuracy"] == float(Fraction(13354, 14000))


@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
def test_averages_of_the_report(admin, churn, average):
    """Document 002: `average` chooses the strategy of `overall`, computed from the classes."""
    body = admin.get(churn.path("classification-report"), params={"average": average}).json()
    overall, classes = body["overall"], body["per_class"].values()
    assert overall["average"] == average
    weights = {
        "micro": None,
        "macro": [1] * len(classes),
        "weighted": [scores["support"] for scores in classes],
    }[average]
    for name in ("precision", "recall", "f1_score"):
        expected = (
            overall["accuracy"]
            if weights is None
            else sum(w * scores[name] for w, scores in zip(weights, classes, strict=True))
            / sum(weights)
        )
        assert overall[name] == pytest.approx(expected, rel=1e-12)


def test_confusion_matrix(admin, churn):
    """The confusion matrix has a row a true label and a column a predicted one."""
    body = admin.get(churn.path("confusion-matrix")).json()
    assert body["labels"] == ["not_churned", "churned"]
    assert body["matrix"] == [[9122, 378], [268, 4232]]
    assert body["binary"]["true_positive"] == 4232


def test_normalized_confusion_matrix(admin, churn):
    """With normalize=true a row of the matrix holds shares, and the binary counts stay counts."""
    body = admin.get(churn.path("confusion-matrix"), params={"normalize": "true"}).json()
    assert body["normalized"] is True
    assert body["matrix"] == [[9122 / 9500, 378 / 9500], [268 / 4500, 4232 / 4500]]
    assert body["binary"]["true_positive"] == 4232
    refused = admin.get(churn.path("confusion-matrix"), params={"normalize": "maybe"})
    assert refused.status_code == 400


@pytest.mark.parametrize("route", ROUTES)
def test_bad_split(admin, churn, route):
    """400: an invalid dataset_split is refused, naming what is allowed."""
    response = admin.get(churn.path(route), params={"dataset_split": "production"})
    body = check(response, 400, "validation_error", churn.path(route))
    assert all(word in body["message"] for word in ("production", "train", "validation", "test"))


def test_bad_average(admin, churn):
    """400: an invalid average is refused, naming what is allowed."""
    path = churn.path("classification-report")
    body = check(admin.get(path, params={"average": "mean"}), 400, "validation_error", path)
    assert all(word in body["message"] for word in ("mean", "micro", "macro", "weighted"))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("credential", [None, "Bearer", "Bearer nonsense", "Bearer a.b.c",
                                        "Basic dXNlcjpwYXNz", "ApiKey none.such"])  # fmt: skip
def test_no_valid_credential(service, churn, route, credential):
    """401: a call without a credential that holds is refused, and told which kind is wanted."""
    headers = {} if credential is None else {"authorization": credential}
    with client(service, None) as web:
        response = web.get(churn.path(route), headers=headers)
    check(response, 401, "unauthorized", churn.path(route))
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", ROUTES)
def test_missing_permission(nobody, churn, route):
    """403: a caller without model:read is refused, and told what is missing."""
    body = check(nobody.get(churn.path(route)), 403, "forbidden", churn.path(route))
    assert "model:read" in body["message"]


@pytest.mark.parametrize("permission", ["model:read", "organization:viewer"])
def test_permissions_that_suffice(admin, service, churn, permission):
    """model:read or organization:viewer is enough to read, and not enough to write."""
    with client(service, key_with(admin, permission)) as web:
        assert web.get(churn.path("summary")).status_code == 200
        refused = web.post("/api/v1/models", json={"name": "m", "task_type": "regression"})
        assert refused.status_code == 403


@pytest.mark.parametrize("route", ROUTES)
def test_unknown_model_and_version(admin, churn, route):
    """404: an unknown model or version is refused, naming it."""
    path = f"/api/v1/models/mdl-0000000000/performance/{route}"
    assert "mdl-0000000000" in check(admin.get(path), 404, "not_found", path)["message"]
    response = admin.get(churn.path(route), params={"version_id": "ver-00000"})
    assert "ver-00000" in check(response, 404, "not_found", churn.path(route))["message"]


@pytest.mark.parametrize("route", ROUTES)
def test_no_trained_version(admin, route):
    """422: a model that holds no trained version is refused."""
    path = f"/api/v1/models/{make_model(admin)}/performance/{route}"
    body = check(admin.get(path), 422, "unprocessable_entity", path)
    assert body["details"][0]["reason"] == "NO_TRAINED_VERSION"


def test_split_that_is_not_evaluated(admin, churn):
    """422: a split without a stored evaluation is refused, naming those stored."""
    response = admin.get(churn.path("summary"), params={"dataset_split": "train"})
    body = check(response, 422, "unprocessable_entity", churn.path("summary"))
    assert body["details"][0]["reason"] == "SPLIT_NOT_EVALUATED"
    assert "test" in body["message"]


@pytest.mark.parametrize("route", ["classification-report", "confusion-matrix"])
def test_report_of_a_regression(admin, regression, route):
    """422: reports are for classification models only."""
    path = regression.path(route)
    body = check(admin.get(path), 422, "unprocessable_entity", path)
    assert body["details"][0]["reason"] == "WRONG_TASK_TYPE"


def test_order_of_refusals(nobody, service):
    """401 comes before 403, and 403 before 400 and 404."""
    path = "/api/v1/models/none/performance/summary?dataset_split=bogus"
    with client(service, None) as web:
        assert web.get(path).status_code == 401
    assert nobody.get(path).status_code == 403
