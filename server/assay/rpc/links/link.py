"""What a link is: one concern that every call passes, whatever the call's shape."""

from __future__ import annotations

from typing import Protocol

from assay.domain.errors import AssayError
from assay.rpc.call import Call


class Link(Protocol):
    """One concern. `before` may refuse by raising; `after` sees how the call ended.

    One implementation serves unary and streaming calls: `before` runs once, before the first
    message is handled, and `after` once, when nothing more will be sent.
    """

    name: str

    async def before(self, call: Call) -> None:
        """Do the link's work before the handler; raise an AssayError to refuse the call."""

    def after(self, call: Call, error: AssayError | None) -> None:
        """Take note of the end; `error` is what the caller is told, None on success."""


class Passive:
    """A link that does nothing; others override what they need."""

    name = "passive"

    async def before(self, call: Call) -> None:
        """Let every call pass."""

    def after(self, call: Call, error: AssayError | None) -> None:
        """Take no note."""
