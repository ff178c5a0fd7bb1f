"""Requirements of a pipeline."""

import pytest

from assay.cli.requirement import Requirement

METRICS = {"accuracy": 0.93, "f1_score": 0.5}


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("accuracy>=0.93", True),
        ("accuracy > 0.93", False),
        ("accuracy<=0.93", True),
        ("accuracy<0.93", False),
        ("accuracy==0.93", True),
        ("f1_score>=5e-1", True),
        ("f1_score>=0.51", False),
    ],
)
def test_a_requirement_compares_exactly(text, passed):
    """A requirement compares the metric with the number as both are written."""
    assert Requirement.parse(text).judge(METRICS, {}).passed is passed


def test_a_metric_without_a_value_never_meets_a_requirement():
    """An undefined or unknown metric fails whatever the comparison, and says why."""
    undefined = Requirement.parse("roc_auc<=1").judge(METRICS, {"roc_auc": "SINGLE_CLASS"})
    assert (undefined.passed, undefined.why) == (False, "undefined: SINGLE_CLASS")
    unknown = Requirement.parse("acuracy>=0").judge(METRICS, {})
    assert unknown.passed is False
    assert unknown.why == "no such metric; there are accuracy, f1_score"


@pytest.mark.parametrize(
    "text", ["accuracy", "accuracy=>0.9", ">=0.9", "accuracy>=high", "accuracy>=nan", "a b>=1"]
)
def test_what_is_no_requirement_is_refused(text):
    """A text that is no requirement is refused with the form that one has."""
    with pytest.raises(ValueError, match=r"such as 'accuracy>=0\.93'"):
        Requirement.parse(text)
