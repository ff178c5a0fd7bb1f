"""Deadlines that callers set: a job that has not ended by then ends TIMED_OUT."""

from __future__ import annotations

from datetime import datetime, timedelta

from assay.kernel.errors import InvalidArgument

MAX_AHEAD = timedelta(days=30)


def check_deadline(deadline: datetime | None, now: datetime) -> None:
    """Raise InvalidArgument unless `deadline` is None, or ahead of `now` and not too far."""
    if deadline is None:
        return
    if deadline <= now:
        raise InvalidArgument.of(
            "deadline",
            f"{deadline.isoformat()} was sent, which is past: it is {now.isoformat()}. Send a time "
            f"up to {MAX_AHEAD.days} days ahead, or none",
        )
    if deadline > now + MAX_AHEAD:
        raise InvalidArgument.of(
            "deadline",
            f"{deadline.isoformat()} was sent; at most {MAX_AHEAD.days} days ahead are allowed",
        )
