from dataclasses import replace

import pytest

from assay.metrics.spec import (
    MetricSpec,
    SpecError,
    Task,
    classification_spec,
    obvious_positive,
    regression_spec,
)
from assay.records import encode


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


def test_rules_change_with_every_field():
    """Equal specs have equal rules, labels in their order; any difference changes them."""
    spec = classification_spec(declared=("né", "ja"), positive_label="ja")
    assert spec.rules() == classification_spec(declared=("né", "ja"), positive_label="ja").rules()
    others = [
        replace(spec, positive_label=None),
        replace(spec, label_set_inferred=True),
        replace(spec, labels=("ja", "né")),
        regression_spec(),
    ]
    assert len({encode(each.rules()) for each in (spec, *others)}) == 5
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
    ):
        with pytest.raises(SpecError):
            MetricSpec(**wrong)
