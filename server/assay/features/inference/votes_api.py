"""InferenceVoteService."""

from __future__ import annotations

from typing import Protocol

from assay.features.inference.model import Vote
from assay.features.inference.votes_service import Voting
from assay.kernel.rpc.call import Call
from assay.v1 import inference_vote_service_pb2 as pb


class OneInput(Protocol):
    """A request that names an input of a job."""

    @property
    def job_id(self) -> str:
        """The job."""

    @property
    def input_name(self) -> str:
        """The input."""


class InferenceVoteService:
    """Votes of the callers of an organization on results."""

    def __init__(self, voting: Voting) -> None:
        self._voting = voting

    async def UpvoteInferenceResult(
        self, request: pb.UpvoteInferenceResultRequest, call: Call
    ) -> pb.InferenceVote:
        """Vote for a result."""
        return await self._vote(request, call, Vote.UP)

    async def DownvoteInferenceResult(
        self, request: pb.DownvoteInferenceResultRequest, call: Call
    ) -> pb.InferenceVote:
        """Vote against a result."""
        return await self._vote(request, call, Vote.DOWN)

    async def ResetInferenceVote(
        self, request: pb.ResetInferenceVoteRequest, call: Call
    ) -> pb.InferenceVote:
        """Take a vote back."""
        return await self._vote(request, call, Vote.NO_VOTES)

    async def GetInferenceVote(
        self, request: pb.GetInferenceVoteRequest, call: Call
    ) -> pb.InferenceVote:
        """Return the caller's vote."""
        found = await call.run_in_thread(
            lambda: self._voting.find(
                call.organization_id,
                request.job_id,
                request.input_name,
                subject=call.caller.subject,
            )
        )
        return pb.InferenceVote(vote=found.value)

    async def _vote(self, request: OneInput, call: Call, vote: Vote) -> pb.InferenceVote:
        stored = await call.run_in_thread(
            lambda: self._voting.vote(
                call.organization_id,
                request.job_id,
                request.input_name,
                subject=call.caller.subject,
                vote=vote,
            )
        )
        return pb.InferenceVote(vote=stored.value)
