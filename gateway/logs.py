"""Logging: one JSON object a line on standard error, with the correlation id, without secrets."""

import re
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SECRET_NAME = re.compile(
    r"passw|secret|token|authorization|cookie|credential|api_?key|private_key|signing_key", re.I
)
MASK = "[redacted]"
LONGEST_TEXT = 4_000


def mask_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace what stands under a name that means a secret, at any depth."""
    return {name: _masked(name, value) for name, value in event.items()}


def _masked(name: str, value: Any) -> Any:
    if SECRET_NAME.search(name):
        return MASK
    if isinstance(value, dict):
        return {str(key): _masked(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked("", inner) for inner in value]
    if isinstance(value, str) and len(value) > LONGEST_TEXT and name != "exception":
        return value[:LONGEST_TEXT] + "…"
    return value


# Text arrives as an argument of a log call or from a library: both end in one line, because JSON
# escapes every line break and, with `ensure_ascii`, everything else that could forge a line.
SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    structlog.stdlib.PositionalArgumentsFormatter(),
]


def configure(level: str) -> dict[str, Any]:
    """Set structlog up and give back Django's LOGGING; `level` is a name such as `info`."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    quiet = {"level": "WARNING"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": json_formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            # Our own line for each request says more; theirs would be a second one.
            "django.channels.server": quiet,
            "django.server": quiet,
            "daphne": quiet,
            "uvicorn": quiet,
            "dramatiq": quiet,
            "httpx": quiet,
            "httpcore": quiet,
            "asyncio": quiet,
            # Every 4xx has its own line already; only what broke is worth a traceback.
            "django.request": {"level": "ERROR"},
            "django": {"handlers": [], "level": "INFO", "propagate": True},
        },
    }


def json_formatter() -> structlog.stdlib.ProcessorFormatter:
    """Renders our events and the records of every library alike."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            mask_secrets,
            structlog.processors.EventRenamer("event"),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
    )
