"""The Python client of Assay: `from assay.client import Client`.

`assay.client.types` holds the values that it returns, `assay.client.aio` the asynchronous client.
"""

from assay.client import types
from assay.client.benchmarking import BenchmarkComparison, BenchmarkProgress
from assay.client.client import Client
from assay.client.connection import RetryPolicy
from assay.client.errors import (
    BadInput,
    BenchmarkFailed,
    Conflict,
    EvaluationFailed,
    FailedPrecondition,
    InvalidRequest,
    JobFailed,
    NotFound,
    PermissionDenied,
    RateLimited,
    Refusal,
    ServiceError,
    ServiceFault,
    ServiceUnavailable,
    TlsFailed,
    TooLarge,
    Unauthenticated,
    Violation,
)
from assay.client.evaluating import Progress
from assay.client.tls import Tls
from assay.client.training_progress import TrainingProgress

__all__ = [
    "Client",
    "RetryPolicy",
    "Tls",
    "types",
    "BenchmarkComparison",
    "BenchmarkProgress",
    "Progress",
    "TrainingProgress",
    # errors
    "BadInput",
    "BenchmarkFailed",
    "Conflict",
    "EvaluationFailed",
    "FailedPrecondition",
    "InvalidRequest",
    "JobFailed",
    "NotFound",
    "PermissionDenied",
    "RateLimited",
    "Refusal",
    "ServiceError",
    "ServiceFault",
    "ServiceUnavailable",
    "TlsFailed",
    "TooLarge",
    "Unauthenticated",
    "Violation",
]
