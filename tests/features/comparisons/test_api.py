"""Paired tests of two versions on the same rows, and why there are none."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import pytest

from assay.features.evaluations.store import Evaluations
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.blob_references import BlobReferences
from tests.support.damage import overwrite
from tests.support.rpc_service import Binary, Caller, binary, csv, message

FIRST, SECOND = binary(120), binary(120, seed=8)
BETTER = Binary(
    true=FIRST.true,
    pred=[t if n % 3 else p for n, (t, p) in enumerate(zip(FIRST.true, FIRST.pred, strict=True))],
    score=[
        min(1.0, round(s + 0.1, 3)) if t == "yes" else s
        for t, s in zip(FIRST.true, FIRST.score, strict=True)
    ],
)
IDS = [f"r{number}" for number in range(120)]


def two(me: Caller, a: bytes, b: bytes, **model: Any) -> dict[str, str]:
    """Measure two versions of one model; return the fields of a comparison."""
    fields = model or {"labels": ["no", "yes"], "positive_label": "yes"}
    model_id, first = me.pair(**fields)
    second = me.version(model_id).version_id
    me.measure(model_id, first, a)
    me.measure(model_id, second, b)
    return {"model_id": model_id, "version_a": first, "version_b": second}


def outcome(me: Caller, pair: dict[str, str]) -> Any:
    """Have the pair tested, wait for the job and return the tests."""
    job = me("StartComparison", **pair)
    assert job.kind == "comparison"
    me.raw("WatchJob", message("WatchJob", job_id=job.job_id))
    return me("CompareVersions", **pair).paired_tests


def with_ids(data: Binary, order: list[int]) -> bytes:
    """Return the rows in an order, with their ids."""
    columns = {"y_true": data.true, "y_pred": data.pred, "score": data.score, "row_id": IDS}
    return csv(**{name: [values[at] for at in order] for name, values in columns.items()})


def test_two_versions_are_tested_on_the_same_rows(me: Caller):
    """McNemar counts the rows that one alone has right, exactly; DeLong compares the areas."""
    pair = two(me, FIRST.csv, BETTER.csv)
    assert me("CompareVersions", **pair).paired_tests.status == "not_started"
    tests = outcome(me, pair)
    assert (tests.status, tests.rows) == ("done", 120)
    right = [np.array(one.pred) == np.array(one.true) for one in (FIRST, BETTER)]
    only_a, only_b = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    assert (tests.mcnemar.only_a, tests.mcnemar.only_b) == (only_a, only_b)
    tails = sum(comb(only_a + only_b, n) for n in range(only_a + 1)) * 2 / 2 ** (only_a + only_b)
    assert tests.mcnemar.p_value == pytest.approx(min(1.0, tails))
    compared = me("CompareVersions", **pair)
    areas = tests.roc_auc
    assert areas.area_a == pytest.approx(compared.version_a.metrics["roc_auc"], rel=1e-15)
    assert areas.area_b == pytest.approx(compared.version_b.metrics["roc_auc"], rel=1e-15)
    assert areas.low <= areas.difference <= areas.high
    assert 0 <= areas.p_value <= 1
    accuracy = next(one for one in tests.differences if one.metric == "accuracy")
    assert accuracy.value == compared.metric_deltas["accuracy"] > 0
    assert accuracy.low <= accuracy.value <= accuracy.high
    assert accuracy.method == "bootstrap"


def test_rows_are_matched_by_their_ids(me: Caller):
    """Where rows have ids their order does not matter, and the tests are the same to the bit."""
    order = np.random.default_rng(3).permutation(120).tolist()
    straight = outcome(me, two(me, with_ids(FIRST, list(range(120))), with_ids(BETTER, order)))
    mixed = outcome(me, two(me, with_ids(FIRST, order), with_ids(BETTER, order[::-1])))
    assert straight.status == "done"
    for tests in (straight, mixed):
        tests.ClearField("job_id")
    assert straight == mixed


@pytest.mark.parametrize("kind", ["truths", "number", "ids"])
def test_other_rows_are_not_tested(me: Caller, kind: str):
    """Rows that differ in truth, number or ids are told as DIFFERENT_ROWS, and nothing is tested."""
    a, b = {
        "truths": (FIRST.csv, SECOND.csv),
        "number": (FIRST.csv, binary(60).csv),
        "ids": (FIRST.csv, with_ids(FIRST, list(range(120)))),
    }[kind]
    tests = outcome(me, two(me, a, b))
    assert (tests.status, tests.reason) == ("impossible", "DIFFERENT_ROWS")
    assert not tests.HasField("mcnemar")


def test_other_definitions_are_not_tested(me: Caller):
    """Versions measured by different metric definitions are refused, and flagged in comparisons."""
    plain = csv(y_true=FIRST.true, y_pred=FIRST.pred)
    pair = two(me, FIRST.csv, plain)
    refused = me.rest().refused("StartComparison", **pair)
    assert (refused.code, refused.body["statusCode"]) == ("FAILED_PRECONDITION", 422)
    assert "different metric definitions" in refused.message
    compared = me("CompareVersions", **pair)
    assert not compared.comparable
    assert compared.paired_tests.reason == "DIFFERENT_SPECS"


def test_regressions_have_intervals_alone(me: Caller):
    """Two regressions are compared by intervals of their errors' differences."""
    true = np.linspace(0, 1, 30).round(3)
    a, b = (csv(y_true=true, y_pred=(true + error).round(3)) for error in (0.2, 0.1))
    tests = outcome(me, two(me, a, b, task_type="regression"))
    assert tests.status == "done"
    assert not tests.HasField("mcnemar")
    mae = next(one for one in tests.differences if one.metric == "mae")
    assert mae.low <= mae.value <= mae.high < 0


def test_a_repeat_is_the_same_job(me: Caller):
    """The same two evaluations are compared once; a new revision is another pair."""
    pair = two(me, FIRST.csv, BETTER.csv)
    first = me("StartComparison", **pair).job_id
    assert me("StartComparison", **pair).job_id == first
    assert outcome(me, pair).job_id == first
    me.measure(pair["model_id"], pair["version_b"], FIRST.csv)
    assert me("CompareVersions", **pair).paired_tests.status == "not_started"
    assert me("StartComparison", **pair).job_id != first


def test_a_failed_comparison_can_be_asked_for_again(me: Caller, rpc):
    """A comparison that failed is told as failed, and the next time it is asked for is another job."""
    pair = two(me, FIRST.csv, BETTER.csv)
    with rpc.backend.store.read() as uow:
        current = uow[Evaluations].current(
            me.organization, pair["model_id"], pair["version_a"], "test"
        )
        assert current is not None
        records = uow[Jobs].tasks(me.organization, current.job_id)
    blob = next(one.blob for one in records if one.rows and one.blob)
    path = rpc.backend.blobs.path(me.organization, blob)
    sound = path.read_bytes()
    overwrite(path, sound[:-1] + bytes([sound[-1] ^ 1]))
    lost = outcome(me, pair)
    assert (lost.status, lost.HasField("mcnemar")) == ("failed", False)
    again = outcome(me, pair)
    assert (again.status, again.job_id != lost.job_id) == ("failed", True)
    path.write_bytes(sound)
    found = outcome(me, pair)
    assert (found.status, found.mcnemar.only_a) == ("done", 0)
    assert found.job_id not in {lost.job_id, again.job_id}
    assert me("StartComparison", **pair).job_id == found.job_id


def test_what_is_not_tested_says_why(me: Caller):
    """Clustered rows have intervals of differences alone, and reasons for the tests."""
    clusters = {"cluster_id": [number // 4 for number in range(120)]}
    a, b = (
        csv(y_true=one.true, y_pred=one.pred, score=one.score, **clusters)
        for one in (FIRST, BETTER)
    )
    pair = two(me, a, b)
    tests = outcome(me, pair)
    reasons = {one.metric: one.reason for one in tests.undefined}
    assert reasons == {"mcnemar": "CLUSTERED_ROWS", "roc_auc": "CLUSTERED_ROWS"}
    assert not tests.HasField("mcnemar")
    assert {"accuracy", "f1_score", "mcc"} <= {one.metric for one in tests.differences}


def test_the_refusals_of_a_comparison(me: Caller, other: Caller, rpc):
    """Absent, foreign and other models' versions are 404, unmeasured ones 422."""
    pair = two(me, FIRST.csv, BETTER.csv)
    assert other.refused("StartComparison", **pair).told == ("NOT_FOUND", "NOT_FOUND")
    absent = pair | {"version_b": "ver-absent"}
    assert me.refused("StartComparison", **absent).code == "NOT_FOUND"
    _, elsewhere = me.ready()
    wrong = me.refused("StartComparison", **(pair | {"version_b": elsewhere}))
    assert wrong.told == ("NOT_FOUND", "NOT_FOUND")
    draft = pair | {"version_a": me.version(pair["model_id"]).version_id}
    assert me.refused("StartComparison", **draft).reason == "SPLIT_NOT_EVALUATED"
    assert me("CompareVersions", **draft).paired_tests.reason == "SPLIT_NOT_EVALUATED"
    reader = rpc.organization(me.organization, ("model:read",))
    assert reader.refused("StartComparison", **pair).code == "PERMISSION_DENIED"
    assert reader("CompareVersions", **pair).paired_tests.status == "not_started"


def test_a_comparison_that_ended_keeps_no_rows(me: Caller, rpc):
    """Once two versions were compared, deleting them lets their rows go."""
    pair = two(me, FIRST.csv, BETTER.csv)
    outcome(me, pair)
    for version_id in (pair["version_a"], pair["version_b"]):
        me("DeleteVersion", model_id=pair["model_id"], version_id=version_id, cascade=True)
    with rpc.backend.store.read() as uow:
        kept = [one for one in uow[BlobReferences].every() if one[0] == me.organization]
    assert kept == []
