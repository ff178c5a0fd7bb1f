"""Outputs of remote models that label the words of one document."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.features.remote import outputs
from assay.features.remote.model import RemoteSpec
from assay.features.remote.outputs import Floats, WrongOutput
from assay.features.remote.tensors import Output


def word_codes(
    output: Output, spec: RemoteSpec, words: int, row_id: str
) -> tuple[NDArray[np.int32], Floats]:
    """Return the (words,) numbers of the words' labels, and the confidence in each.

    The output has a score for each label of each word, or a label or its number a word; the
    document itself may be its first dimension.

    Raises:
        WrongOutput: it is of another shape or datatype.
        DataError: a word has NaN, no probabilities, or a label that the version does not name.
    """
    shape = output.shape[1:] if output.shape[:1] == (1,) and output.shape != (1,) else output.shape
    if not shape or shape[0] != words:
        raise WrongOutput(f"its shape is {list(output.shape)}, and {words} words were sent")
    of_words = Output(
        datatype=output.datatype, shape=shape, numbers=output.numbers, texts=output.texts
    )
    found = outputs.probabilities(of_words, spec, [row_id] * words)
    codes = np.argmax(found, axis=1).astype(np.int32)
    return codes, found[np.arange(words), codes]
