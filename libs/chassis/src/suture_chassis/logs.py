"""JSON logs on stderr, with what identifies the message at hand; secrets are masked by their names."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

_SECRET = re.compile(r"(password|passwd|secret|token|api_?key|authorization|private|dsn|credential)", re.I)
_USER_INFO = re.compile(r"(\w+://)[^/\s@]+@")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def logger(service: str, level: str, form: str) -> FilteringBoundLogger:
    """A logger that belongs to one service; nothing global is set."""
    end: Processor = (
        structlog.dev.ConsoleRenderer() if form == "console" else structlog.processors.JSONRenderer()
    )
    wrapped = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            mask_secrets,
            end,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    bound: FilteringBoundLogger = wrapped.bind(service=service)
    return bound


def mask_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Masks values whose name says that they are secret, and user info in URLs."""
    for key, value in event.items():
        if _SECRET.search(key):
            event[key] = "***"
        elif isinstance(value, str) and "@" in value:
            event[key] = _USER_INFO.sub(r"\1***@", value)
    return event


def capture_libraries(log: FilteringBoundLogger) -> None:
    """What libraries log through ``logging`` comes out in the same form; for a process, not for tests."""
    root = logging.getLogger()
    root.handlers = [_Forward(log)]
    root.setLevel(logging.WARNING)


class _Forward(logging.Handler):
    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info and record.exc_info[0] is not None:
            fields["exc_info"] = record.exc_info
        self._log.log(record.levelno, record.getMessage(), **fields)
