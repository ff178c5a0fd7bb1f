"""Authorization: the principal holds every permission that the method's policy names."""

from __future__ import annotations

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
        call.caller.require(*needed)
