"""Authorization: the principal holds every permission that the method's policy names."""

from __future__ import annotations

from assay.kernel.errors import PermissionDenied
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.interceptors.base import Interceptor


class Authorize(Interceptor):
    """Refuses with PermissionDenied, naming what is lacking."""

    name = "authorize"

    def before(self, call: Call) -> None:
        """Compare the policy's permissions with the principal's."""
        if call.method.anonymous:
            return
        needed = call.method.permissions
        if needed <= call.caller.permissions:
            return
        lacking = sorted(p for p in needed if not call.caller.allows(p))
        if lacking:
            words = ", ".join(lacking)
            raise PermissionDenied(
                f"This call needs {words}, which the credential does not grant. "
                "Ask an administrator of your organization for it.",
                metadata={"permissions": words},
            )
