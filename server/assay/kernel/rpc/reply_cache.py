"""Cache of the replies to point reads, valid until anything is committed anywhere.

A hot dashboard then costs a look at the store's change token. What is remembered is the encoded
reply, by organization, method and request; who may ask is checked before, at every call.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

MAX_BYTES = 16 * 1024 * 1024  # of replies held; a process that holds more starts anew
MAX_REPLY_BYTES = 256 * 1024  # larger replies are not worth their memory

Key = tuple[str, str, bytes]  # organization, method's path, encoded request


class ReplyCache:
    """Encoded replies and the state of the store that they were read from. For one event loop."""

    def __init__(self, token: Callable[[], Hashable]) -> None:
        """Take the store's change token: it differs whenever a commit came between two reads of it."""
        self._read_token = token
        self.token: Hashable = None  # as it was at the latest `get`
        self._replies: dict[Key, bytes] = {}
        self._bytes = 0

    def get(self, key: Key) -> bytes | None:
        """Return the reply that still holds, or None: then `token` is what to `put` one under."""
        token = self._read_token()
        if token != self.token:
            self._forget()
            self.token = token
        return self._replies.get(key)

    def put(self, key: Key, reply: bytes, token: Hashable) -> None:
        """Remember a reply that was read after `token` was taken."""
        # Another call may have seen a newer state meanwhile: then this reply may be stale.
        if token != self.token or len(reply) > MAX_REPLY_BYTES:
            return
        if self._bytes + len(reply) > MAX_BYTES:
            self._forget()
        self._replies[key] = reply
        self._bytes += len(reply) + len(key[2])

    def _forget(self) -> None:
        self._replies = {}
        self._bytes = 0
