"""Pages of a listing in the S3 protocol, read from what a storage answered, which is not trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET  # answers with a DOCTYPE are refused unread

from assay.kernel.errors import RemoteFailed
from assay.records import Record

MAX_KEY_BYTES = 1024
_MOST_TAGS = 100_000  # of one page; elements take far more memory than their text
_MOST_TOKEN = 8192  # characters of what names the next page
_SIZE = re.compile(r"[0-9]{1,15}")
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class StoredObject(Record):
    """An object as a listing tells it."""

    key: str
    size: int  # bytes


class ListingPage(Record):
    """One page."""

    objects: tuple[StoredObject, ...]
    more: str  # what names the next page; empty: this is the last one

    @classmethod
    def read(cls, body: bytes, said: str) -> ListingPage:
        """Return what a body says; RemoteFailed, which calls the folder as `said`, if it is no page."""
        refused = RemoteFailed(
            f"{said} cannot be listed: the answer is no listing of the S3 protocol."
        )
        try:
            page = _parsed(body)
        except (ET.ParseError, ValueError):
            raise refused from None
        objects = tuple(_objects(page))
        more = _text(page, "NextContinuationToken") if _text(page, "IsTruncated") == "true" else ""
        is_odd = any(not 0 < len(one.key.encode()) <= MAX_KEY_BYTES for one in objects)
        if _local(page) != "ListBucketResult" or len(more) > _MOST_TOKEN or is_odd:
            raise refused
        return cls(objects=objects, more=more)


def _parsed(body: bytes) -> ET.Element:
    # As text: an encoding that the XML declares could hide a DOCTYPE, and is passed over then.
    text = body.decode("utf-8-sig")
    if "<!DOCTYPE" in text or text.count("<") > _MOST_TAGS:
        raise ET.ParseError
    return ET.fromstring(text)  # noqa: S314  # no DOCTYPE: entities cannot be declared


def _objects(page: ET.Element) -> Iterator[StoredObject]:
    for one in page:
        if _local(one) == "Contents":
            size = _text(one, "Size")
            yield StoredObject(
                key=_text(one, "Key"), size=int(size) if _SIZE.fullmatch(size) else 0
            )


def _text(element: ET.Element, name: str) -> str:
    for child in element:
        if _local(child) == name:
            return child.text or ""
    return ""


def _local(element: ET.Element) -> str:
    """Return the name of an element without its namespace, which not every server sends."""
    return element.tag.removeprefix(_NAMESPACE)
