"""ResultsService of the edge API."""

from __future__ import annotations

from typing import ClassVar

from assay.features.edge.results_convert import ResultWriter
from assay.features.inference.results_service import ResultReader
from assay.features.inference.results_store import read
from assay.foreign.edge import jobs_pb2, results_pb2
from assay.kernel.rpc.call import Call


class ResultsService:
    """Results of inference jobs of the caller's organization."""

    SERVICE: ClassVar[str] = "results.v1.ResultsService"

    def __init__(self, reader: ResultReader) -> None:
        self._reader = reader

    async def GetResults(self, request: jobs_pb2.JobIdentifier, call: Call) -> results_pb2.Results:
        """Return the results of a job's inputs that have finished."""

        def results() -> results_pb2.Results:
            found = self._reader.results(call.organization_id, request.identifier)
            return ResultWriter(self._reader, found).results()

        return await call.run_in_thread(results)

    async def GetResult(
        self, request: results_pb2.ResultIdentifier, call: Call
    ) -> results_pb2.Result:
        """Return the result of one input."""
        job_id = request.job_identifier.identifier

        def result() -> results_pb2.Result:
            found, row = self._reader.one(call.organization_id, job_id, request.input_identifier)
            return ResultWriter(self._reader, found).result(read(row))

        return await call.run_in_thread(result)

    async def GetResultOutput(
        self, request: results_pb2.OutputIdentifier, call: Call
    ) -> results_pb2.ResultOutput:
        """Return one output of an input."""
        of = request.result_identifier
        job_id, name = of.job_identifier.identifier, of.input_identifier

        def output() -> results_pb2.ResultOutput:
            found, _ = self._reader.one(call.organization_id, job_id, name)
            chosen = self._reader.output(
                call.organization_id, job_id, name, request.output_identifier
            )
            return ResultWriter(self._reader, found).output(chosen)

        return await call.run_in_thread(output)
