"""The interceptor: one concern that every call passes, whatever the call's shape."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar

from assay.kernel.errors import AssayError
from assay.kernel.rpc.call import Call


class Interceptor:
    """One concern. `before` may refuse by raising; `after` sees how the call ended.

    One implementation serves unary and streaming calls: `before` runs once, before the first
    message is handled, and `after` once, when nothing more will be sent. Others override what
    they need.
    """

    name: ClassVar[str]

    def before(self, call: Call) -> Awaitable[None] | None:
        """Do the work before the handler; raise an AssayError to refuse the call.

        What must wait for something returns an awaitable; what is known already returns None,
        which saves a hot call the making of a coroutine.
        """
        return None

    def after(self, call: Call, error: AssayError | None) -> None:
        """Handle the end of a call; `error` is what the caller gets, None on success."""

    async def close(self) -> None:
        """Release what the interceptor holds; called once, when the server has stopped."""
