"""Objects of an S3 storage: read and listed, from a real server and from hostile ones."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from assay.kernel.errors import (
    AddressNotAllowed,
    AssayError,
    InvalidArgument,
    RemoteFailed,
    TooLarge,
)
from assay.kernel.object_storage import (
    ObjectLocation,
    ObjectStorage,
    Patience,
    StorageAccess,
    signed_headers,
)
from tests.support.certificates import Authority
from tests.support.seaweedfs import ACCESS_KEY_ID, SECRET_ACCESS_KEY

LOOPBACK = ("127.0.0.0/8",)
MIB = 1024 * 1024
OBJECTS = {
    "a.txt": b"alpha",
    "folder/é ü+%2F&?#.txt": "grüße".encode(),
    "folder/~x=1,2;(3)!*'.bin": bytes(range(256)),
    "folder/sub/deep.txt": b"deep",
    "folderish": b"no part of the folder",
    "big": b"0123456789abcdef" * (3 * MIB // 16),
    "empty": b"",
}


def access(endpoint: str, **changes: str) -> StorageAccess:
    keys = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY}
    return StorageAccess(endpoint=endpoint, **{**keys, **changes})


def storage(endpoint: str, allowed=LOOPBACK, **options) -> ObjectStorage:
    changes = {name: options.pop(name) for name in ("secret_access_key",) if name in options}
    return ObjectStorage(
        access(endpoint, **changes), allowed_networks=allowed, pause=lambda _: None, **options
    )


def read(where: ObjectStorage, key: str, limit: int = 8 * MIB, bucket: str = "inputs") -> bytes:
    return where.read(ObjectLocation(bucket=bucket, key=key), b"".join, limit=limit)


@pytest.fixture(scope="module")
def bucket(seaweedfs) -> Iterator[ObjectStorage]:
    """A bucket with OBJECTS."""
    seaweedfs.put("inputs", OBJECTS)
    opened = storage(seaweedfs.endpoint, page_keys=2)
    yield opened
    opened.close()


def test_a_request_is_signed_as_aws_documents_it():
    """The signature is that of the example of the S3 reference, "Get Bucket (List Objects)"."""
    headers = signed_headers(
        StorageAccess(
            access_key_id="AKIAIOSFODNN7EXAMPLE",
            secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
        "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
        datetime(2013, 5, 24, tzinfo=UTC),
    )
    signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    assert headers["authorization"].endswith(signature)


@pytest.mark.parametrize("key", OBJECTS)
def test_an_object_is_read_whole(bucket, key):
    """Bytes come as they were stored, whatever characters the key has."""
    assert read(bucket, key) == OBJECTS[key]


def test_a_large_object_comes_in_blocks(bucket):
    """No block is larger than 1 MiB, so that memory stays flat."""
    sizes = bucket.read(
        ObjectLocation(bucket="inputs", key="big"),
        lambda blocks: list(map(len, blocks)),
        limit=MIB * 8,
    )
    assert sum(sizes) == 3 * MIB
    assert max(sizes) <= MIB


def test_a_folder_is_listed_over_pages(bucket):
    """All objects below a folder are listed, with their sizes, and no others."""
    found = {one.key: one.size for one in bucket.list("inputs", "folder", most=10)}
    assert found == {key: len(OBJECTS[key]) for key in OBJECTS if key.startswith("folder/")}
    assert bucket.list("inputs", "nothing/here/", most=10) == []
    assert len(bucket.list("inputs", "", most=10)) == len(OBJECTS)


def test_what_is_absent_forbidden_or_too_large_is_told(bucket, seaweedfs):
    """Each refusal names the object or folder and what is wrong with it, and no key."""
    wrong = storage(seaweedfs.endpoint, secret_access_key="of-somebody-else")
    cases: list[tuple[Callable[[], object], type[AssayError], str]] = [
        (lambda: read(bucket, "nope"), RemoteFailed, "'nope' of the bucket 'inputs' cannot be read: it does not exist"),
        (lambda: read(bucket, "a.txt", bucket="absent"), RemoteFailed, "no such bucket"),
        (lambda: read(bucket, "big", limit=MIB), TooLarge, "more than 1048576 bytes"),
        (lambda: bucket.list("inputs", "", most=3), TooLarge, "more than 3 objects"),
        (lambda: bucket.list("absent", "", most=3), RemoteFailed, "no such bucket"),
        (lambda: read(wrong, "a.txt"), RemoteFailed, "refused the access key (SignatureDoesNotMatch)"),
        (lambda: read(storage(seaweedfs.endpoint, allowed=()), "a"), AddressNotAllowed, "127.0.0.1"),
        (storage("http://localhost:1", allowed=()).check, AddressNotAllowed, "localhost"),
        (lambda: read(storage("http://localhost:1", allowed=()), "a"), AddressNotAllowed, "localhost"),
    ]  # fmt: skip  # a table
    for attempt, kind, told in cases:
        with pytest.raises(kind) as refused:
            attempt()
        assert told in refused.value.message
        assert "of-somebody-else" not in repr(refused.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        *("ftp://host", "https://user:hidden@host", "https://host/path", "https://host?a=hidden"),
        *(
            "https://",
            "host:8333",
            "https://host:99999",
            "https://host:0",
            "https://[::1",
            "//host",
        ),
        *(
            "https://host\nx",
            "https://ho st",
            "https://host#a",
            "https://host:8333:1",
            "https://h\\x",
        ),
    ],
)
def test_an_endpoint_is_a_scheme_a_host_and_a_port(endpoint):
    """Anything else is refused without being repeated, as it may hold a password."""
    with pytest.raises(InvalidArgument) as refused:
        access(endpoint)
    assert "hidden" not in refused.value.message


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("region", {"region": "x.evil.example/"}),
        ("access_key_id", {"access_key_id": "a\nb"}),
        ("secret_access_key", {"secret_access_key": "hidden\x00"}),
        ("session_token", {"session_token": "hidden" * 1000}),
        ("access_key_id", {"secret_access_key": ""}),
    ],
)
def test_values_that_would_alter_a_request_are_refused(field, values):
    """A region or a key with other characters is refused by its name; the key is not repeated."""
    with pytest.raises(InvalidArgument) as refused:
        access("", **values)
    assert refused.value.violations[0].field == field
    assert "hidden" not in refused.value.message


def test_places_that_no_object_has_are_refused():
    """A bucket with a slash and a key of too many bytes or no UTF-8 are refused."""
    for bucket, key in [("a/b", "k"), ("..", "k"), ("b", ""), ("b", "é" * 513), ("b", "\ud800")]:
        with pytest.raises(InvalidArgument):
            ObjectLocation(bucket=bucket, key=key)


@pytest.mark.parametrize(
    ("region", "bucket", "url"),
    [
        ("eu-west-1", "data-1", "https://data-1.s3.eu-west-1.amazonaws.com"),
        ("eu-west-1", "with.dots", "https://s3.eu-west-1.amazonaws.com/with.dots"),
        ("cn-north-1", "data", "https://data.s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_aws_is_reached_by_region_and_bucket(region, bucket, url):
    """Without an endpoint the host is that of AWS in the region."""
    assert access("", region=region).url_of(bucket) == url


def test_keys_are_not_shown():
    """The text of an access has no key in it, so that none is logged by chance."""
    shown = repr(access("https://host", session_token="tok"))
    assert ACCESS_KEY_ID not in shown
    assert SECRET_ACCESS_KEY not in shown
    assert "tok" not in shown


@contextmanager
def answering(
    *answers: bytes | None, hold: bool = False, drip: bool = False, context=None
) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives these answers, one a connection; yields its port and what it was sent.

    None closes the connection at once.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener, ringing() as over:
        asked: list[bytes] = []

        def serve() -> None:
            for answer in answers:
                try:
                    peer, _ = listener.accept()
                    if answer is None:
                        peer.close()
                        continue
                    with (
                        peer
                        if context is None
                        else context.wrap_socket(peer, server_side=True) as speaker
                    ):
                        asked.append(head(speaker))
                        speaker.sendall(answer)
                        while drip and not over.wait(0.02):
                            speaker.sendall(b"a")
                        if hold:
                            over.wait()
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield str(listener.getsockname()[1]), asked
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def head(speaker: socket.socket) -> bytes:
    """Read a request whole: a connection that is closed before that is reset."""
    read = b""
    while not read.endswith(b"\r\n\r\n") and (data := speaker.recv(65536)):
        read += data
    return read


@contextmanager
def ringing() -> Iterator[threading.Event]:
    event = threading.Event()
    try:
        yield event
    finally:
        event.set()


def reply(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    lines = {"content_length": str(len(body)), "connection": "close", **headers}
    head = "".join(
        f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items() if value
    )
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def listing(inside: bytes) -> bytes:
    """Return a page of a listing that says that more follow."""
    return b"<ListBucketResult><IsTruncated>true</IsTruncated>" + inside + b"</ListBucketResult>"


BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb">]><ListBucketResult>&b;</ListBucketResult>'
ENDLESS = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n100000\r\n" + bytes(0x100000) + b"\r\n"
)


@pytest.mark.parametrize(
    ("answers", "kind", "told"),
    [
        ([reply(status="307 Moved", location="http://127.0.0.1:9/")], RemoteFailed, "redirect (307)"),
        ([reply(b"<Error><Code>PermanentRedirect</Code></Error>", "301 Moved", x_amz_bucket_region="eu-west-3")], RemoteFailed, "'eu-west-3'"),
        ([reply(b"zip", content_encoding="gzip")], RemoteFailed, "content encoding 'gzip'"),
        ([reply(content_length="99999999999")], TooLarge, "8388608"),
        ([ENDLESS + b"800000\r\n" + b"a" * 0x800000], TooLarge, "8388608"),
        ([reply(b"half", content_length="9")] * 3, RemoteFailed, "tried 3 times"),
        ([reply(status="503 Slow Down")] * 3, RemoteFailed, "status 503. It was tried 3 times"),
        ([b"SSH-2.0-OpenSSH\r\n"] * 3, RemoteFailed, "bad status line"),
        ([b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"] * 3, RemoteFailed, "connection failed"),
        ([b""] * 3, RemoteFailed, "connection failed"),
        ([reply(status="404 Not Found")], RemoteFailed, "does not exist"),
        ([reply(b"a", content_length="", transfer_encoding="gzip, chunked")] * 3, RemoteFailed, "does not tell its end"),
        ([reply(b"a", content_length="9" * 5000)] * 3, RemoteFailed, "does not tell its end"),
        ([reply(b"<Code>" + b"a" * 200_000, "403 Forbidden", content_length="")], RemoteFailed, "refused the access key (403)"),
    ],
)  # fmt: skip  # a table
def test_an_answer_that_is_no_object_is_told(answers, kind, told):
    """Redirects, encodings, lies about sizes and what is no HTTP fail in words; nothing is followed."""
    with answering(*answers) as (port, asked):
        with pytest.raises(kind) as refused:
            read(storage(f"http://127.0.0.1:{port}"), "a")
        assert told in refused.value.message
        assert len(asked) == len(answers)
        assert all(SECRET_ACCESS_KEY.encode() not in one for one in asked)


def test_what_may_pass_is_tried_again():
    """After an answer of 500 and a connection cut short, the third attempt counts."""
    whole = reply(b"whole")
    with answering(reply(status="500 Oh"), reply(b"who", content_length="5"), whole) as (port, _):
        assert read(storage(f"http://127.0.0.1:{port}"), "a") == b"whole"


@pytest.mark.parametrize("length", [b"\xb2", b"9" * 5000, b"1"])
def test_chunks_tell_their_end_whatever_length_is_said(length):
    """Beside chunks a length is not looked at, and so neither are digits that are no number."""
    head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\ncontent-length: "
    head += length
    with answering(head + b"\r\n\r\n5\r\nwhole\r\n0\r\n\r\n") as (port, _):
        assert read(storage(f"http://127.0.0.1:{port}"), "a") == b"whole"


@pytest.mark.parametrize("drip", [False, True])
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\na: ", reply(content_length="999999")])
def test_a_storage_that_hangs_is_left(answer, drip):
    """Silence and single bytes, before the head, inside it and in the body, end at the deadline."""
    patience = Patience(read=0.2, whole=0.4)
    with answering(answer, answer, answer, hold=True, drip=drip) as (port, _):
        with pytest.raises(RemoteFailed) as refused:
            read(storage(f"http://127.0.0.1:{port}", patience=patience), "a")
        assert "cannot be read" in refused.value.message


@pytest.mark.parametrize(
    "body",
    [
        *(BOMB, b"", b"<html>", b"<a/>", b"\xff\xfe", b"<ListBucketResult><Contents>"),
        BOMB.decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="cp037"?>' + BOMB.decode().encode("cp037"),
        b"<ListBucketResult>" + b"<a/>" * 100_000 + b"</ListBucketResult>",
        listing(b"<Contents><Key></Key></Contents>"),
        listing(b"<Contents><Key>" + b"k" * 1025 + b"</Key></Contents>"),
        listing(b"<NextContinuationToken>" + b"t" * 8193 + b"</NextContinuationToken>"),
    ],
    ids=range(12),
)
def test_a_listing_that_is_none_is_told(body):
    """Other XML, declared entities, in whatever encoding, and impossible keys are refused."""
    with answering(reply(body)) as (port, _), pytest.raises(RemoteFailed) as refused:
        storage(f"http://127.0.0.1:{port}").list("inputs", "", most=10)
    assert "cannot be listed" in refused.value.message


def test_a_listing_that_does_not_end_is_ended():
    """A storage that gives the same page again and again is asked but twice for it."""
    page = reply(
        listing(
            b"<NextContinuationToken>x</NextContinuationToken>"
            b"<Contents><Key>a</Key><Size>many</Size></Contents>"
            b"<Contents><Key>b</Key><Size>" + b"9" * 5000 + b"</Size></Contents>"
        )
    )
    with answering(page, page, page) as (port, asked):
        found = storage(f"http://127.0.0.1:{port}").list("inputs", "", most=10)
        assert [(one.key, one.size) for one in found] == [("a", 0), ("b", 0)] * 2
        assert len(asked) == 2


def test_a_listing_of_ever_new_pages_ends_in_its_time():
    """All pages of a listing share one deadline, so that empty pages without end are left."""
    pages = (
        reply(listing(b"<NextContinuationToken>%d</NextContinuationToken>" % at))
        for at in range(10_000)
    )
    with answering(*pages) as (port, asked):
        opened = storage(f"http://127.0.0.1:{port}", patience=Patience(whole=0.2))
        with pytest.raises(RemoteFailed, match="the time for it has passed"):
            opened.list("inputs", "", most=10)
        assert 2 < len(asked) < 10_000


def test_tls_is_checked_against_the_name(tmp_path, monkeypatch):
    """The name in the URL must be the certificate's, although the connection goes to an address."""
    authority = Authority(tmp_path, "ca")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    for hosts, is_right in [(("localhost",), True), (("other.example",), False)]:
        files = authority.issue("server", hosts)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        with answering(reply(b"secret"), context=context) as (port, asked):
            opened = storage(f"https://localhost:{port}", allowed=(*LOOPBACK, "::1/128"))
            if is_right:
                assert read(opened, "a") == b"secret"
            else:
                with pytest.raises(RemoteFailed, match="certificate"):
                    read(opened, "a")
                assert asked == []


def test_a_tls_connection_that_is_cut_is_tried_again(tmp_path, monkeypatch):
    """In the handshake and inside the body, a cut is no refusal of the certificate."""
    authority = Authority(tmp_path, "ca")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    files = authority.issue("server", ("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    half, whole = reply(b"who", content_length="5"), reply(b"whole")
    with answering(None, half, whole, context=context) as (port, asked):
        opened = storage(f"https://localhost:{port}", allowed=(*LOOPBACK, "::1/128"))
        assert read(opened, "a") == b"whole"
        assert len(asked) == 2


def test_a_name_of_several_addresses_is_reached_at_one_that_answers(monkeypatch):
    """An address that takes no connection is passed by, and one that may not be reached as well."""
    with answering(reply(b"whole")) as (port, _):
        found = [(2, 1, 6, "", (one, 0)) for one in ("10.0.0.1", "127.0.0.9", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", _resolving("two.example", found))
        assert read(storage(f"http://two.example:{port}"), "a") == b"whole"


def _resolving(name, found):
    """Return a resolver that knows one more name."""
    resolve = socket.getaddrinfo
    return lambda host, *more, **named: found if host == name else resolve(host, *more, **named)
