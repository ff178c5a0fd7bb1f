"""Identifiers: who makes them, and which ones a caller may choose."""

from __future__ import annotations

import re
import secrets
import uuid

from assay.kernel.errors import InvalidArgument, clip

_RESOURCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Ids:
    """Identifiers from the operating system's source of randomness; passed in, for tests.

    `attempt` counts the conflicts met so far: ids grow with it, so that a crowded
    organization never runs out of short ones.
    """

    def new_model_id(self, attempt: int = 0) -> str:
        """Return `mdl-` and 10 hex digits, 2 more for each attempt."""
        return f"mdl-{_hex(10 + 2 * attempt)}"

    def new_version_id(self, attempt: int = 0) -> str:
        """Return `ver-` and 5 hex digits, 2 more for each attempt."""
        return f"ver-{_hex(5 + 2 * attempt)}"

    def new_dataset_id(self, attempt: int = 0) -> str:
        """Return `dst-` and 10 hex digits, 2 more for each attempt."""
        return f"dst-{_hex(10 + 2 * attempt)}"

    def new_evaluation_id(self, attempt: int = 0) -> str:
        """Return `evl-` and 12 hex digits, 2 more for each attempt."""
        return f"evl-{_hex(12 + 2 * attempt)}"

    def new_uuid(self) -> str:
        """Return a random UUID as text: the id of a job and of what extraction quality keeps."""
        return str(uuid.uuid4())

    def new_request_id(self) -> str:
        """Return `req_` and 24 hex digits."""
        return f"req_{_hex(24)}"

    def new_key_prefix(self) -> str:
        """Return the public half of an API key: 12 hex digits."""
        return _hex(12)

    def new_key_secret(self) -> str:
        """Return the secret half of an API key: 256 random bits as 43 URL-safe characters."""
        return secrets.token_urlsafe(32)


def check_resource_id(field: str, text: str) -> str:
    """Return `text` when a caller may choose it as an id; else raise InvalidArgument.

    Allowed: 1 to 63 letters, digits, dots, underscores and hyphens, the first one a
    letter or a digit. No allowed id can escape from a folder or split a URL path.
    """
    if _RESOURCE_ID.fullmatch(text) is None:
        raise InvalidArgument.of(
            field,
            f"'{clip(text)}' is not an id: 1 to 63 letters, digits, '.', '_' and '-' are "
            "allowed, and the first one is a letter or a digit",
            value=text,
        )
    return text


def _hex(digits: int) -> str:
    return secrets.token_hex((digits + 1) // 2)[:digits]
