"""The contents of items as they were sent: data URIs unpacked, texts decoded by their charset.

It decodes what a user sent, so it runs in compute children alone.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from assay.features.inference.model import Item, ItemForm
from assay.kernel.errors import clip
from assay.kernel.jobs.blobs import JobBlobs

ANY_TYPE = "application/octet-stream"  # what clients say who do not know
_DATA_URI = re.compile(rb"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)
_WHITE = re.compile(rb"[\r\n\t ]+")
# Beginnings of the names that Python gives its codecs of texts; others decode no charset.
_CHARSETS = (
    *("utf-8", "utf-16", "utf-32", "ascii", "iso8859", "cp", "koi8", "mac"),
    *("shift_jis", "euc", "gb", "big5", "hz", "johab"),
)


class InputFault(Exception):
    """One input is wrong, for a reason that its sender can mend; the others are not concerned."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What an item holds."""

    name: str  # of the item
    data: bytes
    media_type: str  # in lower case, without parameters; empty: nothing was said
    charset: str = ""  # empty: nothing was said

    def text(self) -> str:
        """Return the content as text, in UTF-8 where no charset was said."""
        charset = self.charset or "utf-8"
        try:
            codec = codecs.lookup(charset).name
        except (LookupError, ValueError):
            codec = ""
        if not codec.startswith(_CHARSETS):
            raise InputFault(f"the charset '{clip(charset, 40)}' is not known. Send UTF-8")
        try:
            return self.data.decode("utf-8-sig" if codec == "utf-8" else codec)
        except UnicodeDecodeError as error:
            raise InputFault(
                f"it is no text in {charset}: byte {error.start} cannot be read. Send UTF-8, or say "
                "the charset"
            ) from None


def content_of(item: Item, blobs: JobBlobs) -> Content:
    """Return what an item holds; raises InputFault for a data URI that is none."""
    data = _bytes(item, blobs)
    if item.form is ItemForm.TEXT:
        return Content(name=item.name, data=data, media_type="")
    if item.form is ItemForm.FILE:
        kind, _, parameters = item.media_type.partition(";")
        return _content(item.name, data, kind, parameters.split(";"))
    return _unpacked(item.name, data)


def _bytes(item: Item, blobs: JobBlobs) -> bytes:
    if item.inline is not None:
        return item.inline
    parts = []
    for piece in item.pieces:
        with blobs.open(piece.blob) as file:
            file.seek(piece.offset)
            parts.append(file.read(piece.size))
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpacked(name: str, sent: bytes) -> Content:
    head = _DATA_URI.match(sent)
    if head is None:
        raise InputFault(
            f"'{clip(sent[:60].decode(errors='replace'), 40)}' is no data URI. Send "
            "data:<media type>;base64,<content>"
        )
    body = sent[head.end() :]
    parameters = [one.strip() for one in head[2].decode("latin-1").split(";")]
    if not any(one.lower() == "base64" for one in parameters):
        return _content(name, unquote_to_bytes(body), head[1].decode("latin-1"), parameters)
    if b"%" in body:
        body = unquote_to_bytes(body)
    try:
        data = base64.b64decode(_WHITE.sub(b"", body), validate=True)
    except (binascii.Error, ValueError):
        raise InputFault(
            "its data URI is no base64. Encode all of it by the standard alphabet, with its padding"
        ) from None
    return _content(name, data, head[1].decode("latin-1"), parameters)


def _content(name: str, data: bytes, kind: str, parameters: list[str]) -> Content:
    said = [one.strip().partition("=") for one in parameters]
    charset = next((value for key, _, value in said if key.strip().lower() == "charset"), "")
    return Content(
        name=name, data=data, media_type=kind.strip().lower(), charset=charset.strip(' "')
    )
