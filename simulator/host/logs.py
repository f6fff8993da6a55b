"""Log lines on stderr. Knows how to render `extra` fields; refuses to know what they mean."""

import json
import logging
import sys
import time

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUIET = ("azure", "aiohttp.access", "urllib3", "msal", "asyncio")


class Line(logging.Formatter):
    """`12:00:01.234 info  shared.settle  settled  target=… changes=2`"""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.gmtime(record.created))
        extra = " ".join(
            f"{key}={_value(value)}"
            for key, value in vars(record).items()
            if key not in _STANDARD and not key.startswith("_")
        )
        line = f"{clock}.{int(record.msecs):03d} {record.levelname.lower():<7} {record.name}  {record.getMessage()}" + (
            f"  {extra}" if extra else ""
        )
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _value(value: object) -> str:
    if isinstance(value, str):
        return value if value and not any(c.isspace() for c in value) else json.dumps(value)
    try:
        return json.dumps(value, default=str, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)


def log_to_stderr(level: str = "INFO") -> None:
    """As on Azure: what the app logs at INFO and above is kept, the Azure SDKs from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
