"""The feature of the catalogue of models."""

from assay.features.catalogue.store import Catalogue
from assay.kernel.feature import Feature

FEATURE = Feature(name="catalogue", stores=(Catalogue,))
