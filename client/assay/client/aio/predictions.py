"""Predictions of files by versions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

from assay.client.aio.concurrency import off_loop
from assay.client.aio.sending import FileSender, bodies
from assay.client.files import TABLES, TEXTS, open_file


class Predictions(FileSender):
    """Predictions of rows; nothing of them is stored."""

    service = "assay.v1.PredictionService"

    async def rows(
        self, model_id: str, path: str | Path, *, version_id: str = "", scores: bool = False
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the prediction of each row of a file, in its order.

        Args:
            model_id: the model.
            path: a file of rows as a dataset has them, with or without what is learned.
            version_id: the version's id or label, or N.0.0; "" is the promoted one.
            scores: of a classification: tells the probability of every class.

        Raises:
            BadInput: the file cannot be read.
            ServiceError: refused; the message names the row that is wrong.

        Example:
            >>> for row in client.predictions.rows("languages", "new.jsonl"):
            ...     print(row["row_id"], row["y_pred"], row["confidence"])
        """
        rest = b""
        async for part in self.file(model_id, path, version_id=version_id, scores=scores):
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                yield json.loads(line)

    async def file(
        self,
        model_id: str,
        path: str | Path,
        *,
        version_id: str = "",
        form: str = "jsonl",
        scores: bool = False,
    ) -> AsyncIterator[bytes]:
        """Yield the bytes of a file of predictions, jsonl or csv, as they come.

        Args:
            model_id: the model.
            path: a file of rows as a dataset has them, with or without what is learned.
            version_id: the version's id or label, or N.0.0; "" is the promoted one.
            form: jsonl or csv.
            scores: of a classification: tells the probability of every class.

        Raises:
            BadInput: the file cannot be read.
            ServiceError: refused; the message names the row that is wrong.
        """
        rpc = self._rpc("PredictFile")
        kind, source = await off_loop(lambda: open_file(Path(path), {**TEXTS, **TABLES}))
        asked = {"model_id": model_id, "version_id": version_id, "format": form, "scores": scores}
        with source as file:
            requests = (
                rpc.request({**asked, "file": body}, self._transport.new_request_id)
                async for body in bodies(file, kind)
            )
            call = self._transport.stream(rpc, requests)
            try:
                async for part in call:
                    yield part.data
            except grpc.RpcError as error:
                raise self._transport.failure(error) from error
            finally:
                call.cancel()
