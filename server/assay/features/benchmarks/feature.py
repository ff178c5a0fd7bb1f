"""The declaration of the feature `benchmarks`."""

from assay.features.benchmarks.store import Benchmarks
from assay.kernel.feature import Feature

FEATURE = Feature(name="benchmarks", stores=(Benchmarks,))
