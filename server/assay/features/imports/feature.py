"""The feature of imports of documents, into datasets and into runs."""

from assay.kernel.feature import Feature

FEATURE = Feature(name="imports", preload=("assay.features.imports.staging",))
