from dataclasses import replace

import numpy as np
import pytest

from assay.metrics.scores import ScoreFaultKind, first_fault, renormalized
from assay.metrics.spec import (
    MetricSpec,
    SpecError,
    Task,
    classification_spec,
    obvious_positive,
    regression_spec,
)


@pytest.mark.parametrize(
    ("given", "task", "labels", "positive", "inferred"),
    [
        ({"declared": ("b", "a")}, "binary", ("b", "a"), None, False),
        ({"declared": ("b", "a"), "positive_label": "b"}, "binary", ("b", "a"), "b", False),
        ({"declared": ("1", "0"), "lone_score": True}, "binary", ("1", "0"), "1", False),
        ({"score_labels": ("z", "y", "x")}, "multiclass", ("z", "y", "x"), None, False),
        ({"observed": ("c", "a", "b")}, "multiclass", ("a", "b", "c"), None, True),
        ({"observed": ("yes", "no")}, "binary", ("no", "yes"), "yes", True),
        ({"observed": ("0",), "lone_score": True}, "binary", ("0", "1"), "1", True),
        ({"observed": ("ok",)}, "multiclass", ("ok",), None, True),
    ],
)
def test_labels_and_positive_class_are_settled_by_the_rules(
    given, task, labels, positive, inferred
):
    """Declared labels come first, then score columns, then what was observed, sorted."""
    spec = classification_spec(**given)
    assert (spec.task, spec.labels) == (task, labels)
    assert (spec.positive_label, spec.label_set_inferred) == (positive, inferred)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"observed": ("cat", "dog"), "lone_score": True}, "declare the model's positive_label"),
        ({"declared": ("a", "b", "c"), "lone_score": True, "positive_label": "a"}, "serves two"),
        ({"declared": ("a", "b", "c"), "positive_label": "a"}, "needs two labels"),
        ({"declared": ("a", "b"), "positive_label": "c"}, "not in the label set"),
        ({"declared": ("a", "a")}, "twice"),
        ({"declared": ("0",), "lone_score": True}, "not in the label set"),
    ],
)
def test_what_the_rules_do_not_settle_is_refused(given, message):
    """A lone score without a positive label, and a positive label of no pair, are refused."""
    with pytest.raises(SpecError, match=message):
        classification_spec(**given)


def test_only_obvious_pairs_have_an_obvious_positive():
    """`1`, `true` and `yes` are positive in their pairs, and nothing else is."""
    assert obvious_positive(("true", "false")) == "true"
    assert obvious_positive(("0",)) == "1"
    assert obvious_positive(("0", "1", "2")) is None
    for pair in (("False", "True"), ("FALSE", "TRUE"), ("No", "Yes"), ("NO", "YES")):
        assert obvious_positive(pair[::-1]) == obvious_positive(pair[:1]) == pair[1]
    for pair in (("no", "YES"), ("false", "True"), ("Yes", "yes"), ("n", "y"), ("-1", "1")):
        assert obvious_positive(pair) is None
    assert obvious_positive(()) is None


def test_hash_names_the_spec_and_changes_with_every_field():
    """Equal specs have equal canonical JSON and hash; any difference changes the hash."""
    spec = classification_spec(declared=("né", "ja"), positive_label="ja")
    assert spec.hash == classification_spec(declared=("né", "ja"), positive_label="ja").hash
    assert spec.hash.startswith("sha256:")
    others = [
        replace(spec, positive_label=None),
        replace(spec, label_set_inferred=True),
        replace(spec, labels=("ja", "né")),
        regression_spec(),
    ]
    assert len({spec.hash, *(other.hash for other in others)}) == 5
    assert spec.rules()["labels"] == ["né", "ja"]


def test_a_spec_says_how_scores_are_binned_ranked_and_summed_up():
    """Bins, whose calibration is the headline, ties and steps of curves are echoed with labels."""
    pair = classification_spec(declared=("0", "1")).rules()
    many = classification_spec(declared=("a", "b", "c")).rules()
    assert (pair["calibration_target"], many["calibration_target"]) == ("positive", "top_label")
    assert pair["average_precision_headline"] == "positive"
    assert many["average_precision_headline"] == "ovr_macro_defined"
    for spec in (pair, many):
        assert spec["calibration_bins"] == 15
        assert spec["calibration_edges"] == "low_open_high_closed"
        assert spec["top_k_ties"] == "first_label"
        assert spec["curve_steps"] == 499
    numbers = regression_spec().rules()
    assert "calibration_bins" not in numbers
    assert (numbers["residual_quantiles"], numbers["mape_zero_targets"]) == ("linear", "left_out")


def test_impossible_specs_do_not_exist():
    """A regression with labels, a positive class of many, and three binary labels are refused."""
    for wrong in (
        {"task": Task.REGRESSION, "labels": ("a",)},
        {"task": Task.MULTICLASS, "labels": ("a", "b"), "positive_label": "a"},
        {"task": Task.BINARY, "labels": ("a", "b", "c")},
        {"task": Task.BINARY, "labels": ("a", "b"), "log_loss_epsilon": 0.1},
    ):
        with pytest.raises(SpecError):
            MetricSpec(**wrong)


@pytest.mark.parametrize(
    ("place", "value", "kind"),
    [
        ((1, 20_000), np.nan, ScoreFaultKind.NOT_FINITE),
        ((0, 3), np.inf, ScoreFaultKind.NOT_FINITE),
        ((2, 16_384), 1.5, ScoreFaultKind.OUT_OF_RANGE),
        ((2, 16_383), -0.1, ScoreFaultKind.OUT_OF_RANGE),
    ],
)
def test_the_first_bad_score_is_named_by_row_and_column(place, value, kind):
    """A NaN, infinite or out-of-range score is reported with its row, column and value."""
    scores = np.full((4, 30_000), 0.25)
    assert first_fault(scores) is None
    scores[3, 25_000] = 7
    scores[place] = value
    fault = first_fault(scores)
    assert (fault.kind, fault.column, fault.row) == (kind, *place)
    assert repr(fault.value) == repr(value)


def test_rows_must_sum_to_one_unless_renormalised():
    """Sums are held to 1e-6, to 1e-4 in float32, and to above zero when renormalised."""
    scores = np.full((2, 10), 0.5)
    scores[:, 7] = 0.5, 0.50001
    assert first_fault(scores).kind is ScoreFaultKind.SUM_NOT_ONE
    assert first_fault(scores).row == 7
    assert first_fault(scores.astype(np.float32)) is None
    assert first_fault(scores[:1]) is None
    assert first_fault(scores, renormalize=True) is None
    assert renormalized(scores).sum(axis=0) == pytest.approx(np.ones(10))
    scores[:, 2] = 0
    assert first_fault(scores, renormalize=True).kind is ScoreFaultKind.SUM_ZERO
    scores[0, 1] = 2
    assert first_fault(scores).row == 1


def test_renormalised_rows_do_not_depend_on_their_chunk():
    """A row renormalised alone has the bits that it has among others."""
    scores = np.random.default_rng(0).random((7, 100))
    whole = renormalized(scores)
    assert all(
        np.array_equal(renormalized(scores[:, i : i + 1]), whole[:, i : i + 1]) for i in range(100)
    )
