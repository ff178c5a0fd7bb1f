"""Replies that the documents show, by RPC, with the fields that Assay adds to them.

A document's numbers are its own and need not add up to a data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OF_WHAT = {"model_id": "mdl-7f3a19bc92", "version_id": "ver-001a1", "dataset_split": "test"}
_SPEC_HASH = "5b41362bc82b7f3d56edc5a306db22105707d01ff4819e26faef9724a2d406c9"

EXAMPLES: Mapping[str, Any] = {
    "GetPerformanceSummary": {
        **_OF_WHAT,
        "task_type": "classification",
        "metrics": {
            "accuracy": 0.9341,
            "precision": 0.9185,
            "recall": 0.9240,
            "f1_score": 0.9212,
            "roc_auc": 0.9678,
            "log_loss": 0.1425,
        },
        "evaluated_at": "2026-03-13T14:22:10Z",
        "evaluation_id": "evl-0a1b2c3d4e5f",
        "rows": 14000,
        "undefined": [],
        "averaging": "positive_class",
        "positive_label": "churned",
        "label_set_inferred": False,
        "metric_spec_hash": _SPEC_HASH,
    },
    "GetClassificationReport": {
        **_OF_WHAT,
        "per_class": {
            "not_churned": {
                "precision": 0.9714,
                "recall": 0.9602,
                "f1_score": 0.9657,
                "support": 9500,
            },
            "churned": {
                "precision": 0.9189,
                "recall": 0.9405,
                "f1_score": 0.9295,
                "support": 4500,
            },
        },
        "overall": {
            "accuracy": 0.9341,
            "precision": 0.9525,
            "recall": 0.9540,
            "f1_score": 0.9532,
            "average": "weighted",
        },
        "labels": ["not_churned", "churned"],
        "undefined": [],
    },
    "ListBenchmarks": {
        "data": [
            {
                "id": "c3d4e5f6-a7b8-9012-cdef-123456789012",
                "name": "Benchmark 2024-09-25",
                "dataset_id": "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
                "user_schema_id": None,
                "status": "completed",
                "accuracy_overall": 0.93,
                "accuracy_by_field": {
                    "vendor_name": 0.98,
                    "total_amount": 0.90,
                    "invoice_number": 0.92,
                },
                "documents_processed": 50,
                "documents_total": 50,
                "duration_ms": 4200,
                "accuracy_delta": None,
                "compared_to_run_id": None,
                "created_at": "2024-09-25T12:00:00.000Z",
                "completed_at": "2024-09-25T12:00:04.200Z",
                "links": {
                    "self": "/v1/quality/benchmarks/c3d4e5f6-a7b8-9012-cdef-123456789012",
                    "results": (
                        "/v1/quality/benchmarks/c3d4e5f6-a7b8-9012-cdef-123456789012/results"
                    ),
                },
            }
        ],
        "pagination": {"total": 5, "limit": 20, "has_more": False, "next_cursor": None},
    },
    "GetModelMetrics": {
        "status": "OK",
        "state": "DONE",
        "metrics": [
            {
                "title": "Record-wise Classifier Metrics",
                "subtitle": "Performance of the Classifier model measured on the Record level. "
                "Measure how accurately model is classifing each Record to the given class",
                "headers": ["Class Type", "F1 Score", "Precision", "Recall", "Support", "ECE"],
                "rows": [
                    ["W2", "90.91%", "100.00%", "83.33%", 6.0, "0.051"],
                    ["ADP", "88.89%", "80.00%", "100.00%", 4.0, "0.125"],
                    ["macro avg", "89.90%", "90.00%", "91.67%", 10.0, "N/A"],
                    ["weighted avg", "90.10%", "92.00%", "90.00%", 10.0, "N/A"],
                ],
            },
            {
                "title": "Train-Validation Curve",
                "subtitle": "",
                "headers": ["Dataset Split", "Epoch 1", "2", "3"],
                "rows": [["Train", 0.54, 0.21, 0.15], ["Eval", 0.25, 0.31, 0.29]],
                "show": False,
            },
            {
                "title": "Confusion Matrix",
                "subtitle": "",
                "headers": ["class name", "W2", "ADP"],
                "rows": [["W2", 5, 1], ["ADP", 0, 4]],
                "show": False,
            },
        ],
        "platform_version": "23.05.0",
        "ibformers_version": "2.1.0",
        "train_count": {"W2": 10, "ADP": 14},
        "train_total": 24,
        "train_datasets": ["Paystubs"],
        "test_count": {"W2": 6, "ADP": 4},
        "test_total": 10,
        "test_datasets": ["Paystubs"],
        "hyperparams": {"batch_size": 4, "learning_rate": 5e-05, "num_train_epochs": 3},
    },
}
