"""Inference jobs of an organization, by gRPC and read from the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.features.inference.model import InferenceInput, InferenceJob
from assay.features.inference.store import InferenceJobs
from assay.v1 import inference_job_pb2
from tests.support.rpc_service import Caller, Running
from tests.support.trained_versions import TrainedVersion
from tests.support.training_rows import texts

TEXTS = [page for row in texts()["test"].to_pylist() for page in row["pages"]]


@dataclass(frozen=True, kw_only=True)
class House:
    """An organization with a version that classifies texts."""

    rpc: Running
    caller: Caller
    version: TrainedVersion

    def model(self, version: str = "") -> dict[str, str]:
        """Return what a submission says of the model."""
        return {"identifier": self.version.model_id, "version": version or self.version.version_id}

    def submit(self, sources: Mapping[str, Mapping[str, str]], kind: str = "text", **more: Any):
        """Submit inputs and return the job."""
        return self.caller("SubmitInferenceJob", **self.asked(sources, kind=kind, **more))

    def asked(self, sources, kind="text", **more):
        """Return the fields of a submission."""
        sent = inference_job_pb2.InferenceSources(type=kind)
        for name, items in sources.items():
            sent.sources[name].update(items)
        return {"model": self.model(), "input": sent, **more}

    def ended(self, job_id: str) -> InferenceJob:
        """Return a job once it has ended."""
        self.caller("WatchJob", job_id=job_id)
        with self.rpc.backend.store.read() as uow:
            return uow[InferenceJobs].get(self.caller.organization, job_id)

    def inputs(self, job_id: str) -> dict[str, InferenceInput]:
        """Return the inputs of a job by name."""
        with self.rpc.backend.store.read() as uow:
            rows = uow[InferenceJobs].inputs(self.caller.organization, job_id, limit=20_000)
        return {row.name: row for row in rows}

    def outputs(self, job_id: str) -> dict[str, Any]:
        """Return the first output of each input that succeeded, by the input's name."""
        return {
            name: json.loads(one.outputs[0].inline)
            for name, one in self.inputs(job_id).items()
            if one.outputs
        }
