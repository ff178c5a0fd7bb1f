"""The declaration of the feature `server_info`."""

from assay.kernel.feature import Feature

FEATURE = Feature(name="server_info")
