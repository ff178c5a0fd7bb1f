"""The translation of errors in rows and files into refusals of an upload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from assay.kernel.errors import AssayError, BadFile, BadPredictions, TooLarge, Violation
from assay.tabular.errors import InputError, InputErrorCode

_REFUSALS: Mapping[InputErrorCode, type[AssayError]] = {
    InputErrorCode.BAD_FILE: BadFile,
    InputErrorCode.BAD_ROWS: BadPredictions,
    InputErrorCode.TOO_LARGE: TooLarge,
}


@contextmanager
def input_refused() -> Iterator[None]:
    """Raise BadFile, BadPredictions or TooLarge, in the same words, for an InputError inside."""
    try:
        yield
    except InputError as error:
        violation = Violation(field=error.location, description=error.description)
        raise _REFUSALS[error.code](
            error.message,
            metadata=error.metadata,
            violations=(violation,) if error.location else (),
        ) from error
