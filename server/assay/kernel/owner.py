"""Owner of the work in progress: the organization for which it is done, so that shares are fair.

It travels in a context variable, from a call or a job to the compute processes.
"""

from __future__ import annotations

from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("assay_owner", default="")


def current() -> str:
    """Return the organization; empty where the work is nobody's."""
    return _current.get()


def work_for(organization_id: str) -> None:
    """Do what follows in this context for an organization."""
    _current.set(organization_id)
