"""Forms of one part, read piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.kernel.errors import AssayError, BadContentType, BadFile, InvalidArgument
from assay.kernel.rpc.multipart import file_of

TYPE = "multipart/form-data; boundary=xyz"
HEAD = b'--xyz\r\nContent-Disposition: form-data; name="input"; filename="a"\r\n\r\n'
END = b"\r\n--xyz--\r\n"


def read(pieces: Iterable[bytes], content_type: str = TYPE, encoding: str = "") -> list[bytes]:
    async def sent() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def run() -> list[bytes]:
        return [data async for data in file_of(content_type, encoding, sent())]

    return asyncio.run(run())


@settings(max_examples=60, deadline=None)
@given(
    content=st.lists(
        st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"--", b"--xyz", b"\r\n--xy", "é".encode()]),
        max_size=12,
    ).map(b"".join),
    cuts=st.lists(st.integers(0, 200), max_size=6),
)
def test_any_cut_of_a_form_gives_the_bytes_of_its_part(content, cuts):
    """However a form is cut on its way, also inside a boundary or a character, its part is whole."""
    if b"\r\n--xyz" in b"\r\n" + content:
        return  # a client takes another boundary than what the file holds
    body = HEAD + content + END
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(edges)]
    assert b"".join(read(pieces)) == content


def test_a_part_is_given_on_as_it_comes():
    """What came of a part is given on before the form has ended, so that nothing is gathered."""
    block = bytes(100_000)
    given_on = read([HEAD, block, block, END])
    assert max(map(len, given_on)) <= len(block)
    assert sum(map(len, given_on)) == 2 * len(block)


def test_plain_bytes_are_taken_as_they_are():
    """A body of application/octet-stream is the file itself."""
    assert read([b"--xyz", b"\r\n"], "application/octet-stream") == [b"--xyz", b"\r\n"]


@pytest.mark.parametrize(
    ("body", "content_type", "encoding", "kind", "told"),
    [
        (HEAD + b"a" + END, "質" * 3_000, "", BadContentType, "質"),
        (HEAD + b"a" + END, "application/json", "", BadContentType, "application/json"),
        (HEAD + b"a" + END, "", "", BadContentType, "none"),
        (HEAD + b"a" + END, "multipart/form-data", "", BadContentType, "no boundary"),
        (HEAD + b"a" + END, f"{TYPE[:-3]}{'x' * 999}", "", BadContentType, "boundary"),
        (HEAD + b"a" + END, "multipart/mixed; boundary=xyz", "", BadContentType, "mixed"),
        (HEAD + b"a" + END, TYPE, "gzip", BadContentType, "gzip"),
        (HEAD + b"a" + END, "application/octet-stream", "br", BadContentType, "br"),
        (
            HEAD.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + END,
            TYPE,
            "",
            BadContentType,
            "base64",
        ),
        (HEAD + b"a\r\n" + HEAD + b"b" + END, TYPE, "", InvalidArgument, "more than one part"),
        (b"--xyz--\r\n", TYPE, "", InvalidArgument, "no part"),
        (b"", TYPE, "", InvalidArgument, "no part"),
        (HEAD + b"a", TYPE, "", BadFile, "cut off"),
        (HEAD + b"a\r\n--xyz", TYPE, "", BadFile, "cut off"),
        (b"a=b&c=d", TYPE, "", BadFile, "not the form"),
        (HEAD[:20] + b"\x00" + HEAD[20:] + b"a" + END, TYPE, "", BadFile, "not the form"),
        (b"--xyz\r\n" + b"A: b\r\n" * 99 + b"\r\na" + END, TYPE, "", BadFile, "not the form"),
        (b"--xyz\r\nA: " + b"b" * 99_999 + b"\r\n\r\na" + END, TYPE, "", BadFile, "not the form"),
    ],
)
def test_what_is_no_form_of_one_part_is_refused(body, content_type, encoding, kind, told):
    """A wrong type, encoding, number of parts, header or end is refused in words that name it."""
    with pytest.raises(AssayError) as refused:
        read([body], content_type, encoding)
    assert type(refused.value) is kind
    assert told in refused.value.message
