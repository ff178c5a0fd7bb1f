"""Numbers of an upload that is still going on. Runs in compute children alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assay.features.evaluations.events import LiveMetrics
from assay.features.evaluations.job_results import live_numbers
from assay.features.evaluations.job_spec import EvaluationJob
from assay.features.evaluations.partial_aggregate import PartialAggregate, merge
from assay.metrics.histogram import RankHistogram, RankWeights
from assay.records import decode as decode_record
from assay.records.arrays import decode, encode

MOST_STEPS = 8  # as many chunks as are in flight
RANKS = (RankHistogram, RankWeights)


@dataclass(frozen=True, kw_only=True)
class LiveState:
    """What follows from the partials so far."""

    merged: bytes  # one partial in place of many
    steps: tuple[LiveMetrics, ...]  # after each of the last ones


def live_state(job_spec: bytes, partials: Sequence[bytes]) -> LiveState:
    """Merge at least one partial and read the metrics that need no second pass over the rows.

    They are read after each of the last MOST_STEPS, so that chunks which are merged together
    are acknowledged with numbers of their own.

    `job_spec` is an encoded EvaluationJob. Raises BadPredictions where partials do not fit.
    """
    spec = decode_record(EvaluationJob, job_spec).spec
    ours = [_light(decode(PartialAggregate, data)) for data in partials]
    first = max(1, len(ours) - MOST_STEPS + 1)
    merged = merge(ours[:first])
    steps = [live_numbers(merged, spec)]
    for one in ours[first:]:
        merged = merge([merged, one])
        steps.append(live_numbers(merged, spec))
    return LiveState(merged=encode(merged), steps=tuple(steps))


def _light(partial: PartialAggregate) -> PartialAggregate:
    """Return a partial without its histograms of scores, which live numbers do not read."""
    return replace(partial, statistic=partial.statistic.without(RANKS))
