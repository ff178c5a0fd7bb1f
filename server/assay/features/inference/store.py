"""The store of inference jobs and their inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import and_, bindparam, func, null, select, update

from assay.features.inference.model import (
    FinishedInput,
    InferenceInput,
    InferenceJob,
    InputState,
    Item,
    NewInferenceJob,
    NewInput,
    check_count,
    check_name,
    check_size,
)
from assay.features.inference.tables import (
    inference_counts,
    inference_inputs,
    inference_jobs,
)
from assay.features.models.store import ModelDeletion
from assay.features.models.versions_store import VersionDeletion
from assay.kernel.errors import InvalidArgument, NotFound, ResourceInUse, clip
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.blob_references import BlobReferences
from assay.kernel.storage.mapping import RowMapper, bound, stored, values_of
from assay.kernel.storage.sql import Prepared, micros
from assay.kernel.storage.tables import jobs
from assay.kernel.storage.unit_of_work import SqlStore, UnitOfWork
from assay.records import decode, encode_text

JOB_COLUMNS = _T = inference_jobs.c
COUNT_COLUMNS = _C = inference_counts.c
INPUT_COLUMNS = _I = inference_inputs.c
_J = jobs.c

_WITH_COUNTS = inference_jobs.join(
    inference_counts, and_(_C.organization_id == _T.organization_id, _C.job_id == _T.job_id)
)
WITH_JOB = _WITH_COUNTS.join(
    jobs, and_(_J.organization_id == _T.organization_id, _J.job_id == _T.job_id)
)
JOBS = RowMapper(InferenceJob, inference_jobs)
SELECT = select(
    *JOBS.columns,
    _C.total,
    _C.input_bytes,
    _C.completed,
    _C.failed,
    _C.counted_at,
    _J.state,
    _J.cancel_requested,
    _J.error,
    _J.started_at,
    _J.updated_at,
    _J.ended_at,
).select_from(WITH_JOB)
_ORG = _T.organization_id == bindparam("org")
_THE_JOB = and_(_ORG, _T.job_id == bindparam("job"))
_GET = Prepared(SELECT.where(_THE_JOB))
_INSERT = Prepared(inference_jobs.insert())
_INSERT_COUNTS = Prepared(inference_counts.insert())
_SUBMIT = Prepared(update(inference_jobs).where(_THE_JOB).values(bound("names", "submitted_at")))
_COUNTS = and_(_C.organization_id == bindparam("org"), _C.job_id == bindparam("job"))
_GROW = Prepared(
    update(inference_counts)
    .where(_COUNTS)
    .values(
        total=_C.total + bindparam("inputs"), input_bytes=_C.input_bytes + bindparam("more_bytes")
    )
)
_COUNT = Prepared(
    update(inference_counts)
    .where(_COUNTS)
    .values(
        completed=_C.completed + bindparam("succeeded"),
        failed=_C.failed + bindparam("in_vain"),
        counted_at=bindparam("at"),
    )
)
_SUBMITTED = select(func.coalesce(_T.submitted_at, _T.created_at)).where(_THE_JOB)
_COUNT_RAN = Prepared(
    update(inference_counts)
    .where(_COUNTS)
    .values(
        ran=_C.ran + bindparam("inputs"),
        ran_ms=_C.ran_ms + bindparam("elapsed"),
        # By the first start of all, as a sum of times would be beyond what 64 bits hold.
        waited_us=_C.waited_us
        + bindparam("beyond")
        + bindparam("inputs") * (bindparam("first") - _SUBMITTED.scalar_subquery()),
    )
)
_OF_JOB = and_(_I.organization_id == bindparam("org"), _I.job_id == bindparam("job"))
_ADD = Prepared(inference_inputs.insert())
_START = Prepared(
    update(inference_inputs)
    .where(
        _OF_JOB,
        _I.position.between(bindparam("first"), bindparam("last")),
        _I.state == InputState.FETCHING_DATA.value,
    )
    .values(bound("state", "started_at", "updated_at"))
)
_FINISHED_COLUMNS = (
    *("state", "engine", "started_at", "ended_at", "elapsed_ms", "error", "outputs"),
)
_FINISH = Prepared(
    update(inference_inputs)
    .where(_OF_JOB, _I.position == bindparam("place"))
    .values(bound("updated_at", *_FINISHED_COLUMNS))
)
_FAIL_REST = Prepared(
    update(inference_inputs)
    .where(_OF_JOB, _I.ended_at.is_(None))
    .values(
        {
            **bound("state", "updated_at", "ended_at", "error"),
            "contents": null(),  # of a job that ended open
            # Of those that ran; of the others, which have no start, it is null too.
            "elapsed_ms": (bindparam("ended_at", type_=_I.started_at.type) - _I.started_at) // 1000,
        }
    )
)
_ITEMS = Prepared(select(_I.name, _I.contents).where(_OF_JOB).order_by(_I.position))
_ITEMS_OF = Prepared(
    select(_I.position, _I.contents).where(_OF_JOB, _I.name == bindparam("input_name"))
)
_SET_ITEMS = Prepared(
    update(inference_inputs)
    .where(_OF_JOB, _I.position == bindparam("place"))
    .values(bound("contents", "size", "updated_at"))
)
_SET_SIZE = Prepared(
    update(inference_inputs).where(_OF_JOB, _I.position == bindparam("place")).values(bound("size"))
)
_FORGET_ITEMS = Prepared(update(inference_inputs).where(_OF_JOB).values(contents=null()))
INPUTS = RowMapper(InferenceInput, inference_inputs)
SELECT_INPUTS = select(*INPUTS.columns)
_ONE_INPUT = Prepared(SELECT_INPUTS.where(_OF_JOB, _I.name == bindparam("input_name")))
_RUNNING = (
    select(_T.job_id)
    .select_from(WITH_JOB)
    .where(_ORG, _T.model_id == bindparam("of_model"), _J.ended_at.is_(None))
    .order_by(_T.job_id)
    .limit(1)
)
_RUNNING_OF_MODEL = Prepared(_RUNNING)
_RUNNING_OF_VERSION = Prepared(_RUNNING.where(_T.version_id == bindparam("version")))


class InferenceJobs(SqlStore):
    """Inference jobs and their inputs."""

    noun = "inference job"

    def create(
        self,
        organization_id: str,
        job_id: str,
        new: NewInferenceJob,
        inputs: Sequence[NewInput],
    ) -> InferenceJob:
        """Store what a QUEUED job of the ledger runs on; NotFound if that is absent.

        The inputs have been checked.
        """
        self._insert(organization_id, job_id, new, inputs, submitted=True)
        rows = [self._row(organization_id, job_id, place, one) for place, one in enumerate(inputs)]
        self._db.run_many(_ADD, rows)
        return self.get(organization_id, job_id)

    def open(self, organization_id: str, job_id: str, new: NewInferenceJob) -> InferenceJob:
        """Store an OPEN job of the ledger, whose inputs come later; NotFound if that is absent."""
        self._insert(organization_id, job_id, new, (), submitted=False)
        return self.get(organization_id, job_id)

    def add_input(self, organization_id: str, job_id: str, new: NewInput) -> None:
        """Store one input of an OPEN job, in place of a former one of its name.

        What its items name is to be kept by the caller. A wrong name raises InvalidArgument, one
        input too many or too large TooLarge; NotFound if the job is absent.
        """
        check_name("input", new.name)
        check_size(new.name, new.size)
        job = self.get(organization_id, job_id)
        known = {"org": organization_id, "job": job_id}
        there = self._db.one(_ITEMS_OF, **known, input_name=new.name)
        if there is None:
            check_count("input", job.total + 1)
            row = self._row(organization_id, job_id, job.total, new, items=new.items)
            self._db.run_many(_ADD, [row])
            self._db.run(_GROW, **known, inputs=1, more_bytes=new.size)
            return
        size = sum(item.size for item in decode(tuple[Item, ...], there.contents or "[]"))
        self._db.run(
            _SET_ITEMS,
            **known,
            place=there.position,
            contents=encode_text(list(new.items)),
            size=new.size,
            updated_at=self._db.now(),
        )
        self._db.run(_GROW, **known, inputs=0, more_bytes=new.size - size)

    def add_inputs(
        self, organization_id: str, job_id: str, inputs: Sequence[NewInput]
    ) -> InferenceJob:
        """Store more inputs of an OPEN job, and return it.

        What their items name is to be kept by the caller. Raises InvalidArgument for a name that is
        taken, TooLarge for too many inputs or too large a one.
        """
        job = self.get(organization_id, job_id)
        check_count("input", job.total + len(inputs))
        names = [one.name for one in inputs]
        same = select(_I.name).where(
            _I.organization_id == organization_id, _I.job_id == job_id, _I.name.in_(names)
        )
        taken = {row.name for row in self._db.select(same)}
        for one in inputs:
            check_size(one.name, one.size)
            if one.name in taken:
                raise InvalidArgument.of("input", f"two inputs are called '{clip(one.name)}'")
            taken.add(one.name)
        rows = [
            self._row(organization_id, job_id, place, one, items=one.items)
            for place, one in enumerate(inputs, start=job.total)
        ]
        self._db.run_many(_ADD, rows)
        size = sum(one.size for one in inputs)
        self._db.run(_GROW, org=organization_id, job=job_id, inputs=len(rows), more_bytes=size)
        return self.get(organization_id, job_id)

    def opened_input(self, organization_id: str, job_id: str, name: str) -> NewInput | None:
        """Return an input of an OPEN job as it now is; None: the job has none of the name."""
        row = self._db.one(_ITEMS_OF, org=organization_id, job=job_id, input_name=name)
        if row is None:
            return None
        return NewInput(name=name, items=decode(tuple[Item, ...], row.contents or "[]"))

    def opened_inputs(self, organization_id: str, job_id: str) -> list[NewInput]:
        """Return all inputs of an OPEN job, in the order in which they came."""
        rows = self._db.all(_ITEMS, org=organization_id, job=job_id)
        return [
            NewInput(name=row.name, items=decode(tuple[Item, ...], row.contents or "[]"))
            for row in rows
        ]

    def close(self, organization_id: str, job_id: str) -> InferenceJob:
        """Store that an OPEN job was submitted with the inputs that it has; NotFound if it is absent."""
        known = {"org": organization_id, "job": job_id}
        names = [row.name for row in self._db.all(_ITEMS, **known)]
        self._db.run(_SUBMIT, **known, names=encode_text(names), submitted_at=self._db.now())
        self._db.run(_FORGET_ITEMS, **known)
        return self.get(organization_id, job_id)

    def get(self, organization_id: str, job_id: str) -> InferenceJob:
        """Return a job, or NotFound."""
        row = self._db.one(_GET, org=organization_id, job=job_id)
        if row is None:
            raise NotFound.of(self.noun, job_id)
        return JOBS.read(row)

    def inputs(
        self,
        organization_id: str,
        job_id: str,
        *,
        after: int = -1,
        limit: int,
        names: Iterable[str] | None = None,
        finished_only: bool = False,
    ) -> list[InferenceInput]:
        """Return inputs of a job after a position, in order: of these names, finished ones alone.

        An absent job has none.
        """
        statement = SELECT_INPUTS.where(
            _I.organization_id == organization_id, _I.job_id == job_id, _I.position > after
        )
        if names is not None:
            statement = statement.where(_I.name.in_(list(names)))
        if finished_only:
            statement = statement.where(_I.ended_at.is_not(None))
        rows = self._db.select(statement.order_by(_I.position).limit(limit))
        return [INPUTS.read(row) for row in rows]

    def input(self, organization_id: str, job_id: str, name: str) -> InferenceInput:
        """Return the input of a name; NotFound names the job where that is absent, else the input."""
        row = self._db.one(_ONE_INPUT, org=organization_id, job=job_id, input_name=name)
        if row is None:
            self.get(organization_id, job_id)
            raise absent_input(job_id, name)
        return INPUTS.read(row)

    def start_inputs(
        self, organization_id: str, job_id: str, spans: Iterable[tuple[int, int]]
    ) -> None:
        """Make the inputs from a first to a last position PROCESSING; those that were stay as they are."""
        now = self._db.now()
        rows = [
            {
                "org": organization_id,
                "job": job_id,
                "first": first,
                "last": last,
                "state": InputState.PROCESSING.value,
                "started_at": now,
                "updated_at": now,
            }
            for first, last in spans
        ]
        self._db.run_many(_START, rows)

    def set_sizes(self, organization_id: str, job_id: str, sizes: Mapping[int, int]) -> None:
        """Store how many bytes inputs have, by position, that were not known when they came."""
        if not sizes:
            return
        known = {"org": organization_id, "job": job_id}
        rows = [{**known, "place": place, "size": size} for place, size in sizes.items()]
        self._db.run_many(_SET_SIZE, rows)
        self._db.run(_GROW, **known, inputs=0, more_bytes=sum(sizes.values()))

    def finish_inputs(
        self, organization_id: str, job_id: str, finished: Sequence[FinishedInput]
    ) -> None:
        """Store what became of inputs, count them, and keep the blobs of their outputs."""
        if not finished:
            return
        known = {"org": organization_id, "job": job_id}
        now = self._db.now()
        rows = [
            {
                **known,
                "place": one.position,
                "updated_at": micros(one.ended_at),
                **{name: stored(getattr(one, name)) for name in _FINISHED_COLUMNS},
            }
            for one in finished
        ]
        self._db.run_many(_FINISH, rows)
        succeeded = sum(one.state is InputState.SUCCESSFUL for one in finished)
        self._db.run(
            _COUNT, **known, succeeded=succeeded, in_vain=len(finished) - succeeded, at=now
        )
        starts = [micros(one.started_at) for one in finished]
        self._db.run(
            _COUNT_RAN,
            **known,
            inputs=len(finished),
            elapsed=sum(one.elapsed_ms for one in finished),
            first=min(starts),
            beyond=sum(start - min(starts) for start in starts),
        )
        kept = [output.blob for one in finished for output in one.outputs if output.blob]
        self._db[BlobReferences].add(organization_id, outputs_owner(job_id), kept)

    def fail_unfinished(self, organization_id: str, job_id: str, error: str) -> None:
        """Make every input FAILED that has not finished, because its job ended."""
        known = {"org": organization_id, "job": job_id}
        now = self._db.now()
        failed = self._db.run(
            _FAIL_REST,
            **known,
            state=InputState.FAILED.value,
            updated_at=now,
            ended_at=now,
            error=error,
        )
        if failed:
            self._db.run(_COUNT, **known, succeeded=0, in_vain=failed, at=now)

    def _insert(
        self,
        organization_id: str,
        job_id: str,
        new: NewInferenceJob,
        inputs: Sequence[NewInput],
        *,
        submitted: bool,
    ) -> None:
        self._db[Jobs].get(organization_id, job_id)
        now = self._db.now()
        values = values_of(
            inference_jobs,
            new,
            organization_id=organization_id,
            job_id=job_id,
            names=[one.name for one in inputs],
            created_at=now,
            submitted_at=now if submitted else None,
        )
        self._db.run(_INSERT, **values)
        self._db.run(
            _INSERT_COUNTS,
            organization_id=organization_id,
            job_id=job_id,
            total=len(inputs),
            input_bytes=sum(one.size for one in inputs),
            counted_at=now,
            **dict.fromkeys(("completed", "failed", "ran", "ran_ms", "waited_us"), 0),
        )

    def _row(
        self,
        organization_id: str,
        job_id: str,
        position: int,
        new: NewInput,
        items: tuple[Item, ...] | None = None,
    ) -> dict[str, object]:
        return {
            **dict.fromkeys(inference_inputs.c.keys()),
            "organization_id": organization_id,
            "job_id": job_id,
            "position": position,
            "name": new.name,
            "state": InputState.FETCHING_DATA.value,
            "size": new.size,
            "contents": None if items is None else encode_text(list(items)),
            "updated_at": self._db.now(),
            "outputs": "[]",
        }


class InferenceOfModels(ModelDeletion):
    """Keeps a model while one of its inference jobs has not ended."""

    def check(self, uow: UnitOfWork, organization_id: str, model_id: str) -> None:
        """Raise ResourceInUse, which names such a job."""
        found = uow.one(_RUNNING_OF_MODEL, org=organization_id, of_model=model_id)
        if found is not None:
            raise _in_use(f"The model '{model_id}'", found.job_id, model_id=model_id)


class InferenceOfVersions(VersionDeletion):
    """Keeps a version while one of its inference jobs has not ended."""

    def check(
        self,
        uow: UnitOfWork,
        organization_id: str,
        model_id: str,
        version_id: str,
        *,
        cascade: bool,  # a job that runs is in the way of that too
    ) -> None:
        """Raise ResourceInUse, which names such a job."""
        found = uow.one(
            _RUNNING_OF_VERSION, org=organization_id, of_model=model_id, version=version_id
        )
        if found is not None:
            raise _in_use(f"The version '{version_id}'", found.job_id, version_id=version_id)


def absent_input(job_id: str, name: str) -> NotFound:
    """Return the error for a name that no input of a job has."""
    return NotFound(
        f"The job '{clip(job_id)}' has no input '{clip(name)}'.",
        metadata={"resource_type": "input", "resource_id": name, "job_id": job_id},
    )


def outputs_owner(job_id: str) -> str:
    """Return the owner of blobs that the outputs of a job are."""
    return f"inference/{job_id}"


def _in_use(what: str, job_id: str, **metadata: object) -> ResourceInUse:
    return ResourceInUse(
        f"{what} cannot be deleted while its inference job '{job_id}' has not ended. Wait for it, "
        "or cancel it.",
        metadata={**metadata, "job_id": job_id},
    )
