"""Image classification: a softmax over gradients and mean colours (see `images`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.learning.artifact import Artifact, pack_texts, unpack_texts
from assay.learning.errors import DamagedArtifact, DataError
from assay.learning.feature_block import FeatureBlock
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.images import decode_images, feature_count, image_features
from assay.learning.labels import added, class_codes, class_order, label_counts
from assay.learning.learner import Featurizer, Summary
from assay.learning.linear import LinearLearner, class_weights, priors
from assay.learning.rows import IMAGE, TaskType, check_schema, row_ids

SUMMARY: Final = "summary"
FEATURIZER: Final = "featurizer"
_AT_ONCE: Final = 512  # images that are in memory as pixels


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageFeaturizer:
    """Gradients and mean colours of images of one size."""

    hyperparameters: Hyperparameters
    labels: tuple[str, ...]
    row_counts: NDArray[np.int64]  # (classes,), training rows
    kept: NDArray[np.int64]  # (features,), rising: which features of an image

    @property
    def columns(self) -> int:
        """Return the number of features."""
        return len(self.kept)

    def transform(self, batch: pa.RecordBatch) -> FeatureBlock:
        """Return the features of images; raises DataError for one that cannot be decoded."""
        check_schema(TaskType.IMAGE_CLASSIFICATION, batch.schema, answers=False)
        ids, files = row_ids(batch), batch.column(IMAGE)
        size = self.hyperparameters.integer("image_size")
        features = np.empty((len(ids), self.columns), np.float32)
        for start in range(0, len(ids), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            pixels = decode_images(_files(files[part], ids[part]), size, ids[part])
            features[part] = image_features(pixels)[:, self.kept]
        return FeatureBlock(
            row_ids=ids,
            features=features,
            record_of=np.arange(len(ids), dtype=np.int32),
            targets=class_codes(batch, self.labels),
        )

    def select(self, columns: NDArray[np.int64]) -> Featurizer:
        """Return the featurizer of these features alone."""
        return replace(self, kept=self.kept[columns])

    def artifact(self) -> Artifact:
        """Return what `ImageFamily.read_featurizer` reads."""
        texts = pack_texts(self.labels)
        arrays = {
            "labels.bytes": texts["bytes"],
            "labels.ends": texts["ends"],
            "row_counts": self.row_counts,
            "kept": self.kept.astype(np.uint32),
        }
        return Artifact(kind=FEATURIZER, arrays=arrays)


@dataclass(frozen=True, kw_only=True)
class ImageFamily:
    """Linear classifiers of images."""

    hyperparameters: Hyperparameters

    def summarize(self, batch: pa.RecordBatch) -> Summary:
        """Count the rows of each class; the images are read when they are transformed."""
        check_schema(TaskType.IMAGE_CLASSIFICATION, batch.schema)
        return Artifact(kind=SUMMARY, facts={"rows": label_counts(batch)})

    def merge(self, summaries: Sequence[Summary]) -> Summary:
        """Return the sums of all counts."""
        rows = added(summary.facts["rows"] for summary in summaries)
        return Artifact(kind=SUMMARY, facts={"rows": rows})

    def featurizer(self, summary: Summary, labels: Sequence[str] = ()) -> ImageFeaturizer:
        """Return the featurizer of all features."""
        counts = summary.facts["rows"]
        order = class_order(counts, labels)
        return ImageFeaturizer(
            hyperparameters=self.hyperparameters,
            labels=order,
            row_counts=np.array([counts[label] for label in order], np.int64),
            kept=np.arange(feature_count(self.hyperparameters.integer("image_size"))),
        )

    def learner(self, featurizer: Featurizer) -> LinearLearner:
        """Return a softmax over the features."""
        assert isinstance(featurizer, ImageFeaturizer)
        return LinearLearner(
            hyperparameters=self.hyperparameters,
            columns=featurizer.columns,
            labels=featurizer.labels,
            class_weights=class_weights(self.hyperparameters, featurizer.row_counts),
            priors=priors(featurizer.row_counts),
        )

    def read_featurizer(self, artifact: Artifact) -> ImageFeaturizer:
        """Return the featurizer that an artifact holds; raises DamagedArtifact."""
        try:
            arrays = artifact.arrays
            read = ImageFeaturizer(
                hyperparameters=self.hyperparameters,
                labels=unpack_texts(arrays["labels.bytes"], arrays["labels.ends"]),
                row_counts=arrays["row_counts"],
                kept=arrays["kept"].astype(np.int64),
            )
        except KeyError as error:
            raise DamagedArtifact(f"the featurizer lacks {error}") from error
        count = feature_count(self.hyperparameters.integer("image_size"))
        if read.kept.ndim != 1 or read.kept.max(initial=0) >= count:
            raise DamagedArtifact("the features of the artifact are not those of its image_size")
        return read


def _files(column: Any, ids: Sequence[str]) -> list[bytes]:
    if column.null_count:
        raise DataError("the row has no image", ids[column.is_null().to_pylist().index(True)])
    files: list[bytes] = column.to_pylist()
    return files
