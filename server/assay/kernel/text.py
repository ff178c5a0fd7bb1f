"""Rules for the texts that a caller gives as names, ids and notes."""

from __future__ import annotations

import re

from assay.kernel.errors import InvalidArgument

MAX_NAME = 200  # characters of a name
MAX_TEXT = 4_000  # characters of a description or a note
MAX_DOCUMENT_ID = 500  # characters: an id may be a path or a URL

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def check_text(field: str, text: str, low: int, high: int) -> str:
    """Return `text`, of `low` to `high` characters; else raise InvalidArgument naming `field`.

    What has to have characters must have some that are seen.
    """
    if not low <= len(text) <= high or (low and not text.strip()):
        shown = "only spaces" if text and not text.strip() else f"{len(text)} characters"
        raise InvalidArgument.of(field, f"{shown} given; {low} to {high} are allowed")
    if "\x00" in text:
        # PostgreSQL cannot hold it in text; refusing here keeps both engines alike.
        raise InvalidArgument.of(field, "the character U+0000 is not allowed")
    if _SURROGATE.search(text):
        raise InvalidArgument.of(field, "half of a surrogate pair is no character")
    return text


def wrong_document_id(text: str) -> str | None:
    """Return why `text` cannot be a document's id; None when it can."""
    if len(text) > MAX_DOCUMENT_ID:
        return f"{len(text)} characters given; 1 to {MAX_DOCUMENT_ID} are allowed"
    if _CONTROL.search(text) or _SURROGATE.search(text):
        return "control characters and halves of surrogate pairs are not allowed"
    return None if text.strip() else "an id has characters that are seen"


def check_document_id(field: str, text: str) -> str:
    """Return `text` when it can be a document's id; else raise InvalidArgument."""
    wrong = wrong_document_id(text)
    if wrong is not None:
        raise InvalidArgument.of(field, wrong)
    return text
