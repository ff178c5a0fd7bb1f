"""Objects in storage that somebody else runs behind the S3 protocol: read and listed.

A caller names the endpoint and brings the keys, so nothing here trusts either: requests go to the
address that was checked and to no other, redirects are not followed, no configuration of this
machine is read, and an answer is bounded in bytes and in time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPException
from ssl import SSLEOFError, SSLError
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from assay.kernel.addresses import check_addresses, check_literal
from assay.kernel.clock import Clock
from assay.kernel.errors import InvalidArgument, RemoteFailed, TooLarge, clip
from assay.kernel.object_listing import MAX_KEY_BYTES, ListingPage, StoredObject
from assay.records import Record

T = TypeVar("T")

DEFAULT_REGION = "us-east-1"
MAX_SECRET_CHARS = 4096  # session tokens are long
BLOCK_BYTES = 1024 * 1024
ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.2  # doubled with each attempt
_MOST_LISTING_BYTES = 8 * 1024 * 1024  # of one page, of at most 1000 keys
_MOST_ERROR_BYTES = 64 * 1024
_MOST_ADDRESSES = 3  # of a name that has many
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_IN_HOST_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")  # a bucket that TLS names allow
_ENDPOINT = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?")
_TOO_LATE = "the time for it has passed"


class _AgainError(Exception):
    """An attempt failed in a way that may pass; its text says how."""


@dataclass(frozen=True, kw_only=True)
class StorageAccess:
    """Where the storage is, and the keys to it. Never stored or logged but sealed.

    Raises:
        InvalidArgument: A value cannot be one; the message holds no key.
    """

    endpoint: str = ""  # such as https://storage.example.com:8333; empty: AWS, in the region
    region: str = DEFAULT_REGION
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not _REGION.fullmatch(self.region):
            raise InvalidArgument.of(
                "region", f"'{clip(self.region, 40)}' was sent; a name such as us-east-1 is allowed"
            )
        for name in ("access_key_id", "secret_access_key", "session_token"):
            value = getattr(self, name)
            if not (value.isascii() and value.isprintable() and len(value) <= MAX_SECRET_CHARS):
                raise InvalidArgument.of(name, "must be at most 4096 printable ASCII characters")
        if not (self.access_key_id and self.secret_access_key):
            raise InvalidArgument.of("access_key_id", "both halves of the access key are needed")
        if self.endpoint:
            self._check_endpoint()

    def _check_endpoint(self) -> None:
        found = _ENDPOINT.fullmatch(self.endpoint)
        if found is None or not 0 < int(found[1] or 1) < 65536:
            # What was sent may hold a password before the host, so it is not repeated.
            raise InvalidArgument.of(
                "endpoint",
                "must be a URL of scheme, host and port alone, such as https://host:8333",
            )

    @property
    def without_secrets(self) -> StorageAccess:
        """The same storage and the public half of its key alone, to be compared or hashed."""
        return replace(self, secret_access_key=self.access_key_id, session_token="")

    def url_of(self, bucket: str) -> str:
        """Return the URL of a bucket; in AWS it is part of the host's name where it can be."""
        base = self.endpoint.rstrip("/")
        if not base:
            end = ".cn" if self.region.startswith("cn-") else ""
            host = f"s3.{self.region}.amazonaws.com{end}"
            if _IN_HOST_NAME.fullmatch(bucket):
                return f"https://{bucket}.{host}"
            base = f"https://{host}"
        return f"{base}/{bucket}"


class ObjectLocation(Record):
    """Where one object is."""

    bucket: str
    key: str

    def __post_init__(self) -> None:
        check_bucket(self.bucket)
        check_key(self.key)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long another machine is waited for, in seconds."""

    connect: float = 5.0
    read: float = 20.0  # between two of its packets
    whole: float = 300.0  # of one object or one listing, all attempts together


def list_folders(
    access: StorageAccess,
    folders: Sequence[ObjectLocation],
    *,
    most: int,
    allowed_networks: tuple[str, ...] = (),
    patience: Patience = Patience(),
) -> tuple[tuple[StoredObject, ...], ...]:
    """Return the objects below each of some folders, `most` of all; raises as `ObjectStorage.list`."""
    found: list[tuple[StoredObject, ...]] = []
    opened = ObjectStorage(access, allowed_networks=allowed_networks, patience=patience)
    with closing(opened) as storage:
        for folder in folders:
            left = most - sum(map(len, found))
            found.append(tuple(storage.list(folder.bucket, folder.key, most=left)))
    return tuple(found)


def check_bucket(bucket: str) -> None:
    """Raise InvalidArgument unless this can be the name of a bucket."""
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise InvalidArgument.of(
            "bucket",
            f"'{clip(bucket, 60)}' was sent; 2 to 255 letters, digits, - and _ are allowed, with "
            "single dots between them",
        )


def check_key(key: str) -> None:
    """Raise InvalidArgument unless this can be the key of an object."""
    if not key or len(key.encode(errors="surrogatepass")) > MAX_KEY_BYTES or not _is_utf8(key):
        raise InvalidArgument.of(
            "key", f"'{clip(key, 60)}' was sent; 1 to {MAX_KEY_BYTES} bytes of UTF-8 are allowed"
        )


class ObjectStorage:
    """The storage of one access; one thread uses it at a time."""

    def __init__(
        self,
        access: StorageAccess,
        *,
        allowed_networks: tuple[str, ...] = (),
        patience: Patience = Patience(),
        page_keys: int = 1000,  # of a listing; more than 1000 no storage gives
        clock: Clock | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._access = access
        self._allowed = allowed_networks
        self._patience = patience
        self._page_keys = str(page_keys)
        self._clock = clock or Clock()
        self._pause = pause
        self._connections: dict[str, HTTPConnection] = {}  # by scheme, host and port

    def check(self) -> None:
        """Raise AddressNotAllowed where the endpoint is written as an address that is not reached."""
        check_literal(urlsplit(self._access.url_of("bucket")).hostname or "", self._allowed)

    def read(
        self, where: ObjectLocation, consume: Callable[[Iterator[bytes]], T], *, limit: int
    ) -> T:
        """Return what `consume` makes of an object's bytes, given in blocks; called anew per attempt.

        Raises:
            AddressNotAllowed: the endpoint is at an address that is not reached.
            RemoteFailed: there is no such object, or it cannot be read.
            TooLarge: it has more than `limit` bytes.
        """
        path = "/" + quote(where.key, safe="/~")
        said = f"The object '{clip(where.key)}' of the bucket '{where.bucket}'"

        def attempt(ends_at: float) -> T:
            with self._answer(where.bucket, path, {}, ends_at, said) as answer:
                encoding = answer.headers.get("content-encoding", "")
                if encoding.lower() not in {"", "identity", "aws-chunked"}:
                    raise RemoteFailed(
                        f"{said} is stored with the content encoding '{clip(encoding, 40)}', which is "
                        "not undone. Store it as it is.",
                        metadata={"content_encoding": clip(encoding, 40)},
                    )
                if (answer.length_remaining or 0) > limit:
                    raise _too_large(said, limit)
                return consume(self._blocks(answer, said, limit, ends_at))

        return self._attempts(attempt, said, self._deadline())

    def list(self, bucket: str, folder: str, *, most: int) -> list[StoredObject]:
        """Return the objects below a folder in the order of their keys, at most `most`.

        `folder` is a prefix that ends at a slash, or nothing. Objects that stand for folders, of
        names that end with a slash, are left out.

        Raises:
            AddressNotAllowed: the endpoint is at an address that is not reached.
            RemoteFailed: the bucket cannot be listed.
            TooLarge: there are more than `most`.
        """
        check_bucket(bucket)
        prefix = folder.strip("/") + "/" if folder.strip("/") else ""
        said = f"The folder '{clip(prefix)}' of the bucket '{bucket}'"
        found: list[StoredObject] = []
        more, ends_at = "", self._deadline()
        while True:
            query = {"list-type": "2", "prefix": prefix, "max-keys": self._page_keys}
            if more:
                query["continuation-token"] = more
            page = self._attempts(partial(self._page, bucket, query, said), said, ends_at)
            found += [one for one in page.objects if not one.key.endswith("/")]
            if len(found) > most:
                raise TooLarge(f"{said} has more than {most} objects.", metadata={"limit": most})
            last, more = more, page.more
            if not more or more == last:
                return found

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def _page(
        self, bucket: str, query: Mapping[str, str], said: str, ends_at: float
    ) -> ListingPage:
        with self._answer(bucket, "", query, ends_at, said) as answer:
            body = b"".join(self._blocks(answer, said, _MOST_LISTING_BYTES, ends_at))
        return ListingPage.read(body, said)

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._patience.whole

    def _attempts(self, attempt: Callable[[float], T], said: str, ends_at: float) -> T:
        pause = FIRST_PAUSE_SECONDS
        for number in range(1, ATTEMPTS + 1):
            try:
                return attempt(ends_at)
            except _AgainError as error:
                if number == ATTEMPTS or self._clock.monotonic() + pause >= ends_at:
                    raise RemoteFailed(
                        f"{said} cannot be read: {error}. It was tried {number} times.",
                        metadata={"attempts": number},
                    ) from None
            self._pause(pause)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def _answer(
        self, bucket: str, path: str, query: Mapping[str, str], ends_at: float, said: str
    ) -> Iterator[HTTPResponse]:
        """Give the answer to a signed GET, whose status is 200."""
        url = self._access.url_of(bucket) + path
        if query:
            url += "?" + urlencode(query, quote_via=quote, safe="-_.~")
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = signed_headers(self._access, url, self._clock.now())
        connection = self._connected(url, ends_at)
        # A server that sends a byte now and then never lets a read time out.
        left = max(ends_at - self._clock.monotonic(), 0)
        cut = threading.Timer(left, _shut, [connection.sock])
        cut.daemon = True
        cut.start()
        answer = None
        try:
            with _again():
                connection.request(
                    "GET",
                    target,
                    headers={**headers, "accept-encoding": "identity"},
                    preload_content=False,
                    decode_content=False,
                )
                answer = connection.getresponse()
            if answer.status != 200:
                self._refuse(answer, said)
            encoding = answer.headers.get("transfer-encoding", "chunked")  # others are not undone
            is_chunked = answer.chunked and encoding.lower() == "chunked"
            if answer.length_remaining is None and not is_chunked:
                raise _AgainError("the answer does not tell its end")  # it may have been cut off
            yield answer
        except BaseException:
            connection.close()  # the rest of the body is not wanted
            raise
        finally:
            cut.cancel()
            if answer is not None:
                answer.close()

    def _connected(self, url: str, ends_at: float) -> HTTPConnection:
        """Return a connection to the host of a URL, at an address that was checked."""
        parts = urlsplit(url)
        left = ends_at - self._clock.monotonic()
        if left <= 0:
            raise _AgainError(_TOO_LATE)
        key = f"{parts.scheme}://{parts.netloc}"
        found = self._connections.get(key)
        if found is None or not found.is_connected:
            if found is not None:
                found.close()
            port = parts.port or (443 if parts.scheme == "https" else 80)
            found = self._connect(parts.scheme, parts.hostname or "", port, left)
            self._connections[key] = found
        found.timeout = min(left, self._patience.read)
        return found

    def _connect(self, scheme: str, host: str, port: int, seconds: float) -> HTTPConnection:
        """Connect to the first address of a host that takes a connection, of those that may be reached."""
        failed = _AgainError(_TOO_LATE)
        for address in check_addresses(host, port, self._allowed)[:_MOST_ADDRESSES]:
            place = f"[{address}]" if address.version == 6 else str(address)
            made = (
                HTTPSConnection(place, port, server_hostname=host)
                if scheme == "https"
                else HTTPConnection(place, port)
            )
            made.timeout = min(seconds, self._patience.connect)
            try:
                with _again(connecting=True):
                    made.connect()
            except _AgainError as error:
                failed = error
            else:
                return made
        raise failed

    def _blocks(
        self, answer: HTTPResponse, said: str, limit: int, ends_at: float
    ) -> Iterator[bytes]:
        size = 0
        with _again():
            # Of what came at all, so that slow bytes do not put off the look at the clock.
            while block := answer.read1(BLOCK_BYTES, decode_content=False):
                size += len(block)
                if size > limit:
                    raise _too_large(said, limit)
                if self._clock.monotonic() >= ends_at:
                    raise _AgainError(_TOO_LATE)
                yield block

    def _refuse(self, answer: HTTPResponse, said: str) -> None:
        """Raise what an answer of another status than 200 means."""
        status = answer.status
        if status >= 500 or status in {408, 429}:
            raise _AgainError(f"the storage answered with status {status}")
        with _again():
            code = _code_of(answer.read(_MOST_ERROR_BYTES, decode_content=False))
        region = answer.headers.get("x-amz-bucket-region", "")
        if code == "RequestTimeout":
            raise _AgainError("the storage took too long")
        if _REGION.fullmatch(region) and region != self._access.region:
            says = f"the bucket is in the region '{region}'. Send that as region"
        elif 300 <= status < 400:
            says = f"the storage answered with a redirect ({status}), and none is followed"
        elif status == 404:
            says = "it does not exist" if code != "NoSuchBucket" else "there is no such bucket"
        elif status in {401, 403}:
            says = f"the storage refused the access key ({code or status})"
        else:
            says = f"the storage answered with status {status}" + (f" ({code})" if code else "")
        raise RemoteFailed(
            f"{said} cannot be read: {says}.", metadata={"status": status, "code": code}
        )


def signed_headers(access: StorageAccess, url: str, now: datetime) -> dict[str, str]:
    """Return the headers of a GET without a body, signed by Signature Version 4 of AWS.

    The path and the query of `url` are percent-encoded as they are sent, the query in its order.
    """
    parts = urlsplit(url)
    at = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "host": parts.netloc,
        "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-amz-date": at,
    }
    if access.session_token:
        headers["x-amz-security-token"] = access.session_token
    signed = ";".join(headers)
    request = "\n".join(
        (
            *("GET", parts.path or "/", "&".join(sorted(parts.query.split("&")))),
            *(f"{name}:{value}" for name, value in headers.items()),
            *("", signed, headers["x-amz-content-sha256"]),
        )
    )
    scope = (at[:8], access.region, "s3", "aws4_request")
    hashed = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", at, "/".join(scope), hashed))
    key = f"AWS4{access.secret_access_key}".encode()
    for part in (*scope, text):
        key = hmac.digest(key, part.encode(), "sha256")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access.access_key_id}/{'/'.join(scope)},"
        f"SignedHeaders={signed},Signature={key.hex()}"
    )
    return headers


@contextmanager
def _again(*, connecting: bool = False) -> Iterator[None]:
    """Raise a failure of the connection inside as one that may pass, but for what TLS refuses first."""
    try:
        yield
    except (HTTPError, HTTPException, OSError) as error:
        cause = error.__cause__ if isinstance(error, HTTPError) else error
        if connecting and isinstance(cause, SSLError) and not isinstance(cause, SSLEOFError):
            raise RemoteFailed(
                "The storage cannot be read: its TLS certificate was not accepted, or it speaks no "
                "TLS. Check the endpoint."
            ) from None
        # The type alone: the text may name addresses that the caller shall not learn.
        raise _AgainError(f"the connection failed ({_words(type(error).__name__)})") from None


def _words(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name.removesuffix("Error")).lower()


def _shut(connected: socket.socket) -> None:
    """End a connection under whoever reads it."""
    with suppress(OSError):  # it was closed meanwhile
        # Of a TLS socket the one below: its reader would meet a state that is none.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _code_of(body: bytes) -> str:
    """Return the code in an error's body, where it has one in the S3 protocol."""
    found = re.search(rb"<Code>([A-Za-z.]{1,64})</Code>", body)
    return "" if found is None else found[1].decode()


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_large(said: str, limit: int) -> TooLarge:
    return TooLarge(f"{said} has more than {limit} bytes.", metadata={"limit_bytes": limit})
