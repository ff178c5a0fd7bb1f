"""Results of inference jobs on the wire."""

from __future__ import annotations

from assay.features.inference.model import InferenceInput
from assay.kernel.rpc import values
from assay.kernel.rpc.messages import message_of
from assay.v1 import inference_result_pb2


def inference_result(found: InferenceInput) -> inference_result_pb2.InferenceResult:
    """Return an input and what became of it as a message."""
    return message_of(
        inference_result_pb2.InferenceResult,
        found,
        times=values.instant,
        input_name=found.name,
        status=found.state.value,
        outputs=[
            inference_result_pb2.InferenceOutput(
                name=one.name,
                media_type=one.media_type,
                size=one.size,
                data=None if one.inline is None else one.inline.encode(),
            )
            for one in found.outputs
        ],
    )
