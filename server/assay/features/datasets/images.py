"""Heads of image files: what a PNG or JPEG says of its size, read without unpacking a pixel."""

from __future__ import annotations

import struct

# The same as learners allow; theirs come with what unpacks images.
MAX_PIXELS = 32_000_000
MAX_SIDE = 32_000  # pixels
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
_PNG_HEAD = struct.Struct(">8x4x4sII")
_MARKER = struct.Struct(">BBH")
_FRAME = struct.Struct(">BHH")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of a frame's head
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length


def image_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Return (width, height) in pixels as the file says; None: it is no PNG and no JPEG."""
    if data[: len(PNG)] == PNG:
        return _png_size(data)
    return _jpeg_size(data) if data[: len(JPEG)] == JPEG else None


def _png_size(data: bytes | memoryview) -> tuple[int, int] | None:
    if len(data) < _PNG_HEAD.size:
        return None
    kind, width, height = _PNG_HEAD.unpack_from(data)
    return (width, height) if kind == b"IHDR" and width and height else None


def _jpeg_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Walk the segments until the head of a frame; a segment has two bytes of length or more."""
    at = 2
    while at + _MARKER.size <= len(data):
        mark, kind, length = _MARKER.unpack_from(data, at)
        if mark != 0xFF:
            return None
        if kind == 0xFF or kind in _BARE:  # filled, or without a length
            at += 1 if kind == 0xFF else 2
        elif kind in _FRAMES:
            if at + _MARKER.size + _FRAME.size > len(data):
                return None
            _, height, width = _FRAME.unpack_from(data, at + _MARKER.size)
            return (width, height) if width and height else None
        else:
            at += 2 + max(length, 2)
    return None
