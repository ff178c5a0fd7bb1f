"""Values that the service answers with, one class a message of assay.v1."""

# Made by `make generate` from protos/assay/v1; never edited.

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from assay.client import methods
from assay.client.messages import json_values, register


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """How far a job is."""

    # Shards that are finished.
    done: int
    # Shards known so far.
    total: int
    # Rows that are durable.
    rows: int


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a job failed: the refusal that a call would have got."""

    # The reason, as in ErrorReason without its prefix.
    reason: str
    # What was wrong, what is allowed and the way out.
    message: str
    # Every dynamic part of the message.
    metadata: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job of an organization."""

    # The job's id, a UUID.
    job_id: str
    # What kind of job it is, such as evaluation.
    kind: str
    # The state as a word: open, queued, running, succeeded, failed, canceled or timed_out.
    status: str
    # The resource that the job makes, such as an evaluation's id.
    resource_id: str
    # How far the job is.
    progress: JobProgress
    # How often a runner took the job.
    attempts: int
    # Why the job failed, if it did.
    failure: Failure | None
    # When the job was submitted.
    created_at: datetime
    # When a runner first took it.
    started_at: datetime | None
    # When it ended.
    ended_at: datetime | None
    # The number of the job's newest event.
    last_sequence: int
    # When it ends as timed_out, if it has not ended by then.
    deadline: datetime | None
    # A job that is tried again later: not before then.
    next_attempt_at: datetime | None
    # How often a runner may take the job before it fails.
    max_attempts: int


@dataclass(frozen=True, kw_only=True)
class CreateWatchTokenResponse:
    """The response of CreateWatchToken."""

    # The token, for `access_token` in the URL of a watch.
    access_token: str
    # When it ends; a stream that is open then goes on.
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class UnmatchedDocuments:
    """What of an extraction run and of a ground-truth dataset has no counterpart in the other
    one; it is not compared.
    """

    # Extractions of the run of documents that the dataset does not have.
    extractions: int
    # The first of these documents, by id; at most 5.
    extraction_document_ids: tuple[str, ...]
    # Documents of the dataset whose ids differ from those by blanks or case alone.
    similar_document_ids: tuple[str, ...]
    # Entries of the dataset without an extraction: all that is expected of them is missed.
    entries: int
    # The first of these documents, by id; at most 5.
    entry_document_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A benchmark of an organization.

    Its documents are those of the moment when it was created.
    """

    # The benchmark's id, a UUID.
    benchmark_id: str
    # What people call it.
    name: str
    # The ground-truth dataset, which may be gone by now.
    dataset_id: str
    # The extraction run, which a version fills while the benchmark runs, and which may be
    # gone by now; absent where each document's newest extraction was taken.
    run_id: str | None
    # The field schema; absent where the fields were inferred from the ground truth.
    user_schema_id: str | None
    # The state as a word: queued, running, completed or failed.
    status: str
    # Why there are no results, if the benchmark failed.
    failure: Failure | None
    # Right comparisons over all comparisons of all fields, unrounded; absent until completed.
    accuracy_overall: float | None
    # The same of each field, by path; empty until completed.
    accuracy_by_field: Mapping[str, float]
    # Documents compared so far.
    documents_processed: int
    # Documents of the benchmark.
    documents_total: int
    # Whole milliseconds from creation to end; absent until it ended.
    duration_ms: int | None
    # accuracy_overall less that of compared_to_run_id; absent exactly when that is.
    accuracy_delta: float | None
    # The benchmark that was compared with: the one asked for, else the dataset's previous
    # completed one.
    compared_to_run_id: str | None
    # When it was created.
    created_at: datetime
    # When it ended, however it did.
    ended_at: datetime | None
    # The job that computes it; watch that or the benchmark.
    job_id: str
    # Documents without a counterpart, such as ids that differ by a blank; absent where there
    # are none. Of a version's extractions it is known once the benchmark is completed.
    unmatched: UnmatchedDocuments | None


@dataclass(frozen=True, kw_only=True)
class TrackMeasures(methods.TrackMeasures):
    """The outcomes of one track, and what is read off them; a measure without a value is absent
    and listed.
    """

    # A value was expected and the same was extracted.
    correct: int
    # A value was expected and another one was extracted.
    wrong_value: int
    # Nothing was expected, yet a value was extracted.
    invented: int
    # A value was expected and nothing was extracted.
    missed: int
    # Nothing was expected and nothing was extracted.
    correctly_empty: int
    # Correct and correctly empty comparisons over all; 0 to 1.
    accuracy: float | None
    # Correct comparisons over those in which a value was expected; 0 to 1.
    accuracy_present: float | None
    # Correct comparisons over those in which a value was extracted; 0 to 1.
    precision: float | None
    # Correct comparisons over those in which a value was expected; 0 to 1.
    recall: float | None
    # 2·correct / (expected + extracted values); 0 to 1.
    f1_score: float | None
    # Invented values over the comparisons in which nothing was expected; 0 to 1.
    invented_rate: float | None
    # Missed values over the comparisons in which a value was expected; 0 to 1.
    missed_rate: float | None
    # The measures that have no value, and why.
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Records whose confidence lies above low and up to high; the first bin holds 0 too."""

    # The lower edge, excluded.
    low: float
    # The upper edge, included.
    high: float
    # Records, or their weight.
    count: float
    # Mean confidence; absent where the bin is empty.
    mean_confidence: float | None
    # Share of the records that were right; absent where the bin is empty.
    accuracy: float | None
    # mean_confidence less accuracy; absent where the bin is empty.
    gap: float | None


@dataclass(frozen=True, kw_only=True)
class BrierDecomposition:
    """Brier score = reliability - resolution + uncertainty + within_bin."""

    # How far bins are from their truth; 0 is best.
    reliability: float
    # How far bins differ from each other; more is better.
    resolution: float
    # The variance of the truth itself.
    uncertainty: float
    # What scores vary inside their bins.
    within_bin: float


@dataclass(frozen=True, kw_only=True)
class ReliabilityTable:
    """Confidence against truth, in bins of equal width."""

    # The bins, in ascending order.
    bins: tuple[ReliabilityBin, ...]
    # Expected calibration error; 0 to 1.
    ece: float
    # Largest calibration error of a bin; 0 to 1.
    mce: float
    # Mean confidence less the share that was right; positive is over-confident; -1 to 1.
    ece_signed: float
    # The Brier score taken apart; absent for the top label, which has none.
    brier: BrierDecomposition | None


@dataclass(frozen=True, kw_only=True)
class FieldMeasures:
    """The measures of one field, or of all."""

    # Values as they are, to the character.
    exact: TrackMeasures
    # Values made comparable by the normaliser; this track decides accuracy.
    normalised: TrackMeasures
    # Comparisons made.
    comparisons: int
    # Mean similarity (ANLS) of a fuzzy field; 0 to 1.
    mean_similarity: float | None
    # Comparisons that hung on a text with two readings, such as 03/04/2024.
    ambiguous: int
    # Documents in which the field was compared.
    documents: int
    # Of these, the documents in which all of it is right.
    perfect_documents: int
    # How far the confidences that came with the extractions are true; absent without any.
    calibration: ReliabilityTable | None


@dataclass(frozen=True, kw_only=True)
class BenchmarkMeasures:
    """Everything that a completed benchmark has measured."""

    # The measures of all fields together.
    overall: FieldMeasures
    # The measures of each field, by path; over REST of the first 1000 paths.
    by_field: Mapping[str, FieldMeasures]
    # Documents compared.
    documents: int
    # Documents that have an extraction.
    extracted_documents: int
    # Documents of which every comparison is right.
    perfect_documents: int
    # Extracted fields that the schema does not know; they are counted and not compared.
    unexpected_fields: int
    # The first of their paths, and in how many documents each was.
    unexpected_by_path: Mapping[str, int]
    # Fields measured.
    fields: int


@dataclass(frozen=True, kw_only=True)
class BenchmarkSpec:
    """What decides the numbers of a benchmark, beside the extractions; equal hashes are
    comparable.
    """

    # SHA-256 of the three below.
    spec_hash: str
    # SHA-256 of the field schema.
    schema_hash: str
    # Whether the schema was inferred from the ground truth.
    schema_inferred: bool
    # The version of the normaliser.
    normaliser: str
    # Hash of every document and what is expected of it, in whatever order.
    ground_truth_hash: str
    # The field schema, JSON.
    schema_json: str
    # The numeric environment that the numbers were computed in.
    environment: Mapping[str, str]

    @property
    def schema(self) -> Any:
        """The values of `schema_json`."""
        return json.loads(self.schema_json)


@dataclass(frozen=True, kw_only=True)
class BenchmarkReport:
    """The response of GetBenchmark."""

    # The benchmark.
    benchmark: Benchmark
    # What was measured; absent until it is completed.
    measures: BenchmarkMeasures | None
    # What decided the numbers; absent until it is completed.
    spec: BenchmarkSpec | None


@dataclass(frozen=True, kw_only=True)
class FieldResult:
    """One comparison of one document."""

    # The field's path in the schema, such as line_items[].amount.
    field: str
    # Its place in the document, such as line_items[2].amount.
    place: str
    # Whether it is right: correct or correctly_empty on the normalised track.
    correct: bool
    # correct, wrong_value, invented, missed or correctly_empty.
    outcome: str
    # The same of the exact track.
    exact_outcome: str
    # What was expected, JSON with every digit; absent where it is missing.
    expected_json: str | None
    # What was extracted, JSON with every digit; absent where it is missing.
    extracted_json: str | None
    # How alike the two are (ANLS), for a fuzzy field; 0 to 1.
    similarity: float | None
    # How sure the extractor said to be; 0 to 1.
    confidence: float | None

    @property
    def expected(self) -> Any:
        """The values of `expected_json`, fractions as Decimals; None where it is absent."""
        return json_values(self.expected_json)

    @property
    def extracted(self) -> Any:
        """The values of `extracted_json`, fractions as Decimals; None where it is absent."""
        return json_values(self.extracted_json)


@dataclass(frozen=True, kw_only=True)
class DocumentResult:
    """What came of one document."""

    # The result's id, a UUID that follows from benchmark and document.
    result_id: str
    # The document.
    document_id: str
    # The entry of the ground truth.
    ground_truth_entry_id: str
    # Right comparisons over all; absent where there are none.
    accuracy: float | None
    # Right comparisons.
    right: int
    # All comparisons, whatever a filter left of them below.
    comparisons: int
    # The comparisons, in the schema's order.
    fields: tuple[FieldResult, ...]
    # Extracted fields that the schema does not know.
    unexpected: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AccuracyDifference:
    """How two benchmarks differ, over all fields or in one of them; run_a less run_b."""

    # The accuracy in run_a; absent where nothing was compared.
    accuracy_a: float | None
    # The accuracy in run_b; absent where nothing was compared.
    accuracy_b: float | None
    # accuracy_a less accuracy_b.
    delta: float | None
    # The interval of the delta, by a paired bootstrap over documents; absent where it is
    # undefined.
    low: float | None
    # The upper end of the interval.
    high: float | None
    # The confidence level of the interval, such as 0.95.
    level: float
    # Documents that are all right in run_a and not in run_b; nothing compared is nothing
    # wrong.
    fixed: int
    # Documents that are all right in run_b and not in run_a.
    broken: int
    # McNemar's exact test of these two numbers, two-sided; 0 to 1.
    p_value: float
    # a_better or b_better where the whole interval lies on one side of zero, else undecided.
    verdict: str


@dataclass(frozen=True, kw_only=True)
class BenchmarkDifferences:
    """Two benchmarks of the same documents by the same rules."""

    # The documents of both.
    documents: int
    # Over all fields.
    overall: AccuracyDifference
    # In each field, by path.
    by_field: Mapping[str, AccuracyDifference]
    # The first documents, by id, that are all right in run_a and not in run_b; at most 100.
    fixed_document_ids: tuple[str, ...]
    # The first documents that are all right in run_b and not in run_a; at most 100.
    broken_document_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BenchmarkStandings:
    """The response of CompareBenchmarks."""

    # The benchmark that is asked about.
    run_a: Benchmark
    # The benchmark that it is compared with.
    run_b: Benchmark
    # Overall accuracy of run_a less that of run_b; absent unless both are completed.
    accuracy_delta: float | None
    # All else; absent unless both are completed.
    differences: BenchmarkDifferences | None


@dataclass(frozen=True, kw_only=True)
class DeleteBenchmarkResponse:
    """The response of DeleteBenchmark."""

    # True.
    deleted: bool


@dataclass(frozen=True, kw_only=True)
class ComparedVersion:
    """One side of a comparison."""

    # The version.
    version_id: str
    # Its number in the model.
    version_number: int
    # Headline metrics of its newest evaluation of the test split.
    metrics: Mapping[str, float]
    # The maker's own settings.
    hyperparameters: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class ConfigDifference:
    """A setting in which two versions differ."""

    # The value in version a; null when absent.
    version_a: object
    # The value in version b; null when absent.
    version_b: object


@dataclass(frozen=True, kw_only=True)
class McNemarTest:
    """McNemar's exact test."""

    # Rows that a alone has right.
    only_a: float
    # Rows that b alone has right.
    only_b: float
    # Two-sided and exact.
    p_value: float


@dataclass(frozen=True, kw_only=True)
class AreasTest:
    """DeLong's test of two areas."""

    # The area of a.
    area_a: float
    # The area of b.
    area_b: float
    # b - a.
    difference: float
    # The lower end of the difference's 95 % interval; absent with fewer than two rows of
    # either class.
    low: float | None
    # The upper end of it.
    high: float | None
    # Two-sided; absent with fewer than two rows of either class.
    p_value: float | None


@dataclass(frozen=True, kw_only=True)
class MetricInterval:
    """Where a metric lies with a given probability."""

    # The metric's name, as in the catalogue; of one class: `name:label`.
    metric: str
    # The metric itself, where it is one of the headline.
    value: float | None
    # The lower end.
    low: float
    # The upper end.
    high: float
    # The probability, such as 0.95.
    level: float
    # wilson, delong or bootstrap.
    method: str


@dataclass(frozen=True, kw_only=True)
class PairedTests:
    """What two versions that were measured on the same rows say of each other."""

    # not_started (StartComparison makes them), running, done, failed, or impossible.
    status: str
    # Why it is impossible: DIFFERENT_ROWS, DIFFERENT_SPECS, TOO_MANY_ROWS or
    # SPLIT_NOT_EVALUATED; or why the job failed.
    reason: str | None
    # The job that makes them.
    job_id: str | None
    # Rows that both were measured on.
    rows: int | None
    # Whether the two err equally often; of classifiers.
    mcnemar: McNemarTest | None
    # Whether the two have the same area under the ROC curve; of binary classifiers with
    # scores.
    roc_auc: AreasTest | None
    # Intervals of b - a, by metric.
    differences: Mapping[str, MetricInterval]
    # Which of mcnemar, roc_auc and differences were not made, or of which metric there is no
    # difference, and why: such as TOO_MANY_ROWS, WEIGHTED_ROWS, CLUSTERED_ROWS or NO_SCORES.
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The response of CompareVersions."""

    # The model.
    model_id: str
    # The base.
    version_a: ComparedVersion
    # What is compared with it.
    version_b: ComparedVersion
    # b - a, for each metric that both have.
    metric_deltas: Mapping[str, float]
    # The settings that differ, by name.
    config_diff: Mapping[str, ConfigDifference]
    # False when the two were measured by different metric definitions, so that deltas are not
    # comparable.
    comparable: bool
    # Tests of the two on the same rows.
    paired_tests: PairedTests


@dataclass(frozen=True, kw_only=True)
class DatasetSplit:
    """A split of a revision."""

    # Rows of the split.
    rows: int
    # Bytes of its rows as they rest.
    bytes: float
    # SHA-256 of its rows, in hex: equal rows have equal hashes.
    content_hash: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A dataset: rows to learn from and to measure on, stored with splits."""

    # The dataset's id, `dst-` and hex digits.
    dataset_id: str
    # A human name, unique in the organization.
    name: str
    # tabular_classification, tabular_regression, text_classification, image_classification or
    # extraction.
    task_type: str
    # Free text.
    description: str
    # The newest revision; 0 before a split is stored.
    revision: int
    # SHA-256 of what the newest revision holds, in hex; absent before a split is stored.
    content_hash: str | None
    # The splits of the newest revision, by name.
    splits: Mapping[str, DatasetSplit]
    # When the dataset was created.
    created_at: datetime
    # When its newest revision was made, or the dataset itself.
    updated_at: datetime
    # Who created it.
    created_by: str


@dataclass(frozen=True, kw_only=True)
class DatasetRevision:
    """The splits of a dataset at one time; never changed."""

    # The dataset.
    dataset_id: str
    # The revision's number in the dataset, from 1.
    revision: int
    # SHA-256 of the task type and the splits, in hex: equal rows have equal hashes.
    content_hash: str
    # The splits by name: train, validation, test.
    splits: Mapping[str, DatasetSplit]
    # The job that made the revision.
    job_id: str
    # When it was made.
    created_at: datetime
    # Who had it made.
    created_by: str


@dataclass(frozen=True, kw_only=True)
class SplitChange:
    """What a job that makes splits has come to."""

    # The dataset.
    dataset_id: str
    # The job.
    job_id: str
    # The job's state as a word: queued, running, succeeded, failed, canceled or timed_out.
    status: str
    # The revision that the job made, once it has succeeded.
    revision: DatasetRevision | None
    # What speaks against learning from the revision, such as rows that stand in two splits.
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LabelCount:
    """Rows of one class."""

    # The class, or the field.
    label: str
    # Rows that have it.
    rows: int


@dataclass(frozen=True, kw_only=True)
class FeatureProfile:
    """What is known of a feature."""

    # The column's name.
    name: str
    # number or category.
    kind: str
    # Rows without a value.
    missing: int
    # The least value of a number; absent where no row has one.
    least: float | None
    # The greatest value of a number; absent where no row has one.
    most: float | None


@dataclass(frozen=True, kw_only=True)
class LengthProfile:
    """How long, or how large, rows are in one unit."""

    # characters, pages, words, pixels or bytes.
    unit: str
    # The shortest row.
    least: float
    # The longest row.
    most: float
    # The mean over the rows.
    mean: float


@dataclass(frozen=True, kw_only=True)
class SplitProfile:
    """What one split holds."""

    # train, validation or test.
    split: str
    # Rows of the split.
    rows: int
    # Bytes of its rows as they rest.
    bytes: float
    # Rows of each class, in the order of the labels; of extraction, rows that have the field.
    labels: tuple[LabelCount, ...]
    # The features of tabular rows, by name.
    features: tuple[FeatureProfile, ...]
    # How long, or how large, rows are.
    lengths: tuple[LengthProfile, ...]
    # Rows whose content is that of a row before them.
    repeated_rows: int


@dataclass(frozen=True, kw_only=True)
class SplitOverlap:
    """What two splits have in common."""

    # The split that is seen earlier, such as train.
    first: str
    # The split whose rows are counted.
    second: str
    # Rows of the second whose content, id, group and label aside, is that of a row of the
    # first.
    equal_rows: int
    # Rows of the second whose id a row of the first has.
    row_ids: int
    # Groups that stand in both.
    groups: int
    # Ids of up to three of the equal rows.
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DatasetProfile:
    """The profile of a revision."""

    # The dataset.
    dataset_id: str
    # The revision.
    revision: int
    # What each split holds: train, validation, test.
    splits: tuple[SplitProfile, ...]
    # What each two splits have in common.
    overlaps: tuple[SplitOverlap, ...]
    # What speaks against learning from the revision, for people.
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RocPoint:
    """One point of a ROC curve."""

    # False positive rate; 0 to 1.
    fpr: float
    # True positive rate; 0 to 1.
    tpr: float
    # Scores from here on count as positive; absent at the first point, above every score, and
    # for the macro average.
    threshold: float | None


@dataclass(frozen=True, kw_only=True)
class RocCurve:
    """How true and false positive rates move with the threshold."""

    # The model.
    model_id: str
    # The version that was measured.
    version_id: str
    # The split that it was measured on.
    dataset_split: str
    # The label against the rest; absent for the macro average.
    class_label: str | None
    # Exact area under the whole curve, whatever the resolution; absent where it is undefined.
    roc_auc: float | None
    # The points, from (0, 0) to (1, 1); none where the curve is undefined.
    points: tuple[RocPoint, ...]
    # Why the curve is undefined, if it is.
    undefined: Mapping[str, str]
    # one_vs_rest, or macro where the points are averages over the classes.
    averaging: str


@dataclass(frozen=True, kw_only=True)
class PrPoint:
    """One point of a precision-recall curve."""

    # Share of the positive records that are found; 0 to 1.
    recall: float
    # Share of the found records that are positive; 0 to 1, and 1 where nothing is found.
    precision: float
    # Scores from here on count as positive; absent at the first point, above every score.
    threshold: float | None


@dataclass(frozen=True, kw_only=True)
class PrCurve:
    """How precision and recall move with the threshold."""

    # The model.
    model_id: str
    # The version that was measured.
    version_id: str
    # The split that it was measured on.
    dataset_split: str
    # The label against the rest.
    class_label: str
    # Exact step-wise area under the whole curve, whatever the resolution; absent where it is
    # undefined.
    average_precision: float | None
    # The points, from recall 0 on; none where the curve is undefined.
    points: tuple[PrPoint, ...]
    # Why the curve is undefined, if it is.
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ThresholdRow:
    """What predicting the class from a threshold on gives; counts are of records, or of their
    weight.
    """

    # The threshold; absent above every score.
    threshold: float | None
    # Records of the class with a score of at least the threshold.
    true_positive: float
    # Other records with such a score.
    false_positive: float
    # Records of the class below the threshold.
    false_negative: float
    # Other records below the threshold.
    true_negative: float
    # Share of the found records that are of the class; absent where nothing is found.
    precision: float | None
    # Share of the class's records that are found; 0 to 1.
    recall: float
    # 2·tp / (predicted + true); 0 to 1.
    f1_score: float
    # Share of the other records that are found; 0 to 1.
    false_positive_rate: float


@dataclass(frozen=True, kw_only=True)
class ThresholdTable:
    """What each threshold gives for one class."""

    # The model.
    model_id: str
    # The version that was measured.
    version_id: str
    # The split that it was measured on.
    dataset_split: str
    # The label against the rest.
    class_label: str
    # The rows, by falling threshold; none where the curve is undefined.
    rows: tuple[ThresholdRow, ...]
    # The threshold with the best F1 of all scores, kept in rows or not.
    best_f1: ThresholdRow | None
    # The kept threshold with the least cost, where costs were sent.
    best_cost: ThresholdRow | None
    # What best_cost costs in all.
    cost: float | None
    # Why there is no table, if there is none.
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class CalibrationReport:
    """How far confidences are true."""

    # The model.
    model_id: str
    # The version that was measured.
    version_id: str
    # The split that it was measured on.
    dataset_split: str
    # What the headline is of: positive (the positive label's score) or top_label.
    target: str
    # The headline's table.
    headline: ReliabilityTable
    # Each label against the rest.
    per_class: Mapping[str, ReliabilityTable]


@dataclass(frozen=True, kw_only=True)
class MisclassificationError:
    """One record that was predicted wrong."""

    # The row's number in the evaluation, from 0.
    row: int
    # The row's own id, where ids were sent.
    row_id: str | None
    # What the record is.
    true_label: str
    # What it was predicted to be.
    predicted_label: str
    # The probability of the predicted label, where scores were sent; 0 to 1.
    confidence: float | None
    # The row's feature columns, by name without the prefix `feature:`.
    features: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class MisclassificationErrors:
    """The most confident mistakes of a classifier."""

    # The model.
    model_id: str
    # The version that was measured.
    version_id: str
    # The split that it was measured on.
    dataset_split: str
    # Mistakes with the labels asked for, whatever their confidence.
    total: int
    # The most confident of them, first.
    errors: tuple[MisclassificationError, ...]
    # Where the next page starts; empty on the last page.
    next_cursor: str


@dataclass(frozen=True, kw_only=True)
class ResidualBin:
    """Rows whose residual lies from low to high."""

    # The lower edge, in the unit of the target.
    low: float
    # The upper edge, in the unit of the target.
    high: float
    # Rows.
    count: float


@dataclass(frozen=True, kw_only=True)
class ResidualReport:
    """The distribution of true less predicted."""

    # The model.
    model_id: str
    # The version that was measured.
    version_id: str
    # The split that it was measured on.
    dataset_split: str
    # Rows measured.
    rows: int
    # Residuals by probability, 0.01 to 0.99.
    quantiles: Mapping[float, float]
    # The least residual.
    minimum: float
    # The greatest residual.
    maximum: float
    # A histogram of equal width.
    bins: tuple[ResidualBin, ...]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The rows that share one value."""

    # The value; absent for rows without one.
    value: str | None
    # Rows of the slice.
    rows: int
    # Their total weight, where rows have weights.
    weight: float | None
    # The metrics of these rows alone.
    metrics: Mapping[str, float]
    # The metrics that have no value, and why.
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class SliceReport:
    """Metrics of parts of the rows."""

    # The model.
    model_id: str
    # The version that was measured.
    version_id: str
    # The split that it was measured on.
    dataset_split: str
    # The slice columns that were sent.
    columns: Mapping[str, tuple[Slice, ...]]


@dataclass(frozen=True, kw_only=True)
class IntervalReport:
    """Confidence intervals of metrics."""

    # The model.
    model_id: str
    # The version that was measured.
    version_id: str
    # The split that it was measured on.
    dataset_split: str
    # One entry a metric that has an interval.
    intervals: Mapping[str, MetricInterval]
    # Every other metric, and why it has none: such as NO_METHOD, TOO_MANY_ROWS,
    # WEIGHTED_ROWS, or the reason that the metric itself has no value.
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RequirementOutcome:
    """Whether an evaluation meets a requirement."""

    # The requirement, as it was sent.
    requirement: str
    # True when it is met; a metric without a value meets none.
    met: bool
    # The metric's value, where it has one.
    value: float | None


@dataclass(frozen=True, kw_only=True)
class TruthCoverage:
    """How the rows of predictions and those of a dataset's split met, by their ids."""

    # The dataset.
    dataset_id: str
    # Its revision.
    revision: int
    # Its split.
    split: str
    # Rows of the split.
    rows: int
    # Rows of both: those that are measured.
    matched: int
    # Rows of the split without a prediction.
    without_prediction: int
    # Predictions whose row the split has not; they are left out.
    without_truth: int
    # Ids of the first ten rows without a prediction.
    unpredicted_ids: tuple[str, ...]
    # Ids of the first ten predictions without a truth.
    unknown_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """An evaluation of a version on a split.

    A split evaluated again makes a new revision and keeps the old one.
    """

    # The evaluation's id: `evl-…`.
    evaluation_id: str
    # The model.
    model_id: str
    # The version.
    version_id: str
    # train, validation or test.
    dataset_split: str
    # 1 for the first evaluation of the version on the split, and so on.
    revision: int
    # The job that makes it; watch it to see the metrics settle.
    job_id: str
    # The state as a word: open, queued, running, succeeded, failed, canceled or timed_out.
    status: str
    # Rows that are durable; an upload goes on at this row.
    next_row: int
    # The metrics, once succeeded.
    metrics: Mapping[str, float]
    # The metrics that have no value, and why.
    undefined: Mapping[str, str]
    # Rows measured, once succeeded.
    rows: int
    # Labels, in the order of reports, once succeeded.
    labels: tuple[str, ...]
    # True when the label set was neither declared nor named by score columns.
    label_set_inferred: bool
    # The positive label, where there is one.
    positive_label: str | None
    # Why the evaluation failed, if it did.
    failure: Failure | None
    # SHA-256 of the full metric definition; results with different ones are not comparable.
    metric_spec_hash: str
    # The full metric definition, as canonical JSON.
    metric_spec: str
    # SHA-256 of the result; equal predictions give equal bytes.
    result_hash: str
    # When the evaluation was created.
    created_at: datetime
    # When it succeeded.
    evaluated_at: datetime | None
    # Probabilities that the log loss had to clip.
    clipped_rows: int
    # Total weight of the rows, where they have weights.
    weight: float | None
    # Rows with a target of zero, which mape leaves out; absent for classification.
    zero_targets: int | None
    # True for the one that is served of its version and split.
    is_served: bool
    # Why it was not served when it succeeded: REQUIREMENT_NOT_MET or OTHER_ROWS, where the
    # version is promoted, or OLDER_REVISION.
    held_back: str | None
    # What was required of it, once succeeded.
    requirements: tuple[RequirementOutcome, ...]
    # How predictions and ground truth met, where the truth is that of a dataset.
    truth: TruthCoverage | None


@dataclass(frozen=True, kw_only=True)
class ExtractionRun:
    """An extraction run: what a model read from documents, at one time."""

    # A UUID.
    run_id: str
    # A human name.
    name: str
    # What made the extractions, in its owner's words.
    model: str | None
    # The version of it.
    version: str | None
    # How many extractions it has.
    document_count: int
    # When the run was created.
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class DeleteExtractionRunResponse:
    """The response of DeleteExtractionRun."""

    # True.
    deleted: bool


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """What was read from one document."""

    # A UUID.
    extraction_id: str
    # The run.
    run_id: str
    # The document, unique in the run.
    document_id: str
    # The value of each field: a JSON object as canonical text, every number with the digits
    # that were sent.
    data_json: str
    # How sure the model was, 0 to 1, by the place of a value: total, vendor.name,
    # items[0].amount.
    confidence: Mapping[str, float]
    # When the extraction was added; those of one import are a microsecond apart, in its
    # order.
    created_at: datetime

    @property
    def data(self) -> Any:
        """The values of `data_json`, fractions as Decimals; None where it is absent."""
        return json_values(self.data_json)


@dataclass(frozen=True, kw_only=True)
class SchemaField(methods.SchemaField):
    """One field of a schema; an option that its type does not have is refused."""

    # The field's name, unique among its neighbours; of no matter for the item of a list.
    name: str
    # What the field holds: text, number, money, date, boolean, enum, code, list, table or
    # object.
    type: str
    # Free text.
    description: str = ""
    # Of text: right when its ANLS reaches the threshold.
    fuzzy: bool | None = None
    # Of fuzzy text: above 0, at most 1; 0.5 when not given.
    threshold: float | None = None
    # Of number, money and date: an id such as de_DE.
    locale: str | None = None
    # Of date: patterns such as dd.MM.yyyy, tried in their order.
    date_formats: tuple[str, ...] = ()
    # Of date: whether 3/4/2024 is the third of April.
    day_first: bool | None = None
    # Of enum: the values that there are.
    values: tuple[str, ...] = ()
    # Of list: what an item is.
    item: SchemaField | None = None
    # Of table: the columns; of object: its fields.
    fields: tuple[SchemaField, ...] = ()
    # What an absent value stands for: a text, number or boolean.
    default: Any = None
    # Of every field but list, table and object: texts that say no value, such as N/A and
    # null.
    absent: tuple[str, ...] = ()
    # Of date: the first of the hundred years that two digits stand for; 1969 when not given.
    first_year: int | None = None
    # Of number: whether a unit such as kg may follow the number; it is not compared.
    unit: bool | None = None


@dataclass(frozen=True, kw_only=True)
class FieldSchema(methods.FieldSchema):
    """A field schema: which fields documents have, and how each is compared."""

    # A UUID.
    user_schema_id: str
    # A human name.
    name: str
    # Free text.
    description: str
    # The fields, in their order.
    fields: tuple[SchemaField, ...]
    # Those of missing, null and empty that are not the same absence of a value.
    distinct_empties: tuple[str, ...]
    # SHA-256 of the canonical JSON of fields and distinct_empties.
    schema_hash: str
    # When the schema was created.
    created_at: datetime | None
    # When the schema was last changed.
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class DeleteFieldSchemaResponse:
    """The response of DeleteFieldSchema."""

    # True.
    deleted: bool


@dataclass(frozen=True, kw_only=True)
class GroundTruthDataset:
    """A ground-truth dataset: documents whose fields are known."""

    # A UUID.
    dataset_id: str
    # A human name.
    name: str
    # Free text.
    description: str
    # The field schema of its documents; absent: inferred from the entries.
    user_schema_id: str | None
    # How many entries it has.
    document_count: int
    # When the dataset was created.
    created_at: datetime
    # When the dataset or an entry of it was last changed.
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class DeleteGroundTruthDatasetResponse:
    """The response of DeleteGroundTruthDataset."""

    # True.
    deleted: bool


@dataclass(frozen=True, kw_only=True)
class DatasetSchema:
    """The field schema by which a dataset's documents are compared."""

    # The schema; an inferred one has no id, name or times.
    schema: FieldSchema
    # True when the dataset names no schema. To edit it, create a schema from it and set the
    # dataset's user_schema_id.
    inferred: bool
    # Entries that it was inferred from: at most 10 000, the first by document_id.
    documents: int
    # Why each field of an inferred schema has its type, by its path.
    reasons: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One document of a dataset with what is known of it."""

    # A UUID.
    entry_id: str
    # The dataset.
    dataset_id: str
    # The document, unique in the dataset.
    document_id: str
    # The value of each field: a JSON object as canonical text, every number with the digits
    # that were sent.
    expected_json: str
    # Free text, where there is some.
    notes: str | None
    # When the entry was added; those of one import are a microsecond apart, in its order.
    created_at: datetime

    @property
    def expected(self) -> Any:
        """The values of `expected_json`, fractions as Decimals; None where it is absent."""
        return json_values(self.expected_json)


@dataclass(frozen=True, kw_only=True)
class DeleteEntryResponse:
    """The response of DeleteEntry."""

    # True.
    deleted: bool


@dataclass(frozen=True, kw_only=True)
class InferenceJob:
    """An inference job."""

    # The job's id, a UUID.
    job_id: str
    # The model.
    model_id: str
    # The model's name when the job was submitted.
    model_name: str
    # The version.
    version_id: str
    # The version as people call it: its label, or N.0.0.
    version_label: str
    # OPEN, SUBMITTED, IN_PROGRESS, COMPLETED, CANCELED, TIMEDOUT or ERROR.
    status: str
    # How the inputs came: text, embedded or file.
    input_type: str
    # Whether each output is explained.
    explain: bool
    # Inputs; of an OPEN job those that came so far.
    total: int
    # Inputs that have not finished.
    pending: int
    # Inputs that succeeded.
    completed: int
    # Inputs that failed.
    failed: int
    # Bytes of all inputs as they were sent.
    input_bytes: int
    # Milliseconds after which the job ends, finished or not; absent: no limit.
    timeout_ms: int | None
    # Who submitted the job.
    submitted_by: str
    # The public prefix of the API key that submitted it; absent for a token.
    key_prefix: str | None
    # Why the job ended without all results, if it did.
    failure: Failure | None
    # When it was made.
    created_at: datetime
    # When its inputs were complete.
    submitted_at: datetime | None
    # When it began to run.
    started_at: datetime | None
    # When it or one of its inputs changed last.
    changed_at: datetime | None
    # When it ended.
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ListInferenceJobsResponse:
    """The response of ListInferenceJobs."""

    # The jobs.
    jobs: tuple[InferenceJob, ...]
    # Whether there is another page.
    has_more: bool


@dataclass(frozen=True, kw_only=True)
class CancelInferenceJobsResponse:
    """The response of CancelInferenceJobs."""

    # The jobs that had not ended.
    jobs: tuple[InferenceJob, ...]


@dataclass(frozen=True, kw_only=True)
class InferenceFeatures:
    """What a submission may hold."""

    # The most bytes that one chunk of a file should have, such as 1Mi.
    input_chunk_maximum_size: str
    # The most chunks that one item may have.
    maximum_input_chunks: int
    # The most inputs of a job.
    maximum_inputs_per_job: int


@dataclass(frozen=True, kw_only=True)
class InferenceOutput:
    """One output of an input."""

    # The output's name, such as results.json.
    name: str
    # Its media type.
    media_type: str
    # Its bytes.
    size: int
    # The output itself, where it is small; a larger one is downloaded by GetInferenceOutput.
    data: bytes | None


@dataclass(frozen=True, kw_only=True)
class InferenceResult(methods.InferenceResult):
    """One input of a job, and what became of it."""

    # The input's place in the job, from 0.
    position: int
    # The input's name.
    input_name: str
    # FETCHING_DATA, PROCESSING, SUCCESSFUL or FAILED.
    status: str
    # The process that ran it; absent where none did.
    engine: str | None
    # When it began to run; absent until then.
    started_at: datetime | None
    # When its status changed last.
    updated_at: datetime
    # When it finished; absent until then.
    ended_at: datetime | None
    # Milliseconds that it ran, together with the inputs that ran with it.
    elapsed_ms: int | None
    # What was wrong with a FAILED one.
    failure: str | None
    # The outputs of a SUCCESSFUL one.
    outputs: tuple[InferenceOutput, ...]


@dataclass(frozen=True, kw_only=True)
class InferenceVote:
    """The vote of a caller."""

    # NO_VOTES, UP or DOWN.
    vote: str


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """An API key of an organization, without its secret."""

    # The public half, by which the key is found and listed.
    prefix: str
    # A human name.
    name: str
    # What the key may do.
    permissions: tuple[str, ...]
    # When the key was made.
    created_at: datetime
    # When the key stops working, if it does.
    expires_at: datetime | None
    # When the key was revoked, if it was.
    revoked_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class NewApiKey:
    """The response of CreateKey."""

    # The key.
    key: ApiKey
    # `prefix.secret`, to be sent as `Authorization: ApiKey …` or `Bearer …`; shown only here.
    secret: str


@dataclass(frozen=True, kw_only=True)
class ModelInput:
    """One item that each input of a job holds."""

    # Required. Its name, such as input.txt.
    name: str
    # Required. The media types that are accepted, divided by commas, such as image/png,
    # image/jpeg.
    media_type: str
    # Optional. The most bytes; absent, 104857600.
    maximum_size: int | None
    # Optional. Free text of up to 1 000 characters.
    description: str


@dataclass(frozen=True, kw_only=True)
class ModelOutput:
    """One item that each result of a job holds."""

    # Required. Its name, such as results.json.
    name: str
    # Optional. Its media type; absent, application/json.
    media_type: str
    # Optional. The most bytes; absent, 104857600.
    maximum_size: int | None
    # Optional. Free text of up to 1 000 characters.
    description: str


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model of an organization."""

    # The model's id: `mdl-…`, or the one its creator chose.
    model_id: str
    # A human name.
    name: str
    # What the model does: classification, regression or extraction.
    task_type: str
    # Free text.
    description: str
    # The model's own path, unique in its organization, where one was given.
    project_path: str | None
    # The declared label set, in its order; empty when labels are inferred from the
    # predictions.
    labels: tuple[str, ...]
    # The declared positive label of a binary classifier.
    positive_label: str | None
    # draft, training or ready.
    status: str
    # The version that is served when a request names none.
    promoted_version_id: str | None
    # When the model was created.
    created_at: datetime
    # When the model was last changed.
    updated_at: datetime
    # What the model is listed under, such as computer_vision.
    tags: tuple[str, ...]
    # The declared items of an input of a job; empty when they follow from what a version
    # runs.
    inputs: tuple[ModelInput, ...]
    # The declared items of a result of a job; empty for results.json alone.
    outputs: tuple[ModelOutput, ...]
    # Who created the model.
    created_by: str


@dataclass(frozen=True, kw_only=True)
class PerformanceSummary:
    """The headline numbers of one evaluation."""

    # The model.
    model_id: str
    # The version that was measured.
    version_id: str
    # classification, regression or extraction.
    task_type: str
    # The split that it was measured on.
    dataset_split: str
    # The metrics of the model's task type.
    metrics: Mapping[str, float]
    # When the evaluation succeeded, in whole seconds.
    evaluated_at: datetime | None
    # The evaluation that this is read from.
    evaluation_id: str
    # Rows measured.
    rows: int
    # The metrics that have no value, or rest on a convention, and why.
    undefined: Mapping[str, str]
    # How precision, recall and f1_score are made: positive_class or weighted; absent for
    # regression.
    averaging: str | None
    # The positive label, where averaging is positive_class.
    positive_label: str | None
    # True when the label set was neither declared nor named by score columns.
    label_set_inferred: bool
    # SHA-256 of the full metric definition.
    metric_spec_hash: str
    # Total weight of the rows, where they have weights.
    weight: float | None
    # Rows with a target of zero, which mape leaves out; absent for classification.
    zero_targets: int | None


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """The scores of one class."""

    # True positives over all predicted as this class; 0 to 1.
    precision: float
    # True positives over all that are of this class; 0 to 1.
    recall: float
    # 2·tp / (predicted + true); 0 to 1.
    f1_score: float
    # Number of records whose true label is this class.
    support: int
    # Exact one-vs-rest area under the ROC curve, where scores were sent and it is defined.
    roc_auc: float | None
    # One-vs-rest average precision, where scores were sent and it is defined; 0 to 1.
    average_precision: float | None
    # Expected calibration error of this class's own probability, where scores were sent; 0 to
    # 1.
    ece: float | None
    # Total weight of the records whose true label is this class, where rows have weights.
    weight: float | None


@dataclass(frozen=True, kw_only=True)
class OverallScores:
    """Scores over all classes."""

    # Share of records whose predicted label is the true one; 0 to 1.
    accuracy: float
    # Averaged precision; 0 to 1.
    precision: float
    # Averaged recall; 0 to 1.
    recall: float
    # The average of the class F1s; 0 to 1.
    f1_score: float
    # micro, macro or weighted.
    average: str


@dataclass(frozen=True, kw_only=True)
class ClassificationReport:
    """Precision, recall, F1 and support of every class, and their average."""

    # The model.
    model_id: str
    # The version that was measured.
    version_id: str
    # The split that it was measured on.
    dataset_split: str
    # The scores by label.
    per_class: Mapping[str, ClassScores]
    # The average asked for.
    overall: OverallScores
    # The order of the labels.
    labels: tuple[str, ...]
    # The scores that rest on a convention, and why.
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix:
    """Counts of (true, predicted) label pairs."""

    # The model.
    model_id: str
    # The version that was measured.
    version_id: str
    # The split that it was measured on.
    dataset_split: str
    # The labels, in the order of rows and columns.
    labels: tuple[str, ...]
    # Row-major counts, labels × labels; a row is a true label, a column a predicted one.
    counts: tuple[tuple[int, ...], ...]
    # The positive label, where there is one.
    positive_label: str | None
    # Where asked for: the shares of each true label's records, one row a label.
    shares: tuple[tuple[float, ...], ...] | None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits in force."""

    # Bytes of one chunk of predictions.
    chunk_bytes: int
    # Chunks in flight on one upload.
    chunks_in_flight: int
    # Bytes of one uploaded file.
    file_bytes: int
    # Bytes of a JSON body.
    body_bytes: int
    # Labels of one model.
    labels: int
    # Characters of one label.
    label_chars: int
    # Items of a page.
    page_size: int
    # Rows of one request of typed rows.
    typed_rows: int


@dataclass(frozen=True, kw_only=True)
class MetricDefinition:
    """What one metric is: a row of the server's catalogue.

    Values of metrics travel as maps by these names; one that is undefined is absent there and
    listed in `undefined` beside it.
    """

    # The name by which values of it are given.
    name: str
    # What it measures, in one sentence.
    description: str
    # The tasks that have it: binary, multiclass, regression.
    tasks: tuple[str, ...]
    # The lowest value that there can be; absent when it has no lower bound.
    lowest: float | None
    # The highest value that there can be; absent when it has no upper bound.
    highest: float | None
    # Which of two values is the better one: higher, lower, or none, when the one nearer to 0
    # is.
    direction: str
    # What it is measured in: ratio, nats, target or target_squared.
    unit: str


@dataclass(frozen=True, kw_only=True)
class ServerInfo:
    """What the server is and what it takes."""

    # Assay's release.
    version: str
    # The version of the metric definitions.
    metrics_version: str
    # The limits in force.
    limits: Limits
    # The catalogue of metrics, in the order in which they are shown.
    metrics: tuple[MetricDefinition, ...]


@dataclass(frozen=True, kw_only=True)
class ModelJob:
    """A training, pruning or evaluation job of a model."""

    # The job's id, a UUID.
    job_id: str
    # training, pruning or evaluation.
    job_type: str
    # OK, or ERROR for a job that ended without a result.
    status: str
    # PENDING, or DONE for a job that has ended.
    state: str
    # Why the job ended without a result.
    msg: str | None
    # The model.
    model_id: str
    # The model's own path; absent once it was taken away.
    model_project_path: str | None
    # The dataset.
    dataset_id: str
    # The dataset's revision when the job was submitted.
    dataset_revision: int
    # The version that the job makes, or evaluates; it may be deleted since.
    version_id: str
    # The version that is pruned or evaluated; absent of a training.
    source_version_id: str | None
    # Every hyperparameter, resolved.
    hyperparams: Mapping[str, object]
    # What may spoil the numbers, such as records that two splits share.
    warnings: tuple[str, ...]
    # How far the job is.
    progress: JobProgress
    # The state of the job as a word, as in Job.
    job_status: str
    # Why the job failed, if it did.
    failure: Failure | None
    # When the job was submitted.
    created_at: datetime
    # When a runner first took it.
    started_at: datetime | None
    # When it ended.
    ended_at: datetime | None
    # Who submitted the job.
    created_by: str


@dataclass(frozen=True, kw_only=True)
class MetricTable:
    """A table of a job's metrics."""

    # What the table shows.
    title: str
    # What its data are.
    subtitle: str
    # The names of the columns.
    headers: tuple[str, ...]
    # The rows; a cell is a text or a number.
    rows: tuple[tuple[str | float, ...], ...]
    # False where the table is not meant for a list of a job's metrics.
    show: bool | None


@dataclass(frozen=True, kw_only=True)
class ModelMetrics:
    """The metrics of a job, as far as it is."""

    # OK, or ERROR for a job that ended without a result.
    status: str
    # PENDING, or DONE for a job that has ended.
    state: str
    # Why the job ended without a result.
    msg: str | None
    # The tables; at least one.
    metrics: tuple[MetricTable, ...]
    # Assay's release.
    platform_version: str
    # The version of the learning component.
    ibformers_version: str
    # Annotated training records by class; one entry for a model without classes.
    train_count: Mapping[str, int]
    # Training records.
    train_total: int
    # Datasets with annotated training records.
    train_datasets: tuple[str, ...]
    # Annotated test records by class; one entry for a model without classes.
    test_count: Mapping[str, int]
    # Test records.
    test_total: int
    # Datasets with annotated test records.
    test_datasets: tuple[str, ...]
    # Every hyperparameter, resolved.
    hyperparams: Mapping[str, object]
    # What may spoil the numbers, such as records that two splits share.
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RemoteInput:
    """A tensor that a remote model takes."""

    # Required. The tensor's name.
    name: str
    # Required. BOOL, UINT8 to UINT64, INT8 to INT64, FP16, FP32, FP64 or BYTES.
    datatype: str
    # Optional. What of a row it holds: columns, text, image, words or boxes; by default
    # columns where these are named, else text.
    content: str
    # Optional. The features that it holds, in their order.
    columns: tuple[str, ...]
    # Optional. Its shape, -1 for the rows first; by default one row's values in one more
    # dimension. Required of an image in pixels: [-1, side, side, 3] or [-1, 3, side, side].
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class RemoteTls:
    """How TLS is spoken to an endpoint; an empty one trusts the public authorities."""

    # Optional. PEM of the authority that signed the endpoint's certificate.
    ca_certificate: str
    # Optional. The name that the endpoint's certificate bears; by default the endpoint's
    # host.
    server_name: str
    # Optional. PEM of the certificate that we show.
    client_certificate: str
    # Optional. PEM of that certificate's key; stored encrypted and never shown.
    client_key: str


@dataclass(frozen=True, kw_only=True)
class RemoteModel:
    """A model behind an endpoint of the Open Inference Protocol (KServe, Triton, MLServer).

    A version names tensors, output and classes itself, whatever the endpoint's own metadata say.
    """

    # Required. host:port, or grpcs://host:port for TLS with public authorities.
    endpoint: str
    # Optional. The protocol; oip-v2-grpc, which is also the default.
    protocol: str
    # Required. The model's name at the endpoint.
    model_name: str
    # Optional. The model's version at the endpoint, which chooses one when it is empty.
    model_version: str
    # Required. The tensors that the model takes, 1 to 64.
    inputs: tuple[RemoteInput, ...]
    # Required. The tensor that is asked for: a score for each label, a label or its number,
    # or of a regression one number.
    output: str
    # Optional. The classes in the order of the output, 2 or more; of an extraction with O; of
    # a regression none.
    labels: tuple[str, ...]
    # Optional. What scores are: probabilities, the default, or logits.
    scores: str
    # Optional. How TLS is spoken; absent: in the clear.
    tls: RemoteTls | None
    # Optional. Rows of one request at most; 0 is 1000.
    max_rows: int
    # Optional. Bytes of one request at most; 0 is 4194304, a common limit of servers.
    max_bytes: int
    # Optional. Seconds in which a request must be answered; 0 is 30.
    deadline_seconds: float
    # Optional. Sent as a bearer token with each request; stored encrypted and never shown.
    token: str


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of a model."""

    # The version's id: `ver-…`, or the one its creator chose.
    version_id: str
    # The model it is a version of.
    model_id: str
    # 1 for the model's first version, and so on.
    version_number: int
    # True for the one version that is served when a request names none.
    is_promoted: bool
    # draft, training, ready or failed.
    status: str
    # The algorithm's name, as its maker gave it.
    algorithm: str
    # The maker's own settings.
    hyperparameters: Mapping[str, object]
    # Headline metrics of the evaluation of the test split that is served.
    metrics: Mapping[str, float]
    # A human label, where one was given.
    label: str | None
    # When the version was created.
    created_at: datetime
    # When the version became ready.
    trained_at: datetime | None
    # Who created the version.
    trained_by: str
    # When the version was promoted, if it is.
    promoted_at: datetime | None
    # Who promoted the version, if it is.
    promoted_by: str | None
    # The endpoint that the version calls, if it does, without its secrets.
    remote: RemoteModel | None
    # Why the version is failed, if it is and that is known.
    failure_message: str | None


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """The response of PromoteVersion."""

    # The version.
    version_id: str
    # The model.
    model_id: str
    # The version's number in the model.
    version_number: int
    # Always true.
    is_promoted: bool
    # When it was promoted.
    promoted_at: datetime | None
    # Who promoted it.
    promoted_by: str


@dataclass(frozen=True, kw_only=True)
class SkippedRow:
    """One row that an import left out."""

    # The row, counted from 0.
    row: int
    # Its document; empty when it has none.
    document_id: str
    # no_document_id; duplicate_in_upload: an earlier row has the document; or already_stored:
    # the dataset or run has it.
    reason: str


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import of documents did."""

    # Documents that were stored.
    imported: int
    # Rows that were left out.
    skipped: int
    # The first 100 rows that were left out.
    skipped_rows: tuple[SkippedRow, ...]


@dataclass(frozen=True, kw_only=True)
class JobEvent(methods.JobEvent):
    """One numbered event of a job; logged, never dropped."""

    # The event's number in its job: 1, 2, 3, … without gaps.
    sequence: int
    # When it happened.
    at: datetime
    # What happened: state, or an event of the job's kind such as documents.
    kind: str
    # The event itself: StateChanged, or a message of the job's kind such as
    # DocumentsCompared; a google.protobuf.Struct where the kind declares none.
    payload: object


@dataclass(frozen=True, kw_only=True)
class JobStatus(methods.JobStatus):
    """A value that is overwritten, not logged: a slow reader sees the newest."""

    # All events up to this sequence had happened when the value was written.
    as_of_sequence: int
    # What it is: progress, or a status of the job's kind such as metrics.
    kind: str
    # The value itself: JobProgress, or a message of the job's kind such as LiveMetrics; a
    # google.protobuf.Struct where the kind declares none.
    payload: object


@dataclass(frozen=True, kw_only=True)
class WatchJobResponse:
    """The response of WatchJob: whole commits, in order."""

    # Events, in order; the events of one commit are never split.
    events: tuple[JobEvent, ...]
    # The newest status values that changed.
    status: tuple[JobStatus, ...]
    # All events up to this sequence have been delivered; resume after it.
    bookmark: int


@dataclass(frozen=True, kw_only=True)
class StateChanged:
    """A change of a job's state."""

    # Why: submitted, claimed, lease_lost, released, retry_later, finished, failed, canceled …
    cause: str
    # The error of a failed job.
    failure: Failure | None
    # The state after as a word, as in Job.
    status: str


@dataclass(frozen=True, kw_only=True)
class LiveMetrics:
    """Exact metrics of the rows that are durable so far."""

    # Rows measured.
    rows: int
    # Their metrics; those that need all rows are absent.
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class ComparedDocument:
    """What came of one document."""

    # The document.
    document_id: str
    # Right comparisons.
    right: int
    # All comparisons.
    comparisons: int
    # Their quotient; absent where there are none.
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class FieldAccuracy(methods.FieldAccuracy):
    """How right one field is."""

    # The field's path in the schema.
    field: str
    # Right comparisons.
    right: int
    # All comparisons, at least one.
    comparisons: int
    # Their quotient, unrounded; 0 to 1.
    accuracy: float
    # Comparisons that are right to the character.
    exact_right: int
    # A value was expected and the same was extracted; the rest of right is correctly empty.
    correct: int
    # A value was expected and another one was extracted.
    wrong_value: int
    # Nothing was expected, yet a value was extracted.
    invented: int
    # A value was expected and nothing was extracted.
    missed: int


@dataclass(frozen=True, kw_only=True)
class DocumentsCompared:
    """Documents of a benchmark whose results are durable now."""

    # The documents, by their ids.
    documents: tuple[ComparedDocument, ...]
    # What came of each field in these documents; of at most the first 256 fields by their
    # paths.
    fields: tuple[FieldAccuracy, ...]


@dataclass(frozen=True, kw_only=True)
class FieldAccuracies:
    """How right the fields of a benchmark are so far."""

    # The fields, at most the first 256 by their paths.
    fields: tuple[FieldAccuracy, ...]
    # Documents compared so far.
    documents: int


@dataclass(frozen=True, kw_only=True)
class EpochFinished:
    """The event of an epoch that was trained."""

    # Its number, from 1.
    epoch: int
    # Epochs that are planned; early stopping may run fewer.
    epochs: int
    # The loss on the training rows.
    train_loss: float
    # The loss on the validation rows; absent where there are none.
    validation_loss: float | None


@dataclass(frozen=True, kw_only=True)
class TrialFinished:
    """The event of a trial of a search for hyperparameters."""

    # Its number, from 0.
    trial: int
    # Trials that are planned.
    trials: int
    # complete; pruned when it was given up early; or diverged when its numbers did not stay
    # finite.
    outcome: str
    # The hyperparameters that were tried.
    hyperparams: Mapping[str, object]
    # Macro F1, or R² of a regression, on the validation rows; of a complete trial.
    objective: float | None


@dataclass(frozen=True, kw_only=True)
class CalibrationFinished:
    """The event of a calibration."""

    # The expected calibration error on held-out rows before.
    ece_before: float
    # And after.
    ece_after: float


@dataclass(frozen=True, kw_only=True)
class SplitMeasured:
    """The event of a split on which the version was measured."""

    # train, validation or test.
    dataset_split: str
    # Rows.
    rows: int
    # The headline metrics, by name.
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class ReceivedInferenceInput:
    """What has come of one content of an input."""

    # The job.
    job_id: str
    # The input's name.
    input_name: str
    # The content's name.
    item_name: str
    # Bytes of the content, all chunks together.
    size: int


register("assay.v1.JobProgress", JobProgress)
register("assay.v1.JobError", Failure)
register("assay.v1.Job", Job)
register("assay.v1.CreateWatchTokenResponse", CreateWatchTokenResponse)
register("assay.v1.UnmatchedDocuments", UnmatchedDocuments)
register("assay.v1.Benchmark", Benchmark)
register("assay.v1.TrackMeasures", TrackMeasures)
register("assay.v1.ReliabilityBin", ReliabilityBin)
register("assay.v1.BrierDecomposition", BrierDecomposition)
register("assay.v1.ReliabilityTable", ReliabilityTable)
register("assay.v1.FieldMeasures", FieldMeasures)
register("assay.v1.BenchmarkMeasures", BenchmarkMeasures)
register("assay.v1.BenchmarkSpec", BenchmarkSpec)
register("assay.v1.GetBenchmarkResponse", BenchmarkReport)
register("assay.v1.FieldResult", FieldResult)
register("assay.v1.DocumentResult", DocumentResult)
register("assay.v1.AccuracyDifference", AccuracyDifference)
register("assay.v1.BenchmarkDifferences", BenchmarkDifferences)
register("assay.v1.CompareBenchmarksResponse", BenchmarkStandings)
register("assay.v1.DeleteBenchmarkResponse", DeleteBenchmarkResponse)
register("assay.v1.ComparedVersion", ComparedVersion)
register("assay.v1.ConfigDifference", ConfigDifference)
register("assay.v1.McNemarTest", McNemarTest)
register("assay.v1.AreasTest", AreasTest)
register("assay.v1.MetricInterval", MetricInterval)
register("assay.v1.PairedTests", PairedTests)
register("assay.v1.CompareVersionsResponse", Comparison)
register("assay.v1.DatasetSplit", DatasetSplit)
register("assay.v1.Dataset", Dataset)
register("assay.v1.DatasetRevision", DatasetRevision)
register("assay.v1.SplitChange", SplitChange)
register("assay.v1.LabelCount", LabelCount)
register("assay.v1.FeatureProfile", FeatureProfile)
register("assay.v1.LengthProfile", LengthProfile)
register("assay.v1.SplitProfile", SplitProfile)
register("assay.v1.SplitOverlap", SplitOverlap)
register("assay.v1.DatasetProfile", DatasetProfile)
register("assay.v1.RocPoint", RocPoint)
register("assay.v1.RocCurve", RocCurve)
register("assay.v1.PrPoint", PrPoint)
register("assay.v1.PrCurve", PrCurve)
register("assay.v1.ThresholdRow", ThresholdRow)
register("assay.v1.ThresholdTable", ThresholdTable)
register("assay.v1.CalibrationReport", CalibrationReport)
register("assay.v1.MisclassificationError", MisclassificationError)
register("assay.v1.MisclassificationErrors", MisclassificationErrors)
register("assay.v1.ResidualBin", ResidualBin)
register("assay.v1.ResidualReport", ResidualReport)
register("assay.v1.Slice", Slice)
register("assay.v1.SliceReport", SliceReport)
register("assay.v1.IntervalReport", IntervalReport)
register("assay.v1.RequirementOutcome", RequirementOutcome)
register("assay.v1.TruthCoverage", TruthCoverage)
register("assay.v1.Evaluation", Evaluation)
register("assay.v1.ExtractionRun", ExtractionRun)
register("assay.v1.DeleteExtractionRunResponse", DeleteExtractionRunResponse)
register("assay.v1.Extraction", Extraction)
register("assay.v1.SchemaField", SchemaField)
register("assay.v1.FieldSchema", FieldSchema)
register("assay.v1.DeleteFieldSchemaResponse", DeleteFieldSchemaResponse)
register("assay.v1.GroundTruthDataset", GroundTruthDataset)
register("assay.v1.DeleteGroundTruthDatasetResponse", DeleteGroundTruthDatasetResponse)
register("assay.v1.GetGroundTruthSchemaResponse", DatasetSchema)
register("assay.v1.Entry", Entry)
register("assay.v1.DeleteEntryResponse", DeleteEntryResponse)
register("assay.v1.InferenceJob", InferenceJob)
register("assay.v1.ListInferenceJobsResponse", ListInferenceJobsResponse)
register("assay.v1.CancelInferenceJobsResponse", CancelInferenceJobsResponse)
register("assay.v1.InferenceFeatures", InferenceFeatures)
register("assay.v1.InferenceOutput", InferenceOutput)
register("assay.v1.InferenceResult", InferenceResult)
register("assay.v1.InferenceVote", InferenceVote)
register("assay.v1.ApiKey", ApiKey)
register("assay.v1.CreateKeyResponse", NewApiKey)
register("assay.v1.ModelInput", ModelInput)
register("assay.v1.ModelOutput", ModelOutput)
register("assay.v1.Model", Model)
register("assay.v1.PerformanceSummary", PerformanceSummary)
register("assay.v1.ClassScores", ClassScores)
register("assay.v1.OverallScores", OverallScores)
register("assay.v1.ClassificationReport", ClassificationReport)
register("assay.v1.ConfusionMatrix", ConfusionMatrix)
register("assay.v1.Limits", Limits)
register("assay.v1.MetricDefinition", MetricDefinition)
register("assay.v1.ServerInfo", ServerInfo)
register("assay.v1.ModelJob", ModelJob)
register("assay.v1.MetricTable", MetricTable)
register("assay.v1.ModelMetrics", ModelMetrics)
register("assay.v1.RemoteInput", RemoteInput)
register("assay.v1.RemoteTls", RemoteTls)
register("assay.v1.RemoteModel", RemoteModel)
register("assay.v1.Version", Version)
register("assay.v1.PromoteVersionResponse", Promotion)
register("assay.v1.SkippedRow", SkippedRow)
register("assay.v1.ImportResponse", Imported)
register("assay.v1.JobEvent", JobEvent)
register("assay.v1.JobStatus", JobStatus)
register("assay.v1.WatchJobResponse", WatchJobResponse)
register("assay.v1.StateChanged", StateChanged)
register("assay.v1.LiveMetrics", LiveMetrics)
register("assay.v1.ComparedDocument", ComparedDocument)
register("assay.v1.FieldAccuracy", FieldAccuracy)
register("assay.v1.DocumentsCompared", DocumentsCompared)
register("assay.v1.FieldAccuracies", FieldAccuracies)
register("assay.v1.EpochFinished", EpochFinished)
register("assay.v1.TrialFinished", TrialFinished)
register("assay.v1.CalibrationFinished", CalibrationFinished)
register("assay.v1.SplitMeasured", SplitMeasured)
register("assay.v1.ReceivedInferenceInput", ReceivedInferenceInput)
