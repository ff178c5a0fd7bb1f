"""Log of gRPC: without the faults of callers, which it quotes with traceback and metadata."""

from __future__ import annotations

import logging

# Metadata that cannot be decoded is quoted, a credential too; a caller who has gone while an answer
# was on its way is told of as an error of the service.
_OF_CALLERS = ("Invalid encoding on", "ExecuteBatchError raised in core")
_LOGGER = "grpc._cython.cygrpc"


class _WithoutCallersFaults(logging.Filter):
    """Drops records that anybody can cause at will."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(_OF_CALLERS) and not _is_of_caller(record)


_FILTER = _WithoutCallersFaults()


def quiet() -> None:
    """Keep what callers do wrong out of gRPC's log; the access log has their calls."""
    logging.getLogger(_LOGGER).addFilter(_FILTER)  # once, however often it is added


def _is_of_caller(record: logging.LogRecord) -> bool:
    kind = record.exc_info[0] if record.exc_info else None
    return kind is not None and kind.__name__ == "ExecuteBatchError"
