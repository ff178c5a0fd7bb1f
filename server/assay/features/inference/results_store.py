"""The store of results: inputs of a job and their outputs, read in pages."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, bindparam, select

from assay.features.inference.model import InferenceInput, InputState
from assay.features.inference.store import (
    COUNT_COLUMNS,
    INPUT_COLUMNS,
    INPUTS,
    SELECT_INPUTS,
    absent_input,
)
from assay.kernel.storage.sql import Prepared, Row
from assay.kernel.storage.unit_of_work import SqlStore
from assay.records import Record

_C = COUNT_COLUMNS
_I = INPUT_COLUMNS

_OF_JOB = and_(_I.organization_id == bindparam("org"), _I.job_id == bindparam("job"))
_IS_FINISHED = _I.ended_at.is_not(None)
_INPUT = SELECT_INPUTS.where(_OF_JOB)
_PAGE = Prepared(
    _INPUT.where(_I.position > bindparam("after"), _IS_FINISHED)
    .order_by(_I.position)
    .limit(bindparam("most"))
)
_BY_NAME = Prepared(_INPUT.where(_I.name == bindparam("input_name")))
_NEVER_RAN = Prepared(
    _INPUT.where(
        _I.position > bindparam("after"),
        _I.state == InputState.FAILED.value,
        _I.engine.is_(None),
    )
    .order_by(_I.position)
    .limit(bindparam("most"))
)
_POSITIONS = Prepared(select(_I.position).where(_OF_JOB, _IS_FINISHED))
_SUMS = Prepared(
    select(_C.ran, _C.ran_ms, _C.waited_us).where(
        _C.organization_id == bindparam("org"), _C.job_id == bindparam("job")
    )
)


class Latencies(Record):
    """How long the inputs of a job waited and ran, those that finished so far together."""

    inputs: int  # that ran
    queue_ms: int
    model_ms: int


class InferenceResults(SqlStore):
    """The inputs of inference jobs as results; what has finished never changes again."""

    def page(self, organization_id: str, job_id: str, *, after: int = -1, limit: int) -> list[Row]:
        """Return rows of finished inputs after a position, in order; `read` makes them records.

        An absent job has none.
        """
        return self._db.all(_PAGE, org=organization_id, job=job_id, after=after, most=limit)

    def never_ran(
        self, organization_id: str, job_id: str, *, after: int = -1, limit: int
    ) -> list[Row]:
        """Return rows of inputs that failed because their job ended, after a position, in order."""
        return self._db.all(_NEVER_RAN, org=organization_id, job=job_id, after=after, most=limit)

    def at(self, organization_id: str, job_id: str, positions: Sequence[int]) -> list[Row]:
        """Return the rows of inputs at a page of positions, in their order; absent ones are left out."""
        found = self._db.select(
            SELECT_INPUTS.where(
                _I.organization_id == organization_id,
                _I.job_id == job_id,
                _I.position.in_(positions),
            )
        )
        by_position = {row.position: row for row in found}
        return [by_position[position] for position in positions if position in by_position]

    def named(self, organization_id: str, job_id: str, name: str) -> Row:
        """Return the row of the input of a name; NotFound if the job has none such."""
        row = self._db.one(_BY_NAME, org=organization_id, job=job_id, input_name=name)
        if row is None:
            raise absent_input(job_id, name)
        return row

    def finished_positions(self, organization_id: str, job_id: str) -> frozenset[int]:
        """Return the positions of the inputs that have finished."""
        rows = self._db.all(_POSITIONS, org=organization_id, job=job_id)
        return frozenset(row.position for row in rows)

    def latencies(self, organization_id: str, job_id: str) -> Latencies:
        """Return how long the inputs of a job waited since its submission, and ran.

        Of an absent job none ran.
        """
        row = self._db.one(_SUMS, org=organization_id, job=job_id)
        if row is None:
            return Latencies(inputs=0, queue_ms=0, model_ms=0)
        return Latencies(inputs=row.ran, queue_ms=row.waited_us // 1000, model_ms=row.ran_ms)


def read(row: Row) -> InferenceInput:
    """Return the input that a row holds."""
    return INPUTS.read(row)
