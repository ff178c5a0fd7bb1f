"""Run in Evidently's environment: print the seconds of its classification preset as JSON."""

from __future__ import annotations

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, MulticlassClassification, Report
from evidently.presets import ClassificationPreset


def main() -> None:
    """Report on string labels, once after a small warm-up: it takes long."""
    warnings.simplefilter("ignore")
    data = np.load(sys.argv[1])
    names = np.array([f"class-{code}" for code in range(10)])
    frame = pd.DataFrame({"target": names[data["true"]], "prediction": names[data["pred"]]})
    definition = DataDefinition(
        classification=[MulticlassClassification(target="target", prediction_labels="prediction")]
    )

    def report(rows: pd.DataFrame) -> None:
        dataset = Dataset.from_pandas(rows, data_definition=definition)
        Report([ClassificationPreset()]).run(dataset, None).dict()

    report(frame[:1000])
    start = time.perf_counter()
    report(frame)
    print(json.dumps({"preset": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
