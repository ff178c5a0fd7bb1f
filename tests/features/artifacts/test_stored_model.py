"""Models at rest."""

from __future__ import annotations

import pytest

from assay.features.artifacts.stored_model import check_libraries
from assay.kernel.errors import FailedPrecondition
from assay.learning.artifact import LIBRARIES

MAJOR, MINOR, *_ = LIBRARIES["scikit-learn"].split(".")


def test_another_patch_of_scikit_learn_reads_trees() -> None:
    """Trees are read by each release of the minor version that made them."""
    check_libraries({"scikit-learn": f"{MAJOR}.{MINOR}.99"})


@pytest.mark.parametrize(
    "made_with", [{}, {"scikit-learn": f"{MAJOR}.{int(MINOR) + 1}.0"}], ids=str
)
def test_another_minor_version_is_refused(made_with: dict[str, str]) -> None:
    """Trees of another minor version are refused, and both versions are named."""
    with pytest.raises(FailedPrecondition, match=LIBRARIES["scikit-learn"]):
        check_libraries(made_with)
