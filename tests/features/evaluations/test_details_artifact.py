"""The details of an evaluation: one canonical document that reads back as it was."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.features.evaluations.details_artifact import (
    AreaDetails,
    EvaluationDetails,
    KeptMistakes,
    MistakeCell,
    SliceDetails,
    read_section,
)
from assay.features.evaluations.model import EvaluationResult
from assay.kernel.storage.indexed_json import SectionIndex, write_sections
from assay.metrics.curves import Curve, CurvePoint
from assay.metrics.intervals import Interval
from assay.metrics.order_statistics import ResidualSummary
from assay.metrics.reliability import (
    BrierDecomposition,
    Calibration,
    ReliabilityBin,
    ReliabilityTable,
)
from assay.records import decode, encode
from tests.features.evaluations.test_model import RESULT
from tests.support.evaluation_in_process import read_details

TABLE = ReliabilityTable(
    bins=(
        ReliabilityBin(low=0.0, high=0.5, count=2, mean_confidence=0.3, accuracy=0.5, gap=-0.2),
        ReliabilityBin(low=0.5, high=1.0, count=0, mean_confidence=None, accuracy=None, gap=None),
    ),
    ece=0.2,
    mce=0.2,
    ece_signed=-0.2,
    brier=BrierDecomposition(reliability=0.1, resolution=0.2, uncertainty=0.25, within_bin=0.0),
)
CURVE = Curve(
    points=tuple(
        CurvePoint(threshold=threshold, true_positives=hits, false_positives=wrong)
        for threshold, hits, wrong in ((None, 0, 0), (0.75, 1, 0), (0.25, 2, 1))
    ),
    positives=2,
    negatives=1,
    best_f1=CurvePoint(threshold=0.25, true_positives=2, false_positives=1),
)
DETAILS = EvaluationDetails(
    calibration=Calibration(target="positive", headline=TABLE, per_class={"b": TABLE}),
    curves={"b": CURVE},
    roc_auc=AreaDetails(per_class={"b": 1 / 3}, undefined={"a": "NO_POSITIVES"}, defined_classes=1),
    average_precision=AreaDetails(per_class={"b": 0.1}, undefined={}, defined_classes=1, macro=0.1),
    residuals=ResidualSummary(
        quantiles={"0.5": 0.25}, minimum=-1.0, maximum=2.0, edges=(-1.0, 0.5, 2.0), counts=(1, 3)
    ),
    slices={
        "country": (
            SliceDetails(value=None, rows=1, metrics={"accuracy": 1.0}, undefined={}),
            SliceDetails(value="LV", rows=2, weight=1.5, metrics={}, undefined={"mcc": "EMPTY"}),
        )
    },
    mistakes=(
        MistakeCell(
            true_label="a",
            predicted_label="b",
            total=7,
            kept=KeptMistakes(rows=(3,), row_ids=("r3",), confidence=(0.9,), features=('{"x":1}',)),
        ),
    ),
    intervals={"accuracy": Interval(low=0.1, high=0.9, level=0.95, method="wilson")},
)


def test_details_read_back_as_they_were():
    """Details, full or empty, read back equal, and equal details are equal bytes."""
    for details in (DETAILS, EvaluationDetails()):
        data = details.write()
        again = read_details(data)
        assert again == details
        assert again.write() == data


def test_a_section_is_read_alone():
    """A reader finds one section by the index, without decoding what lies around it."""
    file = io.BytesIO(DETAILS.write())
    index = SectionIndex.of(file)
    assert list(index.named("curve:")) == ["b"]
    assert read_section(index, file, "curve:b") == CURVE
    (head,) = read_section(index, file, "mistakes")
    assert (head.total, head.best, head.first_row) == (7, 0.9, 3)
    with pytest.raises(KeyError):
        read_section(index, file, "curve:a")


@given(st.dictionaries(st.text(max_size=20), st.lists(st.integers() | st.text(max_size=9))))
def test_sections_read_back_whatever_they_are_called(sections: dict[str, Any]):
    """Sections of any names and values read back as they were, and equal ones are equal bytes."""
    data = write_sections(sections)
    assert data == write_sections(dict(reversed(sections.items())))
    file = io.BytesIO(data)
    index = SectionIndex.of(file)
    assert {name: index.read(file, name, object) for name in index.places} == sections


def test_results_of_before_the_details_are_read():
    """A result that was stored before details existed reads back with none."""
    values = json.loads(encode(RESULT))
    del values["details"]
    assert decode(EvaluationResult, json.dumps(values)).details is None
