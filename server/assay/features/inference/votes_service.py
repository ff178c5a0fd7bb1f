"""Votes on results: one of each caller on each input that succeeded."""

from __future__ import annotations

from assay.features.inference.model import InputState, Vote
from assay.features.inference.store import InferenceJobs
from assay.features.inference.votes_store import InferenceVotes
from assay.kernel.errors import FailedPrecondition, clip
from assay.kernel.storage.store import Store


class Voting:
    """The votes of an organization's callers; blocking, and safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def vote(
        self, organization_id: str, job_id: str, name: str, *, subject: str, vote: Vote
    ) -> Vote:
        """Store a caller's vote in place of the former one; NO_VOTES takes it back.

        Raises:
            NotFound: no such job or input.
            FailedPrecondition: the input has no result to vote on.
        """
        with self._store.write() as uow:
            found = uow[InferenceJobs].input(organization_id, job_id, name)
            if found.state is not InputState.SUCCESSFUL and vote is not Vote.NO_VOTES:
                raise FailedPrecondition(
                    f"The input '{clip(name)}' is {found.state.value}; one that is "
                    f"{InputState.SUCCESSFUL.value} can be voted on.",
                    metadata={"input": name, "state": found.state.value},
                )
            uow[InferenceVotes].put(organization_id, job_id, found.position, subject, vote)
        return vote

    def find(self, organization_id: str, job_id: str, name: str, *, subject: str) -> Vote:
        """Return a caller's vote on an input; raises NotFound."""
        with self._store.read() as uow:
            found = uow[InferenceJobs].input(organization_id, job_id, name)
            return uow[InferenceVotes].find(organization_id, job_id, found.position, subject)
