"""Versions of models, among them those that are files made elsewhere."""

# Made by `make generate` from aio/versions.py; never edited.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.client import calls, types
from assay.client.concurrency import off_loop, sleep
from assay.client.errors import JobFailed, PermissionDenied, Refusal
from assay.client.files import open_file
from assay.client.jobs import Jobs
from assay.client.sending import FileSender

ONNX: Mapping[str, str] = {".onnx": "application/x-onnx"}
CHECK_SECONDS = 5.0  # between looks at a version whose job the caller may not see
IN_CHECK = "training"
UNENDED = ("queued", "running")


class OnnxFiles(FileSender):
    """Files that become versions."""

    service = "assay.v1.OnnxService"

    def upload(self, values: Mapping[str, object], path: Path) -> types.Version:
        """Send a file, and return the version that it is to become."""
        content_type, source = off_loop(lambda: open_file(path, ONNX))
        return self._send_file(types.Version, "UploadOnnxVersion", values, content_type, source)


class Versions(calls.Versions):
    """Versions of a model."""

    def upload_onnx(
        self,
        model_id: str,
        path: str | Path,
        *,
        label: str = "",
        version_id: str = "",
        task_type: str = "",
        features: Sequence[str] = (),
        labels: Sequence[str] = (),
        output: str = "",
        logits: bool = False,
        image: Mapping[str, Any] | None = None,
    ) -> types.Version:
        """Make a version of an ONNX file, and return it when it was checked.

        Args:
            model_id: the model.
            path: a file whose name ends in .onnx.
            label: a human label of the version.
            version_id: an id of your choice; generated when empty.
            task_type: tabular_classification, text_classification, image_classification or
                tabular_regression; as the inputs look when empty.
            features: of tabular rows, in the order of the columns of the inputs; not needed where
                each input is a column and has the name of its feature.
            labels: the classes in the order of the scores; not needed where the file names them.
            output: the output that holds the scores, the class or the value, where several could.
            logits: whether the scores are those before a softmax.
            image: of images: layout (NCHW or NHWC), height, width, scale, mean and std, where they
                do not follow from the file.

        Raises:
            BadInput: the file cannot be read.
            JobFailed: the file was refused after a longer check; the message says why.
            ServiceError: refused; the message says why, or what must be said of the file.

        Example:
            >>> version = client.versions.upload_onnx(
            ...     "flowers", "forest.onnx", features=["length", "width"]
            ... )
        """
        values = {
            "model_id": model_id,
            "version_id": version_id,
            "label": label,
            "task_type": task_type,
            "features": list(features),
            "labels": list(labels),
            "output": output,
            "logits": logits,
            **{f"image_{name}": value for name, value in (image or {}).items()},
        }
        made = OnnxFiles(self._transport).upload(values, Path(path))
        while made.status == IN_CHECK:
            self._check_of(made.version_id)
            made = self.get(model_id, made.version_id)
        if made.failure_message:
            raise JobFailed(
                Refusal(message=made.failure_message, metadata={"version_id": made.version_id})
            )
        return made

    def _check_of(self, version_id: str) -> None:
        """Wait until the job that checks a version has ended."""
        jobs = Jobs(self._transport)
        try:
            for job in jobs.list(resource_id=version_id, status=UNENDED):
                jobs.wait(job.job_id)
        except PermissionDenied:
            sleep(self._transport.retry, CHECK_SECONDS)
