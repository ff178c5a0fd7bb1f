"""Run in MLflow's environment: print the seconds of `mlflow.models.evaluate` as JSON."""

from __future__ import annotations

import json
import logging
import statistics
import sys
import tempfile
import time
import warnings

import mlflow
import numpy as np
import pandas as pd

RUNS = 3


def main() -> None:
    """Evaluate labels, as MLflow takes them, with tracking in SQLite."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    data = np.load(sys.argv[1])
    frame = pd.DataFrame(
        {"y_true": data["true"].astype(np.int64), "y_pred": data["pred"].astype(np.int64)}
    )
    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.create_experiment("bench", artifact_location=f"file://{folder}/artifacts")
        mlflow.set_experiment("bench")
        times = []
        for _ in range(RUNS + 1):
            start = time.perf_counter()
            with mlflow.start_run():
                mlflow.models.evaluate(
                    data=frame,
                    targets="y_true",
                    predictions="y_pred",
                    model_type="classifier",
                    evaluator_config={"log_explainer": False},
                )
            times.append(time.perf_counter() - start)
    print(json.dumps({"evaluate": statistics.median(times[1:])}))


if __name__ == "__main__":
    main()
