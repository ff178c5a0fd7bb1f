"""The store of votes on results."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, case, delete, func, select

from assay.features.inference.model import Vote
from assay.features.inference.tables import inference_votes
from assay.kernel.storage.sql import Prepared, Row, insert_or_replace
from assay.kernel.storage.unit_of_work import SqlStore

_V = inference_votes.c
_OF_VOTES = and_(_V.organization_id == bindparam("org"), _V.job_id == bindparam("job"))
_MINE = and_(_OF_VOTES, _V.position == bindparam("place"), _V.subject == bindparam("voter"))
_PUT_VOTE = insert_or_replace(inference_votes)
_TAKE_BACK = Prepared(delete(inference_votes).where(_MINE))
_VOTE = Prepared(select(_V.is_up).where(_MINE))
_COUNTED = select(
    _V.position,
    func.count().label("votes"),
    func.sum(case((_V.is_up, 1), else_=0)).label("up"),
).group_by(_V.position)
_VOTES = Prepared(_COUNTED.where(_OF_VOTES))
_VOTES_ON = Prepared(_COUNTED.where(_OF_VOTES, _V.position == bindparam("place")))


class InferenceVotes(SqlStore):
    """Votes of callers on results."""

    def put(
        self, organization_id: str, job_id: str, position: int, subject: str, vote: Vote
    ) -> None:
        """Store a caller's vote on an input in place of a former one; NO_VOTES takes it back."""
        known = {"organization_id": organization_id, "job_id": job_id, "position": position}
        if vote is Vote.NO_VOTES:
            mine = {"org": organization_id, "job": job_id, "place": position}
            self._db.run(_TAKE_BACK, **mine, voter=subject)
        else:
            self._db.run(_PUT_VOTE, **known, subject=subject, is_up=vote is Vote.UP)

    def find(self, organization_id: str, job_id: str, position: int, subject: str) -> Vote:
        """Return a caller's vote on an input."""
        mine = {"org": organization_id, "job": job_id, "place": position}
        row = self._db.one(_VOTE, **mine, voter=subject)
        if row is None:
            return Vote.NO_VOTES
        return Vote.UP if row.is_up else Vote.DOWN

    def counts(self, organization_id: str, job_id: str) -> dict[int, tuple[int, int]]:
        """Return the votes for and against the inputs that have any, by position."""
        rows = self._db.all(_VOTES, org=organization_id, job=job_id)
        return {row.position: _for_and_against(row) for row in rows}

    def count(self, organization_id: str, job_id: str, position: int) -> tuple[int, int]:
        """Return the votes for and against one input."""
        row = self._db.one(_VOTES_ON, org=organization_id, job=job_id, place=position)
        return (0, 0) if row is None else _for_and_against(row)


def _for_and_against(row: Row) -> tuple[int, int]:
    return int(row.up), row.votes - int(row.up)
