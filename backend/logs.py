"""What the processes write: one JSON object per line.

Invariant: no content, no name, no key, no path, no query, no body. A request is its route's pattern; an exception is its type and the
places it passed, without its message: a database error quotes the row it is about.
"""

import logging
import logging.config
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

ALARM_FIELDS = ("hospital", "log", "witness", "old", "size")  # of the audit log's alarms; any other `extra` is left out
# Frameworks whose messages carry paths or rows; what a person needs to know of a request, backend.observing says.
SILENT = ("django.request", "django.server", "django.security", "django.channels.server", "uvicorn.access", "httpx")


def configure(_: dict[str, Any]) -> None:
    """Called by Django as ``LOGGING_CONFIG``, by every process."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _places_of_exception,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=ALARM_FIELDS)],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in ("celery", "kombu", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _places_of_exception(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    record = event.get("_record")
    if record is not None:
        # The formatter would add the traceback with its message.
        record.exc_info = record.exc_text = None
    if info and info[0] is not None:
        frames = traceback.extract_tb(info[2])
        event["exception"] = {"type": info[0].__name__, "places": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]}
    return event
