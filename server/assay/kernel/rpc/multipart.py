"""Bodies of multipart/form-data that hold one part, read as they come in bounded memory."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from assay.kernel.errors import BadContentType, BadFile, InvalidArgument, clip

MULTIPART = "multipart/form-data"
RAW = "application/octet-stream"
ALLOWED = f"{MULTIPART} with one part, or {RAW}"
PLAIN_ENCODINGS = frozenset({"", "identity", "binary", "8bit", "7bit"})
PART_ENCODINGS = frozenset({b"content-encoding", b"content-transfer-encoding"})
_BOUNDARY_CHARS = 200

# It warns of every body that is no form, which the caller is told and the log needs not know.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


def file_of(
    content_type: str, content_encoding: str, pieces: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """Return the bytes of the file that a body brings: of its one part, or the body as it is.

    What the part is called does not matter. Its end is known at the end of the body: until then
    the bytes may be those of a body that is refused.

    Raises:
        BadContentType: the body is neither a form nor plain bytes, or it is compressed.
        BadFile: it is no form, or is cut off.
        InvalidArgument: it has no part, or more than one.
    """
    if content_encoding.strip().lower() not in PLAIN_ENCODINGS:
        raise _encoded(content_encoding)
    # A header is ASCII; a native caller may put anything into the field that stands for it.
    kind, options = parse_options_header(content_type.encode("ascii", "replace"))
    if kind == RAW.encode():
        return pieces
    if kind != MULTIPART.encode():
        raise BadContentType(
            f"The content type '{clip(content_type) or 'none'}' was sent; allowed is {ALLOWED}.",
            metadata={"content_type": content_type, "allowed": ALLOWED},
        )
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= _BOUNDARY_CHARS:
        raise BadContentType(
            f"The content type '{clip(content_type)}' names no boundary, or one of more than "
            f"{_BOUNDARY_CHARS} characters. Let the HTTP library write the content type of a form.",
            metadata={"content_type": content_type, "allowed": ALLOWED},
        )
    return _only_part(_Form(boundary), pieces)


async def _only_part(form: _Form, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        for data in form.read(piece):
            yield data
    form.check_end()


class _Form:
    """The state of a form that is being read."""

    def __init__(self, boundary: bytes) -> None:
        self._parts = 0
        self._ended = False
        self._name = self._value = b""
        self._found: list[bytes] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part,
                "on_header_begin": self._on_header,
                "on_header_field": self._on_name,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header_end,
                "on_part_data": self._on_data,
                "on_end": self._on_end,
            },
        )

    def read(self, piece: bytes) -> Iterator[bytes]:
        """Return the bytes of the part that these complete."""
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise BadFile(
                "The body is not the form that its content type says. Let the HTTP library write "
                "both.",
                metadata={"allowed": ALLOWED},
            ) from error
        found, self._found = self._found, []
        return iter(found)

    def check_end(self) -> None:
        """Raise BadFile unless the form is whole, InvalidArgument unless it has a part."""
        if self._parts and not self._ended:
            raise BadFile(
                "The form is cut off: its last boundary is missing. Send the chunk again."
            )
        if not self._parts:
            raise _parts("has no part")

    def _on_part(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise _parts("has more than one part")

    def _on_header(self) -> None:
        self._name = self._value = b""

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._name.lower() in PART_ENCODINGS:
            encoding = self._value.decode("latin-1").strip().lower()
            if encoding not in PLAIN_ENCODINGS:
                raise _encoded(encoding)

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._found.append(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


def _parts(fault: str) -> InvalidArgument:
    return InvalidArgument(
        f"The form {fault}. Send the bytes of one chunk as its one part.",
        metadata={"allowed": ALLOWED},
    )


def _encoded(encoding: str) -> BadContentType:
    return BadContentType(
        f"The content encoding '{clip(encoding)}' was sent; bytes are taken as they are only.",
        metadata={"content_encoding": encoding, "allowed": "identity"},
    )
