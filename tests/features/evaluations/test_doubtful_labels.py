"""Label sets that were inferred and that no evaluation means are refused when all rows are known."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from assay.features.evaluations.model import EvaluationSpec
from assay.features.models.model import TaskType
from assay.kernel.errors import BadPredictions
from assay.tabular.arrow import encode
from tests.support.evaluation_in_process import InProcess, result


def spec(labels: tuple[str, ...] | None = None) -> EvaluationSpec:
    return EvaluationSpec(
        task_type=TaskType.CLASSIFICATION, labels=labels, positive_label=None, renormalize=False
    )


def chunk(true: list[str], predicted: list[str]) -> bytes:
    return encode(pa.table({"y_true": true, "y_pred": predicted}))


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        ([chunk(["1", "0"], ["1", "0"]), chunk(["1.0"], ["0.0"])], "in another notation"),
        ([chunk(["1.5", "2.5", "3"], ["1.5", "2.0", "3"])], "task type regression"),
        ([chunk(["1,5", "2,5", "3"], ["1,5", "2,5", "3"])], "task type regression"),
        ([chunk([str(n) for n in range(60)], [str(n + 1) for n in range(60)])], "look measured"),
        ([chunk(["NA", "dog", "cat"], ["cat", "dog", "cat"])], "y_true has 'NA', which is never"),
        ([chunk(["cat", "dog"], ["0", "1"])], "No predicted label occurs in the truth"),
    ],
)
def test_labels_that_nobody_means_are_refused(
    tmp_path: Path, chunks: list[bytes], told: str
) -> None:
    """Two notations in two chunks, measured values, other labels than the truth's and a truth of NA are told."""
    with pytest.raises(BadPredictions, match=told):
        InProcess(tmp_path).chunks(spec(), chunks)


def test_declared_labels_are_meant(tmp_path: Path) -> None:
    """Labels that the model declares are not doubted, and a wrong prediction is just wrong."""
    numbers = [chunk(["1.5", "2.5", "3"], ["1.5", "2.5", "1.5"])]
    done = result(InProcess(tmp_path).chunks(spec(("1.5", "2.5", "3")), numbers))
    assert done.metrics["accuracy"] == pytest.approx(2 / 3)
    assert result(InProcess(tmp_path).chunks(spec(), [chunk(["cat"], ["dog"])])).rows == 1
    regions = [chunk(["NA", "EU"], ["NA", "NA"])]
    assert result(InProcess(tmp_path).chunks(spec(), regions)).labels == ("EU", "NA")
