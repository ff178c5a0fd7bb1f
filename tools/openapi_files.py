"""Bodies that are no JSON: the files that are sent and the streams that are answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

CSV, LINES = "text/csv", "application/x-ndjson"
_TEXTS: Mapping[str, str] = {
    CSV: "A header line with the names of the columns, then one row a line; UTF-8.",
    LINES: "One JSON object a line, in UTF-8.",
    "text/event-stream": "Server-Sent Events: id, event and data, which is one JSON object.",
    "text/html": "A page.",
}
# By RPC: what its text bodies may look like.
_EXAMPLES: Mapping[str, Mapping[str, str]] = {
    "UploadEvaluationFile": {
        CSV: "y_true,y_pred,score\nno,no,0.1\nyes,yes,0.8\n",
        LINES: '{"y_true":"no","y_pred":"no","score":0.1}\n'
        '{"y_true":"yes","y_pred":"yes","score":0.8}\n',
    },
    "ImportEntriesCsv": {CSV: "document_id,vendor.name,total\ninv-1,Acme,12.50\n"},
    "ImportEntriesJsonLines": {
        LINES: '{"document_id":"inv-1","expected_data":{"vendor":{"name":"Acme"},"total":12.50}}\n'
    },
    "ImportExtractionsCsv": {
        CSV: "document_id,vendor.name,confidence:vendor.name\ninv-1,Acme,0.97\n"
    },
    "ImportExtractionsJsonLines": {
        LINES: '{"document_id":"inv-1","data":{"total":12.50},"confidence":{"total":0.97}}\n'
    },
}


def media(rpc: str, kind: str) -> Json:
    """Return the media type object of a body of one content type; bytes that are no text are binary."""
    about = _TEXTS.get(kind)
    if about is None:
        return {"schema": {"type": "string", "format": "binary"}}
    found: Json = {"schema": {"type": "string", "description": about}}
    example = _EXAMPLES.get(rpc, {}).get(kind)
    return found if example is None else {**found, "example": example}
