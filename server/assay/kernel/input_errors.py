"""The translation of errors in rows and files into refusals of an upload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from assay.kernel.errors import AssayError, BadFile, BadPredictions, TooLarge, Violation
from assay.tabular.errors import InputError, InputErrorCode

_REFUSALS: Mapping[InputErrorCode, type[AssayError]] = {
    InputErrorCode.BAD_FILE: BadFile,
    InputErrorCode.TOO_LARGE: TooLarge,
}


@contextmanager
def input_refused(*, rows: type[AssayError] = BadPredictions) -> Iterator[None]:
    """Raise BadFile, TooLarge or, for wrong rows, `rows`, in the same words as an InputError inside."""
    try:
        yield
    except InputError as error:
        violation = Violation(field=error.location, description=error.description)
        raise _REFUSALS.get(error.code, rows)(
            error.message,
            metadata=error.metadata,
            violations=(violation,) if error.location else (),
        ) from error
