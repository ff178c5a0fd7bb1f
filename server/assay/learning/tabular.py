"""Classification and regression of tabular rows, by linear models or gradient boosting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from assay.learning.artifact import Artifact
from assay.learning.boosting import BoostingLearner
from assay.learning.errors import DataError
from assay.learning.hyperparameter_table import GRADIENT_BOOSTING
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.labels import class_order
from assay.learning.learner import Featurizer, Summary
from assay.learning.linear import LinearLearner, class_weights, priors
from assay.learning.rows import TaskType
from assay.learning.tabular_features import (
    MAX_COLUMN_CATEGORIES,
    MAX_TREE_CATEGORIES,
    TableColumns,
    TableFeaturizer,
)
from assay.learning.tabular_summary import TableSummary, merge, summarize


@dataclass(frozen=True, kw_only=True)
class TableFamily:
    """Models of tabular rows."""

    hyperparameters: Hyperparameters

    @property
    def trees(self) -> bool:
        """Say whether the models are of trees."""
        return self.hyperparameters.algorithm == GRADIENT_BOOSTING

    def summarize(self, batch: pa.RecordBatch) -> Summary:
        """Return exact sums and counts of training rows."""
        return summarize(self.hyperparameters.task_type, batch).artifact()

    def merge(self, summaries: Sequence[Summary]) -> Summary:
        """Return the sums of all."""
        return merge([TableSummary.read(summary) for summary in summaries]).artifact()

    def featurizer(self, summary: Summary, labels: Sequence[str] = ()) -> TableFeaturizer:
        """Return the columns of the features; raises DataError when nothing can be learned."""
        table = TableSummary.read(summary)
        most = MAX_COLUMN_CATEGORIES
        if self.trees:
            most = min(MAX_TREE_CATEGORIES, self.hyperparameters.integer("max_bins"))
        columns = TableColumns.of(
            table.features,
            trees=self.trees,
            min_count=self.hyperparameters.integer("min_category_count"),
            most=most,
        )
        if self.hyperparameters.task_type is TaskType.TABULAR_REGRESSION:
            found = self._of_numbers(table, columns)
        else:
            order = class_order(table.labels, labels)
            found = TableFeaturizer(
                task_type=self.hyperparameters.task_type,
                table=columns,
                labels=order,
                counts=tuple(table.labels[label] for label in order),
            )
        if not found.columns:
            raise DataError("no feature has two different values in the training split")
        return found

    def _of_numbers(self, table: TableSummary, columns: TableColumns) -> TableFeaturizer:
        if table.rows < 2:
            raise DataError(f"the training split has {table.rows} rows; a model needs at least 2")
        deviation = table.target.deviation()
        if deviation == 0:
            raise DataError("all training rows have the same target; there is nothing to learn")
        return TableFeaturizer(
            task_type=self.hyperparameters.task_type,
            table=columns,
            target_mean=table.target.mean(),
            target_deviation=deviation,
        )

    def learner(self, featurizer: Featurizer) -> LinearLearner | BoostingLearner:
        """Return the learner of the columns."""
        assert isinstance(featurizer, TableFeaturizer)
        counts = np.array(featurizer.counts, np.int64)
        weights = class_weights(self.hyperparameters, counts) if len(counts) else np.ones(0)
        if self.trees:
            categorical = featurizer.table.categorical
            if featurizer.kept is not None:
                categorical = categorical[list(featurizer.kept)]
            return BoostingLearner(
                hyperparameters=self.hyperparameters,
                categorical=categorical,
                labels=featurizer.labels,
                class_weights=weights,
            )
        return LinearLearner(
            hyperparameters=self.hyperparameters,
            columns=featurizer.columns,
            labels=featurizer.labels,
            class_weights=weights,
            priors=priors(counts) if len(counts) else np.zeros(1),
            target_mean=featurizer.target_mean,
            target_scale=featurizer.target_deviation,
        )

    def read_featurizer(self, artifact: Artifact) -> TableFeaturizer:
        """Return the featurizer that an artifact holds; raises DamagedArtifact."""
        return TableFeaturizer.read(self.hyperparameters.task_type, artifact)
