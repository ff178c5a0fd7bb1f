"""The unary calls of each service as methods and iterators, one group a resource."""

# Made by `make generate` from protos/assay/v1; never edited.

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from assay.client import types
from assay.client.groups import PAGE_SIZE, Group


class Benchmarks(Group):
    """Benchmarks of the caller's organization."""

    service = "assay.v1.BenchmarkService"

    def create(
        self,
        dataset_id: str,
        *,
        name: str = "",
        run_id: str = "",
        user_schema_id: str = "",
        compared_to: str = "",
        model_id: str = "",
        version: str = "",
        documents: str = "",
        split: str = "",
    ) -> types.Benchmark:
        """Creates a benchmark of the dataset's documents as they are now, and queues it.

        With a model its job first has a version extract from documents, and stores that as an
        extraction run.

        Args:
            dataset_id: The ground-truth dataset.
            name: A name of at most 200 characters; Benchmark and the moment by default.
            run_id: The extraction run; by default each document's newest extraction of all runs.
            user_schema_id: The field schema; by default that of the dataset, else one that is
                inferred.
            compared_to: The benchmark to compare with; by default the dataset's previous
                completed one that compared anything.
            model_id: A model of extractions, a version of which reads the documents in place of
                run_id.
            version: Its version: an id, a label or N.0.0; by default the promoted one, else the
                newest that is ready.
            documents: The dataset whose rows the version reads, by id or name; required with
                model_id. A row's id is the id of its document.
            split: Its split; by default test, without one validation, else train.
        """
        return self._one(
            types.Benchmark,
            "CreateBenchmark",
            {
                "dataset_id": dataset_id,
                "name": name,
                "run_id": run_id,
                "user_schema_id": user_schema_id,
                "compared_to_run_id": compared_to,
                "model_id": model_id,
                "version": version,
                "documents": documents,
                "split": split,
            },
        )

    def get(self, benchmark_id: str) -> types.BenchmarkReport:
        """Returns a benchmark; a completed one with all that was measured.

        Args:
            benchmark_id: The benchmark.
        """
        return self._one(types.BenchmarkReport, "GetBenchmark", {"benchmark_id": benchmark_id})

    def list(
        self, *, dataset_id: str = "", status: str = "", page_size: int = PAGE_SIZE
    ) -> Iterator[types.Benchmark]:
        """Lists benchmarks, newest first.

        Args:
            dataset_id: Only benchmarks of this dataset.
            status: Only benchmarks with this status: queued, running, completed or failed.
        """
        return self._pages(
            types.Benchmark,
            "ListBenchmarks",
            {"dataset_id": dataset_id, "status": status, "limit": page_size},
        )

    def results(
        self,
        benchmark_id: str,
        *,
        field: str = "",
        outcome: str = "",
        only_wrong: bool = False,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[types.DocumentResult]:
        """Lists what came of each document, by document id.

        Args:
            benchmark_id: The benchmark.
            field: Only comparisons of this field, by its path, and documents that have one.
            outcome: Only comparisons with this outcome, and documents that have one.
            only_wrong: Only comparisons that are not right, and documents that have one.
        """
        return self._pages(
            types.DocumentResult,
            "ListBenchmarkResults",
            {
                "benchmark_id": benchmark_id,
                "field": field,
                "outcome": outcome,
                "only_wrong": only_wrong,
                "limit": page_size,
            },
        )

    def compare_standings(self, run_a: str, run_b: str) -> types.BenchmarkStandings:
        """Compares two benchmarks field by field and document by document.

        Args:
            run_a: The benchmark that is asked about.
            run_b: The benchmark that it is compared with.
        """
        return self._one(
            types.BenchmarkStandings, "CompareBenchmarks", {"run_a": run_a, "run_b": run_b}
        )

    def cancel(self, benchmark_id: str) -> types.Benchmark:
        """Cancels a benchmark that has not ended; best effort for a running one.

        Args:
            benchmark_id: The benchmark.
        """
        return self._one(types.Benchmark, "CancelBenchmark", {"benchmark_id": benchmark_id})

    def delete(self, benchmark_id: str, *, cascade: bool = False) -> None:
        """Deletes a benchmark with its results.

        Args:
            benchmark_id: The benchmark.
            cascade: Deletes it though others are compared with it: they lose their
                accuracy_delta.
        """
        self._none("DeleteBenchmark", {"benchmark_id": benchmark_id, "cascade": cascade})


class Comparisons(Group):
    """Comparisons of two versions of one model."""

    service = "assay.v1.ComparisonService"

    def get(self, model_id: str, version_a: str, version_b: str) -> types.Comparison:
        """Compares two versions of one model.

        Args:
            model_id: The model.
            version_a: The version that is the base of the comparison.
            version_b: The version that is compared with it.
        """
        return self._one(
            types.Comparison,
            "CompareVersions",
            {"model_id": model_id, "version_a": version_a, "version_b": version_b},
        )

    def start(self, model_id: str, version_a: str, version_b: str) -> types.Job:
        """Has two versions tested on the same rows, those of their newest test evaluations, by a
        job; a repeat is the same job.

        CompareVersions shows what it finds.

        Args:
            model_id: The model.
            version_a: The version that is the base of the comparison.
            version_b: The version that is compared with it.
        """
        return self._one(
            types.Job,
            "StartComparison",
            {"model_id": model_id, "version_a": version_a, "version_b": version_b},
        )


class Datasets(Group):
    """Datasets and their splits."""

    service = "assay.v1.DatasetService"

    def create(
        self, name: str, task_type: str, *, description: str = "", if_absent: bool = False
    ) -> types.Dataset:
        """Creates a dataset without rows.

        Args:
            name: A human name, 1 to 200 characters, unique in the organization.
            task_type: tabular_classification, tabular_regression, text_classification,
                image_classification or extraction.
            description: Free text of at most 4000 characters.
            if_absent: Returns the dataset that has the name, where one of the same task type has.
        """
        return self._one(
            types.Dataset,
            "CreateDataset",
            {
                "name": name,
                "task_type": task_type,
                "description": description,
                "if_absent": if_absent,
            },
        )

    def get(self, dataset_id: str) -> types.Dataset:
        """Returns one dataset with the splits of its newest revision.

        Args:
            dataset_id: The dataset's id or, where none has it as id, its name.
        """
        return self._one(types.Dataset, "GetDataset", {"dataset_id": dataset_id})

    def list(self, *, page_size: int = PAGE_SIZE) -> Iterator[types.Dataset]:
        """Lists datasets, newest first."""
        return self._pages(types.Dataset, "ListDatasets", {"page_size": page_size})

    def delete(self, dataset_id: str, *, cascade: bool = False) -> None:
        """Deletes a dataset with its revisions.

        Args:
            dataset_id: The dataset's id.
            cascade: Deletes the revisions with it.
        """
        self._none("DeleteDataset", {"dataset_id": dataset_id, "cascade": cascade})

    def make_splits(
        self,
        dataset_id: str,
        fractions: Mapping[str, float],
        *,
        source: str = "",
        seed: int = 0,
        stratified: bool | None = None,
        grouped: bool | None = None,
        replace: bool = False,
    ) -> types.SplitChange:
        """Makes splits from one that is stored, by a seed: 201 with the revision that it makes,
        or 202 and the Location of the job when that takes longer than 20 s.

        Args:
            dataset_id: The dataset.
            source: The split whose rows are shared out; train by default.
            fractions: The fraction of the rows that each split gets, by name; what is left of 1
                stays in the source.
            seed: Decides which rows go where; 0 by default.
            stratified: Shares out each class by the fractions; by default where rows have one
                class.
            grouped: Keeps the rows of a group in one split; by default where rows have groups.
            replace: Replaces splits that are there already.
        """
        return self._one(
            types.SplitChange,
            "MakeSplits",
            {
                "dataset_id": dataset_id,
                "source": source,
                "fractions": fractions,
                "seed": seed,
                "stratified": stratified,
                "grouped": grouped,
                "replace": replace,
            },
        )

    def revisions(
        self, dataset_id: str, *, page_size: int = PAGE_SIZE
    ) -> Iterator[types.DatasetRevision]:
        """Lists a dataset's revisions, newest first.

        Args:
            dataset_id: The dataset.
        """
        return self._pages(
            types.DatasetRevision,
            "ListDatasetRevisions",
            {"dataset_id": dataset_id, "page_size": page_size},
        )

    def revision(self, dataset_id: str, revision: int) -> types.DatasetRevision:
        """Returns one revision.

        Args:
            dataset_id: The dataset.
            revision: The revision's number, from 1.
        """
        return self._one(
            types.DatasetRevision,
            "GetDatasetRevision",
            {"dataset_id": dataset_id, "revision": revision},
        )

    def profile(self, dataset_id: str, *, revision: int = 0) -> types.DatasetProfile:
        """Returns what a revision holds: counts by class and split, missing values, lengths, and
        rows that stand in two splits.

        Args:
            dataset_id: The dataset.
            revision: The revision; 0 is the newest.
        """
        return self._one(
            types.DatasetProfile,
            "GetDatasetProfile",
            {"dataset_id": dataset_id, "revision": revision},
        )


class Diagnostics(Group):
    """Curves, tables and mistakes of stored evaluations, read; no row is looked at again."""

    service = "assay.v1.DiagnosticsService"

    def roc_curve(
        self,
        model_id: str,
        version_id: str = "",
        split: str = "",
        *,
        class_label: str = "",
        resolution: int | None = None,
    ) -> types.RocCurve:
        """Returns the ROC curve of a class against the rest: of the label named, else of the
        positive one, else the macro average.

        Args:
            model_id: The model.
            version_id: The version; the promoted one when empty.
            split: train, validation or test, which is the default.
            class_label: A label; without one the positive label, or the macro average of more
                classes.
            resolution: At most this many points, 2 or more; 100 by default, more than 1000 is
                1000.
        """
        return self._one(
            types.RocCurve,
            "GetRocCurve",
            {
                "model_id": model_id,
                "version_id": version_id,
                "dataset_split": split,
                "class_label": class_label,
                "resolution": resolution,
            },
        )

    def pr_curve(
        self,
        model_id: str,
        version_id: str = "",
        split: str = "",
        *,
        class_label: str = "",
        resolution: int | None = None,
    ) -> types.PrCurve:
        """Returns the precision-recall curve of a class against the rest.

        Args:
            model_id: The model.
            version_id: The version; the promoted one when empty.
            split: train, validation or test, which is the default.
            class_label: A label; mandatory where there is no positive one.
            resolution: At most this many points, 2 or more; 100 by default, more than 500 is 500.
        """
        return self._one(
            types.PrCurve,
            "GetPrCurve",
            {
                "model_id": model_id,
                "version_id": version_id,
                "dataset_split": split,
                "class_label": class_label,
                "resolution": resolution,
            },
        )

    def thresholds(
        self,
        model_id: str,
        version_id: str = "",
        split: str = "",
        *,
        class_label: str = "",
        resolution: int | None = None,
        false_positive_cost: float | None = None,
        false_negative_cost: float | None = None,
    ) -> types.ThresholdTable:
        """Returns what predicting a class from a threshold on gives, and the best thresholds by
        F1 and by cost.

        Args:
            model_id: The model.
            version_id: The version; the promoted one when empty.
            split: train, validation or test, which is the default.
            class_label: A label; mandatory where there is no positive one.
            resolution: At most this many rows, 2 or more; 100 by default, more than 1000 is 1000.
            false_positive_cost: What one false positive costs; together with false_negative_cost.
            false_negative_cost: What one false negative costs; together with false_positive_cost.
        """
        return self._one(
            types.ThresholdTable,
            "GetThresholds",
            {
                "model_id": model_id,
                "version_id": version_id,
                "dataset_split": split,
                "class_label": class_label,
                "resolution": resolution,
                "false_positive_cost": false_positive_cost,
                "false_negative_cost": false_negative_cost,
            },
        )

    def calibration(
        self, model_id: str, version_id: str = "", split: str = ""
    ) -> types.CalibrationReport:
        """Returns how far confidences are true: the reliability table of the headline and of
        every class.

        Args:
            model_id: The model.
            version_id: The version; the promoted one when empty.
            split: train, validation or test, which is the default.
        """
        return self._one(
            types.CalibrationReport,
            "GetCalibration",
            {"model_id": model_id, "version_id": version_id, "dataset_split": split},
        )

    def misclassification_errors(
        self,
        model_id: str,
        version_id: str = "",
        split: str = "",
        *,
        limit: int | None = None,
        true_label: str = "",
        predicted_label: str = "",
        min_confidence: float | None = None,
        cursor: str = "",
    ) -> types.MisclassificationErrors:
        """Returns the most confident mistakes with the features of their rows; a page holds fewer
        when these are large.

        Args:
            model_id: The model.
            version_id: The version; the promoted one when empty.
            split: train, validation or test, which is the default.
            limit: At most this many; 50 by default, more than 500 is 500. Long features end a
                page sooner.
            true_label: Only records whose true label is this one.
            predicted_label: Only records that were predicted to be this.
            min_confidence: Only mistakes of at least this confidence, 0 to 1.
            cursor: Where to go on, as the page before told.
        """
        return self._one(
            types.MisclassificationErrors,
            "ListMisclassificationErrors",
            {
                "model_id": model_id,
                "version_id": version_id,
                "dataset_split": split,
                "limit": limit,
                "true_label": true_label,
                "predicted_label": predicted_label,
                "min_confidence": min_confidence,
                "cursor": cursor,
            },
        )

    def residuals(
        self, model_id: str, version_id: str = "", split: str = ""
    ) -> types.ResidualReport:
        """Returns the distribution of true less predicted.

        Args:
            model_id: The model.
            version_id: The version; the promoted one when empty.
            split: train, validation or test, which is the default.
        """
        return self._one(
            types.ResidualReport,
            "GetResiduals",
            {"model_id": model_id, "version_id": version_id, "dataset_split": split},
        )

    def slices(
        self, model_id: str, version_id: str = "", split: str = "", *, column: str = ""
    ) -> types.SliceReport:
        """Returns the metrics of the rows that share a value of a slice column.

        Args:
            model_id: The model.
            version_id: The version; the promoted one when empty.
            split: train, validation or test, which is the default.
            column: Only this slice column, without its prefix `slice:`.
        """
        return self._one(
            types.SliceReport,
            "GetSlices",
            {
                "model_id": model_id,
                "version_id": version_id,
                "dataset_split": split,
                "column": column,
            },
        )

    def intervals(
        self, model_id: str, version_id: str = "", split: str = ""
    ) -> types.IntervalReport:
        """Returns the confidence intervals of the metrics that have one.

        Args:
            model_id: The model.
            version_id: The version; the promoted one when empty.
            split: train, validation or test, which is the default.
        """
        return self._one(
            types.IntervalReport,
            "GetIntervals",
            {"model_id": model_id, "version_id": version_id, "dataset_split": split},
        )


class Evaluations(Group):
    """Evaluations of versions."""

    service = "assay.v1.EvaluationService"

    def create(
        self,
        model_id: str,
        version_id: str,
        split: str,
        *,
        positive_label: str = "",
        renormalize: bool = False,
        deadline: datetime | None = None,
        require: Sequence[str] = (),
        replace: bool = False,
    ) -> types.Evaluation:
        """Opens an upload for a version and a split.

        Args:
            model_id: The model.
            version_id: The version.
            split: train, validation or test.
            positive_label: The positive label, where the model declares none.
            renormalize: Divides each row of scores by its sum instead of refusing rows that do
                not sum to 1.
            deadline: When upload and measurement end as timed_out; at most 30 days ahead, by
                default 7 days.
            require: What is required of the numbers, such as accuracy>=0.93. A promoted version
                keeps what is served of it unless all are met.
            replace: Serves the evaluation of a promoted version though a requirement is not met,
                or it is of other rows or labels than the one that is served.
        """
        return self._one(
            types.Evaluation,
            "CreateEvaluation",
            {
                "model_id": model_id,
                "version_id": version_id,
                "dataset_split": split,
                "positive_label": positive_label,
                "renormalize": renormalize,
                "deadline": deadline,
                "require": require,
                "replace": replace,
            },
        )

    def finish(self, evaluation_id: str, rows: int) -> types.Evaluation:
        """Ends an upload and queues its measurement.

        Args:
            evaluation_id: The evaluation.
            rows: The number of rows that were sent, as a check.
        """
        return self._one(
            types.Evaluation, "FinishEvaluation", {"evaluation_id": evaluation_id, "rows": rows}
        )

    def get(self, evaluation_id: str) -> types.Evaluation:
        """Returns one evaluation.

        Args:
            evaluation_id: The evaluation.
        """
        return self._one(types.Evaluation, "GetEvaluation", {"evaluation_id": evaluation_id})

    def list(
        self, model_id: str, version_id: str, split: str = "", *, page_size: int = PAGE_SIZE
    ) -> Iterator[types.Evaluation]:
        """Lists a version's evaluations, newest first.

        Args:
            model_id: The model.
            version_id: The version.
            split: Only evaluations of this split.
        """
        return self._pages(
            types.Evaluation,
            "ListEvaluations",
            {
                "model_id": model_id,
                "version_id": version_id,
                "dataset_split": split,
                "page_size": page_size,
            },
        )

    def revision(
        self, model_id: str, version_id: str, split: str, revision: int
    ) -> types.Evaluation:
        """Returns one revision of a version on a split.

        Args:
            model_id: The model.
            version_id: The version.
            split: train, validation or test.
            revision: The revision's number, from 1.
        """
        return self._one(
            types.Evaluation,
            "GetEvaluationRevision",
            {
                "model_id": model_id,
                "version_id": version_id,
                "dataset_split": split,
                "revision": revision,
            },
        )

    def serve(self, evaluation_id: str) -> types.Evaluation:
        """Serves an evaluation of its version and split from now on, whatever is newer.

        Args:
            evaluation_id: The evaluation.
        """
        return self._one(types.Evaluation, "ServeEvaluation", {"evaluation_id": evaluation_id})

    def delete(self, evaluation_id: str, *, cascade: bool = False) -> None:
        """Deletes an evaluation with its rows.

        Args:
            evaluation_id: The evaluation.
            cascade: Deletes it though it is served: its split has no numbers then.
        """
        self._none("DeleteEvaluation", {"evaluation_id": evaluation_id, "cascade": cascade})

    def create_from_rows(
        self,
        model_id: str,
        version_id: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        split: str = "",
        positive_label: str = "",
        renormalize: bool = False,
        require: Sequence[str] = (),
        replace: bool = False,
    ) -> types.Evaluation:
        """Takes up to 10000 rows and measures them: 201 with the finished evaluation, or 202 and
        a Location when that takes longer than 20 s.

        Args:
            model_id: The model.
            version_id: The version.
            split: train, validation or test, which is the default.
            positive_label: The positive label, where the model declares none.
            renormalize: Divides each row of scores by its sum instead of refusing rows that do
                not sum to 1.
            rows: The rows, 1 to 10000; a field that one row has the others have too, but for
                features.
            require: What is required of the numbers, such as accuracy>=0.93. A promoted version
                keeps what is served of it unless all are met.
            replace: Serves the evaluation of a promoted version though a requirement is not met,
                or it is of other rows or labels than the one that is served.
        """
        return self._one(
            types.Evaluation,
            "EvaluateRows",
            {
                "model_id": model_id,
                "version_id": version_id,
                "dataset_split": split,
                "positive_label": positive_label,
                "renormalize": renormalize,
                "rows": rows,
                "require": require,
                "replace": replace,
            },
        )


class ExtractionRuns(Group):
    """Extraction runs of the caller's organization; REST has views of them."""

    service = "assay.v1.ExtractionService"

    def create(
        self, name: str, *, model: str | None = None, version: str | None = None
    ) -> types.ExtractionRun:
        """Creates an empty run.

        Args:
            name: A human name of 1 to 200 characters.
            model: What makes the extractions, in its owner's words.
            version: The version of it.
        """
        return self._one(
            types.ExtractionRun,
            "CreateExtractionRun",
            {"name": name, "model": model, "version": version},
        )

    def get(self, run_id: str) -> types.ExtractionRun:
        """Returns one run.

        Args:
            run_id: The run.
        """
        return self._one(types.ExtractionRun, "GetExtractionRun", {"run_id": run_id})

    def list(self, *, page_size: int = PAGE_SIZE) -> Iterator[types.ExtractionRun]:
        """Lists runs, newest first."""
        return self._pages(types.ExtractionRun, "ListExtractionRuns", {"limit": page_size})

    def delete(self, run_id: str) -> None:
        """Deletes a run with its extractions; benchmarks keep what they were made with.

        Args:
            run_id: The run.
        """
        self._none("DeleteExtractionRun", {"run_id": run_id})

    def get_extraction(self, run_id: str, extraction_id: str) -> types.Extraction:
        """Returns one extraction.

        Args:
            run_id: The run.
            extraction_id: The extraction.
        """
        return self._one(
            types.Extraction, "GetExtraction", {"run_id": run_id, "extraction_id": extraction_id}
        )

    def list_extractions(
        self, run_id: str, *, document_id: str = "", page_size: int = PAGE_SIZE
    ) -> Iterator[types.Extraction]:
        """Lists a run's extractions, newest first; a page holds fewer when they are large.

        Args:
            run_id: The run.
            document_id: Only the extraction of this document.
        """
        return self._pages(
            types.Extraction,
            "ListExtractions",
            {"run_id": run_id, "document_id": document_id, "limit": page_size},
        )


class FieldSchemas(Group):
    """Field schemas of the caller's organization; REST has views of them."""

    service = "assay.v1.FieldSchemaService"

    def create(
        self,
        name: str,
        fields: Sequence[types.SchemaField | Mapping[str, Any]],
        *,
        distinct_empties: Sequence[str] = (),
        description: str = "",
    ) -> types.FieldSchema:
        """Creates a field schema.

        Args:
            name: A human name of 1 to 200 characters.
            fields: The fields, up to 10 000 with those inside, 32 levels deep.
            distinct_empties: Those of missing, null and empty that are not the same absence of a
                value.
            description: Free text of up to 4 000 characters.
        """
        return self._one(
            types.FieldSchema,
            "CreateFieldSchema",
            {
                "name": name,
                "fields": fields,
                "distinct_empties": distinct_empties,
                "description": description,
            },
        )

    def get(self, user_schema_id: str) -> types.FieldSchema:
        """Returns one field schema.

        Args:
            user_schema_id: The schema.
        """
        return self._one(types.FieldSchema, "GetFieldSchema", {"user_schema_id": user_schema_id})

    def list(self, *, page_size: int = PAGE_SIZE) -> Iterator[types.FieldSchema]:
        """Lists field schemas, newest first."""
        return self._pages(types.FieldSchema, "ListFieldSchemas", {"limit": page_size})

    def update(
        self,
        user_schema_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        fields: Sequence[types.SchemaField | Mapping[str, Any]] = (),
        distinct_empties: Sequence[str] = (),
    ) -> types.FieldSchema:
        """Changes what is sent and leaves the rest; benchmarks keep the schema that they were
        made with.

        Args:
            user_schema_id: The schema.
            name: A new name.
            description: A new description.
            fields: New fields, in place of all that are there; distinct_empties are then those
                sent with them.
            distinct_empties: Without fields: new distinct_empties for the fields that are there.
        """
        return self._one(
            types.FieldSchema,
            "UpdateFieldSchema",
            {
                "user_schema_id": user_schema_id,
                "name": name,
                "description": description,
                "fields": fields,
                "distinct_empties": distinct_empties,
            },
        )

    def delete(self, user_schema_id: str) -> None:
        """Deletes a field schema.

        Args:
            user_schema_id: The schema.
        """
        self._none("DeleteFieldSchema", {"user_schema_id": user_schema_id})


class GroundTruth(Group):
    """Ground-truth datasets and their entries; REST has views of them."""

    service = "assay.v1.GroundTruthService"

    def create(
        self, name: str, *, description: str = "", user_schema_id: str = "", if_absent: bool = False
    ) -> types.GroundTruthDataset:
        """Creates an empty dataset.

        Args:
            name: A human name of 1 to 200 characters.
            description: Free text of up to 4 000 characters.
            user_schema_id: The field schema of its documents; inferred from the entries when
                empty.
            if_absent: Returns the dataset that has the name, if there is one, instead of refusing
                it.
        """
        return self._one(
            types.GroundTruthDataset,
            "CreateGroundTruthDataset",
            {
                "name": name,
                "description": description,
                "user_schema_id": user_schema_id,
                "if_absent": if_absent,
            },
        )

    def get(self, dataset_id: str) -> types.GroundTruthDataset:
        """Returns one dataset.

        Args:
            dataset_id: The dataset.
        """
        return self._one(
            types.GroundTruthDataset, "GetGroundTruthDataset", {"dataset_id": dataset_id}
        )

    def list(self, *, page_size: int = PAGE_SIZE) -> Iterator[types.GroundTruthDataset]:
        """Lists datasets, newest first."""
        return self._pages(
            types.GroundTruthDataset, "ListGroundTruthDatasets", {"limit": page_size}
        )

    def update(
        self,
        dataset_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        user_schema_id: object | None = None,
    ) -> types.GroundTruthDataset:
        """Changes what is sent and leaves the rest.

        Args:
            dataset_id: The dataset.
            name: A new name.
            description: A new description.
            user_schema_id: Another field schema, as text; null takes it away.
        """
        return self._one(
            types.GroundTruthDataset,
            "UpdateGroundTruthDataset",
            {
                "dataset_id": dataset_id,
                "name": name,
                "description": description,
                "user_schema_id": user_schema_id,
            },
        )

    def delete(self, dataset_id: str) -> None:
        """Deletes a dataset with its entries; benchmarks keep what they were made with.

        Args:
            dataset_id: The dataset.
        """
        self._none("DeleteGroundTruthDataset", {"dataset_id": dataset_id})

    def schema(self, dataset_id: str) -> types.DatasetSchema:
        """Returns the field schema that a dataset names, else the one that its entries seem to
        have.

        Args:
            dataset_id: The dataset.
        """
        return self._one(types.DatasetSchema, "GetGroundTruthSchema", {"dataset_id": dataset_id})

    def create_entry(
        self, dataset_id: str, document_id: str, expected: object, *, notes: str | None = None
    ) -> types.Entry:
        """Adds one document to a dataset.

        Args:
            dataset_id: The dataset.
            document_id: The document: 1 to 500 characters, unique in the dataset.
            expected: The text of a JSON object, whose numbers keep every digit.
            notes: Free text of up to 4 000 characters.
        """
        return self._one(
            types.Entry,
            "CreateEntry",
            {
                "dataset_id": dataset_id,
                "document_id": document_id,
                "expected": expected,
                "notes": notes,
            },
        )

    def get_entry(self, dataset_id: str, entry_id: str) -> types.Entry:
        """Returns one entry.

        Args:
            dataset_id: The dataset.
            entry_id: The entry.
        """
        return self._one(types.Entry, "GetEntry", {"dataset_id": dataset_id, "entry_id": entry_id})

    def list_entries(
        self, dataset_id: str, *, document_id: str = "", page_size: int = PAGE_SIZE
    ) -> Iterator[types.Entry]:
        """Lists entries, newest first; a page holds fewer when they are large.

        Args:
            dataset_id: The dataset.
            document_id: Only the entry of this document.
        """
        return self._pages(
            types.Entry,
            "ListEntries",
            {"dataset_id": dataset_id, "document_id": document_id, "limit": page_size},
        )

    def delete_entry(self, dataset_id: str, entry_id: str) -> None:
        """Deletes one entry.

        Args:
            dataset_id: The dataset.
            entry_id: The entry.
        """
        self._none("DeleteEntry", {"dataset_id": dataset_id, "entry_id": entry_id})


class Inference(Group):
    """Inference jobs of the caller's organization."""

    service = "assay.v1.InferenceJobService"

    def submit(
        self,
        model: Mapping[str, Any],
        *,
        explain: bool = False,
        input: Mapping[str, Any] | None = None,
        timeout: int = 0,
        inputs: Sequence[Mapping[str, Any]] = (),
        request_id: str = "",
    ) -> types.InferenceJob:
        """Submits inputs to a version of a model; without inputs it opens a job, to which they
        are sent in chunks.

        An input with a wrong content, or a content of a wrong name, fails alone.

        Args:
            model: The model, and its version.
            explain: Whether each output is to be explained.
            input: The inputs, all of one type.
            timeout: Milliseconds after which the job ends, finished or not; 0 or absent: no
                limit.
            inputs: The inputs with typed contents, in place of `input`.
            request_id: A repeat with the same id returns the first job.
        """
        return self._one(
            types.InferenceJob,
            "SubmitInferenceJob",
            {
                "model": model,
                "explain": explain,
                "input": input,
                "timeout": timeout,
                "inputs": inputs,
                "request_id": request_id,
            },
        )

    def get(self, job_id: str) -> types.InferenceJob:
        """Returns one job.

        Args:
            job_id: The job.
        """
        return self._one(types.InferenceJob, "GetInferenceJob", {"job_id": job_id})

    def cancel(self, job_id: str) -> types.InferenceJob:
        """Cancels a job that has not ended, an open one too, and waits for a moment until it has;
        what finished before keeps its results.

        A canceled job stays as it is.

        Args:
            job_id: The job.
        """
        return self._one(types.InferenceJob, "CancelInferenceJob", {"job_id": job_id})

    def close(self, job_id: str) -> types.InferenceJob:
        """Submits an OPEN job with the inputs that it has; one that was submitted stays as it is.

        Args:
            job_id: The job.
        """
        return self._one(types.InferenceJob, "CloseInferenceJob", {"job_id": job_id})

    def history(
        self,
        *,
        user: str = "",
        access_key: str = "",
        start_date: str = "",
        end_date: str = "",
        model: str = "",
        status: str = "",
        model_identifier: str = "",
        model_version: str = "",
        search: str = "",
        sort_by: str = "",
        direction: str = "",
        page: int = 0,
        per_page: int | None = None,
    ) -> types.ListInferenceJobsResponse:
        """Lists jobs by page, newest first.

        Args:
            user: Parts of the name of the key that submitted a job, of its prefix, or of the
                subject of a token.
            access_key: The prefix of a key, or parts of its name.
            start_date: Only jobs made at this time or later, in ISO 8601; without a zone it is
                UTC.
            end_date: Only jobs made at this time or before, beside start_date; a date alone is
                all of that day.
            model: Parts of the name of a model, or the id of a model or a version.
            status: ALL, PENDING (open jobs too), TERMINATED, TERMINATED_WITH_ERROR, or the status
                of jobs, in any case.
            model_identifier: The id of a model.
            model_version: The label or the id of a version.
            search: Parts of any of these names, or the id of a job.
            sort_by: Columns to sort by, divided by commas: identifier, submittedBy,
                submittedJobs, status, createdAt, updatedAt, submittedAt, total, completed, fail,
                model.
            direction: ASC or DESC, in any case: one for all columns, or one for each, divided by
                commas.
            page: The page, from 1; 0 is the first too.
            per_page: At most this many jobs; absent, it is 10; more than 1000 is 1000.
        """
        return self._one(
            types.ListInferenceJobsResponse,
            "InferenceHistoryService.ListInferenceJobs",
            {
                "user": user,
                "access_key": access_key,
                "start_date": start_date,
                "end_date": end_date,
                "model": model,
                "status": status,
                "model_identifier": model_identifier,
                "model_version": model_version,
                "search": search,
                "sort_by": sort_by,
                "direction": direction,
                "page": page,
                "per_page": per_page,
            },
        )

    def cancel_all(self) -> types.CancelInferenceJobsResponse:
        """Cancels every job that has not ended, up to a thousand at once, and returns these; a
        job that runs ends a moment later.
        """
        return self._one(
            types.CancelInferenceJobsResponse, "InferenceHistoryService.CancelInferenceJobs", {}
        )

    def features(self) -> types.InferenceFeatures:
        """Returns what a submission may hold."""
        return self._one(
            types.InferenceFeatures, "InferenceHistoryService.GetInferenceFeatures", {}
        )

    def result(self, job_id: str, input_name: str) -> types.InferenceResult:
        """Returns one input of a job, finished or not.

        Args:
            job_id: The job.
            input_name: The input.
        """
        return self._one(
            types.InferenceResult,
            "InferenceResultService.GetInferenceResult",
            {"job_id": job_id, "input_name": input_name},
        )

    def upvote(self, job_id: str, input_name: str) -> types.InferenceVote:
        """Votes for the result of an input, in place of a former vote.

        Args:
            job_id: The job.
            input_name: The input.
        """
        return self._one(
            types.InferenceVote,
            "InferenceVoteService.UpvoteInferenceResult",
            {"job_id": job_id, "input_name": input_name},
        )

    def downvote(self, job_id: str, input_name: str) -> types.InferenceVote:
        """Votes against the result of an input, in place of a former vote.

        Args:
            job_id: The job.
            input_name: The input.
        """
        return self._one(
            types.InferenceVote,
            "InferenceVoteService.DownvoteInferenceResult",
            {"job_id": job_id, "input_name": input_name},
        )

    def reset_vote(self, job_id: str, input_name: str) -> types.InferenceVote:
        """Takes the caller's vote back.

        Args:
            job_id: The job.
            input_name: The input.
        """
        return self._one(
            types.InferenceVote,
            "InferenceVoteService.ResetInferenceVote",
            {"job_id": job_id, "input_name": input_name},
        )

    def vote(self, job_id: str, input_name: str) -> types.InferenceVote:
        """Returns the caller's vote.

        Args:
            job_id: The job.
            input_name: The input.
        """
        return self._one(
            types.InferenceVote,
            "InferenceVoteService.GetInferenceVote",
            {"job_id": job_id, "input_name": input_name},
        )


class Jobs(Group):
    """Jobs of the caller's organization."""

    service = "assay.v1.JobService"

    def get(self, job_id: str) -> types.Job:
        """Returns one job.

        Args:
            job_id: The job.
        """
        return self._one(types.Job, "GetJob", {"job_id": job_id})

    def list(
        self,
        *,
        kind: str = "",
        status: Sequence[str] = (),
        resource_id: str = "",
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[types.Job]:
        """Lists jobs, newest first.

        Args:
            kind: Only jobs of this kind, such as evaluation.
            status: Only jobs in one of these states: open, queued, running, succeeded, failed,
                canceled or timed_out.
            resource_id: Only jobs that make this resource.
            created_after: Only jobs submitted at this time or later.
            created_before: Only jobs submitted before this time.
        """
        return self._pages(
            types.Job,
            "ListJobs",
            {
                "kind": kind,
                "status": status,
                "resource_id": resource_id,
                "created_after": created_after,
                "created_before": created_before,
                "page_size": page_size,
            },
        )

    def cancel(self, job_id: str) -> types.Job:
        """Cancels a job that has not ended.

        Best effort for a running one: watch it to see the end.

        Args:
            job_id: The job.
        """
        return self._one(types.Job, "CancelJob", {"job_id": job_id})

    def create_watch_token(self, job_id: str) -> types.CreateWatchTokenResponse:
        """Makes a token of 15 minutes with which a page may watch this job and do nothing else:
        `new EventSource("…:watch?access_token=…")`.

        Args:
            job_id: The job.
        """
        return self._one(types.CreateWatchTokenResponse, "CreateWatchToken", {"job_id": job_id})


class Keys(Group):
    """API keys of the caller's organization."""

    service = "assay.v1.KeyService"

    def create(
        self, name: str, permissions: Sequence[str], *, expires_at: datetime | None = None
    ) -> types.NewApiKey:
        """Makes a key and shows its secret this once.

        Args:
            name: A human name of 1 to 200 characters.
            permissions: What the key may do, such as model:read; not more than its maker may.
            expires_at: When the key stops working; never when absent.
        """
        return self._one(
            types.NewApiKey,
            "CreateKey",
            {"name": name, "permissions": permissions, "expires_at": expires_at},
        )

    def list(self, *, page_size: int = PAGE_SIZE) -> Iterator[types.ApiKey]:
        """Lists keys, newest first, without secrets."""
        return self._pages(types.ApiKey, "ListKeys", {"page_size": page_size})

    def revoke(self, prefix: str) -> None:
        """Revokes a key; it stops working everywhere within 5 s.

        Args:
            prefix: The key's public half.
        """
        self._none("RevokeKey", {"prefix": prefix})


class Models(Group):
    """Models of the caller's organization."""

    service = "assay.v1.ModelService"

    def create(
        self,
        name: str,
        task_type: str,
        *,
        model_id: str = "",
        description: str = "",
        project_path: str = "",
        labels: Sequence[str] = (),
        positive_label: str = "",
        if_absent: bool = False,
        tags: Sequence[str] = (),
        inputs: Sequence[Mapping[str, Any]] = (),
        outputs: Sequence[Mapping[str, Any]] = (),
        sample_input: object | None = None,
        sample_output: object | None = None,
    ) -> types.Model:
        """Creates a model.

        Args:
            name: A human name of 1 to 200 characters.
            task_type: classification, regression or extraction.
            model_id: An id of the caller's choice; generated when empty.
            description: Free text of up to 4 000 characters.
            project_path: The model's own path, unique in the organization.
            labels: The label set, in the order that reports use.
            positive_label: The positive label of a binary classifier; one of `labels` when those
                are declared.
            if_absent: Returns the model that has the id, where it is of the same task type, if
                there is one, instead of refusing it.
            tags: What the model is listed under: up to 50 of 1 to 63 of a to z, 0 to 9, _ and -.
            inputs: The items of an input of a job; empty, they follow from what a version runs.
            outputs: The items of a result of a job; empty, results.json alone.
            sample_input: An example of a job: the body that submits it, or any JSON. Absent, it
                is derived.
            sample_output: An example of the results of a job, as JSON. Absent, it is derived.
        """
        return self._one(
            types.Model,
            "CreateModel",
            {
                "name": name,
                "task_type": task_type,
                "model_id": model_id,
                "description": description,
                "project_path": project_path,
                "labels": labels,
                "positive_label": positive_label,
                "if_absent": if_absent,
                "tags": tags,
                "inputs": inputs,
                "outputs": outputs,
                "sample_input": sample_input,
                "sample_output": sample_output,
            },
        )

    def get(self, model_id: str) -> types.Model:
        """Returns one model.

        Args:
            model_id: The model.
        """
        return self._one(types.Model, "GetModel", {"model_id": model_id})

    def list(self, *, project_path: str = "", page_size: int = PAGE_SIZE) -> Iterator[types.Model]:
        """Lists models, newest first.

        Args:
            project_path: Only the model with exactly this project path.
        """
        return self._pages(
            types.Model, "ListModels", {"project_path": project_path, "page_size": page_size}
        )

    def update(
        self,
        model_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        project_path: str | None = None,
        positive_label: str | None = None,
        labels: Sequence[str] = (),
        tags: Sequence[object] | None = None,
        inputs: Sequence[Mapping[str, Any]] = (),
        outputs: Sequence[Mapping[str, Any]] = (),
        sample_input: object | None = None,
        sample_output: object | None = None,
    ) -> types.Model:
        """Changes the fields that are sent and leaves the others.

        Args:
            model_id: The model.
            name: A new name.
            description: A new description.
            project_path: A new project path; empty takes it away.
            positive_label: A new positive label, for evaluations created from now on.
            labels: A new label set, in the order of reports, for evaluations created from now on;
                it holds every label of the evaluations that are served. Empty leaves it.
            tags: What the model is listed under, an empty list for nothing: up to 50 of 1 to 63
                of a to z, 0 to 9, _ and -.
            inputs: The items of an input of a job; empty leaves them.
            outputs: The items of a result of a job; empty leaves them.
            sample_input: An example of a job: the body that submits it, or any JSON. Absent, it
                stays as it is; null, it is derived.
            sample_output: An example of the results of a job, as JSON. Absent, it stays as it is;
                null, it is derived.
        """
        return self._one(
            types.Model,
            "UpdateModel",
            {
                "model_id": model_id,
                "name": name,
                "description": description,
                "project_path": project_path,
                "positive_label": positive_label,
                "labels": labels,
                "tags": tags,
                "inputs": inputs,
                "outputs": outputs,
                "sample_input": sample_input,
                "sample_output": sample_output,
            },
        )

    def delete(self, model_id: str) -> None:
        """Deletes a model with its versions and evaluations.

        Args:
            model_id: The model.
        """
        self._none("DeleteModel", {"model_id": model_id})


class Performance(Group):
    """Stored evaluations, read; nothing is computed on the fly.

    Their REST views are in PerformanceRestService.
    """

    service = "assay.v1.PerformanceService"

    def summary(
        self, model_id: str, version_id: str = "", split: str = ""
    ) -> types.PerformanceSummary:
        """Returns the headline metrics.

        Args:
            model_id: The model.
            version_id: The version; the promoted one when empty.
            split: train, validation or test, which is the default.
        """
        return self._one(
            types.PerformanceSummary,
            "GetPerformanceSummary",
            {"model_id": model_id, "version_id": version_id, "dataset_split": split},
        )

    def classification_report(
        self, model_id: str, version_id: str = "", split: str = "", *, average: str = ""
    ) -> types.ClassificationReport:
        """Returns the scores of every class.

        Args:
            model_id: The model.
            version_id: The version; the promoted one when empty.
            split: train, validation or test, which is the default.
            average: micro, macro or weighted, which is the default.
        """
        return self._one(
            types.ClassificationReport,
            "GetClassificationReport",
            {
                "model_id": model_id,
                "version_id": version_id,
                "dataset_split": split,
                "average": average,
            },
        )

    def confusion_matrix(
        self, model_id: str, version_id: str = "", split: str = "", *, normalize: bool = False
    ) -> types.ConfusionMatrix:
        """Returns the confusion matrix as packed counts.

        Args:
            model_id: The model.
            version_id: The version; the promoted one when empty.
            split: train, validation or test, which is the default.
            normalize: Asks for the shares of each true label's records, so that a row sums to 1:
                over REST instead of the counts.
        """
        return self._one(
            types.ConfusionMatrix,
            "GetConfusionMatrix",
            {
                "model_id": model_id,
                "version_id": version_id,
                "dataset_split": split,
                "normalize": normalize,
            },
        )


class Server(Group):
    """The server's own description."""

    service = "assay.v1.ServerService"

    def info(self) -> types.ServerInfo:
        """Returns versions, limits and the catalogue of metrics."""
        return self._one(types.ServerInfo, "GetServerInfo", {})


class Training(Group):
    """Training, pruning and evaluation jobs of the caller's models."""

    service = "assay.v1.TrainingService"

    def submit(
        self,
        job_type: str,
        model_project_path: str,
        dataset_id: str,
        *,
        hyperparams: Mapping[str, object] | None = None,
        version_id: str = "",
        version_label: str = "",
        target_sparsity: float | None = None,
        request_id: str = "",
    ) -> types.ModelJob:
        """Queues a job.

        A training makes a new version of the model from the dataset's splits, ready when the job
        is done; a pruning makes a smaller version of a ready one; an evaluation measures a ready
        one.

        Args:
            job_type: training, pruning or evaluation.
            model_project_path: The model's own path.
            dataset_id: The dataset, by its id.
            hyperparams: Hyperparameters by name; the others have their defaults. Of a pruning:
                target_bytes, the size of the artifact, in place of target_sparsity; and
                num_train_epochs with others of learning, to train the pruned version on. An
                evaluation has none.
            version_id: Of a pruning or an evaluation: the version; absent, the promoted one. Of a
                training: a draft or failed version to be trained; absent, a new one.
            version_label: A human label of the new version.
            target_sparsity: Of a pruning: the share of weights that become zero, or of rounds of
                trees that are dropped, from 0 to less than 1. The artifact takes at most 1.2
                times what is left of its bytes.
            request_id: A repeat with the same id returns the first job.
        """
        return self._one(
            types.ModelJob,
            "SubmitModelJob",
            {
                "job_type": job_type,
                "model_project_path": model_project_path,
                "dataset_id": dataset_id,
                "hyperparams": hyperparams,
                "version_id": version_id,
                "version_label": version_label,
                "target_sparsity": target_sparsity,
                "request_id": request_id,
            },
        )

    def get(self, job_id: str) -> types.ModelJob:
        """Returns one job.

        Args:
            job_id: The job.
        """
        return self._one(types.ModelJob, "GetModelJob", {"job_id": job_id})

    def list(
        self, *, model_project_path: str = "", job_type: str = "", page_size: int = PAGE_SIZE
    ) -> Iterator[types.ModelJob]:
        """Lists jobs, newest first.

        Args:
            model_project_path: Only jobs of the model with this path.
            job_type: Only jobs of this type.
        """
        return self._pages(
            types.ModelJob,
            "ListModelJobs",
            {
                "model_project_path": model_project_path,
                "job_type": job_type,
                "page_size": page_size,
            },
        )

    def cancel(self, job_id: str) -> types.ModelJob:
        """Cancels a job that has not ended.

        Best effort for a running one: watch it to see the end.

        Args:
            job_id: The job.
        """
        return self._one(types.ModelJob, "CancelModelJob", {"job_id": job_id})

    def metrics(self, model_project_path: str, job_id: str, job_type: str) -> types.ModelMetrics:
        """Returns the metrics of a job: while it runs what is known so far, after a short pause
        that paces callers who ask again and again.

        Args:
            model_project_path: The model's own path.
            job_id: The job.
            job_type: training, pruning or evaluation.
        """
        return self._one(
            types.ModelMetrics,
            "GetModelMetrics",
            {"model_project_path": model_project_path, "job_id": job_id, "job_type": job_type},
        )


class Versions(Group):
    """Versions of a model."""

    service = "assay.v1.VersionService"

    def create(
        self,
        model_id: str,
        *,
        version_id: str = "",
        label: str = "",
        algorithm: str = "",
        hyperparameters: Mapping[str, object] | None = None,
        if_absent: bool = False,
        remote: Mapping[str, Any] | None = None,
    ) -> types.Version:
        """Creates a version.

        Args:
            model_id: The model.
            version_id: An id of the caller's choice; generated when empty.
            label: A human label of up to 100 characters.
            algorithm: The algorithm's name, of up to 200 characters.
            hyperparameters: The maker's own settings.
            if_absent: Returns the version that has the id, if there is one, instead of refusing
                it.
            remote: A model that somebody else serves, which the version calls: it is ready at
                once.
        """
        return self._one(
            types.Version,
            "CreateVersion",
            {
                "model_id": model_id,
                "version_id": version_id,
                "label": label,
                "algorithm": algorithm,
                "hyperparameters": hyperparameters,
                "if_absent": if_absent,
                "remote": remote,
            },
        )

    def list(self, model_id: str, *, page_size: int = PAGE_SIZE) -> Iterator[types.Version]:
        """Lists a model's versions, newest first.

        Args:
            model_id: The model.
        """
        return self._pages(
            types.Version, "ListVersions", {"model_id": model_id, "page_size": page_size}
        )

    def get(self, model_id: str, version_id: str) -> types.Version:
        """Returns one version.

        Args:
            model_id: The model.
            version_id: The version.
        """
        return self._one(
            types.Version, "GetVersion", {"model_id": model_id, "version_id": version_id}
        )

    def delete(self, model_id: str, version_id: str, *, cascade: bool = False) -> None:
        """Deletes a version.

        Args:
            model_id: The model.
            version_id: The version.
            cascade: Deletes its evaluations with it.
        """
        self._none(
            "DeleteVersion", {"model_id": model_id, "version_id": version_id, "cascade": cascade}
        )

    def promote(self, model_id: str, version_id: str) -> types.Promotion:
        """Makes a ready version the one that is served, and demotes the former.

        Args:
            model_id: The model.
            version_id: The version.
        """
        return self._one(
            types.Promotion, "PromoteVersion", {"model_id": model_id, "version_id": version_id}
        )
