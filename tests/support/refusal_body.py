"""The one body of every refusal over REST."""

from __future__ import annotations

import re
from datetime import datetime

ORDER = [
    "statusCode", "status", "code", "error", "message", "retryable",
    "request_id", "timestamp", "path", "details", "reportErrorUrl",
]  # fmt: skip
KEYS = set(ORDER)


def check(response, status, code, path):
    """Check the one body of every refusal, and return it."""
    body = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert set(body) == KEYS
    assert (body["statusCode"], body["code"], body["path"]) == (status, code, path)
    assert body["reportErrorUrl"] is None
    assert body["retryable"] is (status in {429, 503, 504})
    assert body["message"]
    assert body["request_id"] == response.headers["x-request-id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["timestamp"])
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None
    return body
