"""The errors of learning: rows or model files that are refused, bytes that are no artifact."""

from __future__ import annotations

import json


class DataError(Exception):
    """Rows are refused, for a reason that their sender can mend.

    The message says what was found, what is allowed and the way out; `row_id` names the row
    where one row is to blame.
    """

    def __init__(self, message: str, row_id: str | None = None) -> None:
        where = "" if row_id is None else f"row {shortened(row_id)}: "
        super().__init__(where + message)
        self.message = message
        self.row_id = row_id

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders, with all of their parts.
        return type(self), (self.message, self.row_id)


class Diverged(DataError):
    """Training with these hyperparameters came to numbers that are not finite."""

    def __init__(self, epoch: int) -> None:
        super().__init__(
            f"training diverged in epoch {epoch}: use a smaller learning_rate or max_grad_norm"
        )
        self.epoch = epoch

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.epoch,)


class DamagedArtifact(Exception):
    """Bytes are no artifact of this format: cut, changed, of another version, or foreign."""


class BadModelFile(Exception):
    """A model file is refused, for a reason that its sender can mend; the message says which."""


def shortened(value: object, limit: int = 100) -> str:
    """Return `value` as quoted text of at most `limit` characters, for use in a message."""
    text = str(value)
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def shown(value: object) -> str:
    """Return a value of a JSON body as JSON, a text quoted; at most about 100 characters of it."""
    if isinstance(value, str):
        return shortened(value)
    text = json.dumps(value, default=repr)  # Python callers may send what is no JSON
    return text if len(text) <= 100 else text[:99] + "…"
