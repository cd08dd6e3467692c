"""Structured logs: one JSON object per line on stderr, with what looks like a secret taken out.

Redaction is the last net, not the plan: no secret is handed to a logger in the first place. A broken
handler's error is logged by type and place; its text may hold anything. The fields: docs/reference/logs.md.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from keepcool.core.errors import KeepcoolError

REDACTED = "[redacted]"
VARIABLE = "KEEPCOOL_LOG"
LEVELS = ("debug", "info", "warning", "error", "critical")
_SECRET_NAMES = re.compile(
    r"seed|secret|passw|token|mnemonic|private|credential|authorization|cookie|api_?key|nkey|share|entropy",
    re.IGNORECASE,
)
_SECRET_TEXTS = re.compile(
    r"\bS[UANCOX][A-Z2-7]{56}\b"  # NATS nkey seed
    r"|\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}"  # OpenBao and Vault tokens
    r"|\bxprv[1-9A-HJ-NP-Za-km-z]{100,}"  # BIP-32 private key
    r"|\bwhsec_[A-Za-z0-9+/]{24,}"  # of a webhook
    r"|\bAGE-SECRET-KEY-1[A-Z0-9]{40,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {
    *("message", "asctime", "taskName"),
    "color_message",  # uvicorn's, for terminals
}
_TEXT_MAX = 2000
_FRAMES_MAX = 12
_DEPTH_MAX = 6


class JsonLines(logging.Formatter):
    """Formats a record and its extra fields: logger.info("signed", extra={"items": 3})."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _iso(record.created),
            "at_ms": int(record.created * 1000),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "event": redacted(record.getMessage()),
        }
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line |= {name: value for name, value in _clean(extra).items() if name not in line}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = described(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, default=_foreign)


def log_to_stderr(service: str, level: str = "", stream: TextIO | None = None) -> None:
    """Sends all of this process's logs to stderr as JSON lines, replacing what was set up before. Without a
    level, the one in KEEPCOOL_LOG, else info."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    wanted = (level or os.environ.get(VARIABLE, "")).lower()
    root.setLevel((wanted if wanted in LEVELS else "info").upper())


def _iso(at_s: float) -> str:
    """RFC 3339, UTC, to the millisecond."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def redacted(text: str) -> str:
    return _SECRET_TEXTS.sub(REDACTED, text[:_TEXT_MAX])


def described(error: BaseException) -> dict[str, object]:
    """What may be told of an error: type and place, and code and text of our own errors."""
    told: dict[str, object] = {"type": type(error).__name__, "at": _places(error.__traceback__)}
    if isinstance(error, KeepcoolError):
        told |= {"code": error.code, "text": redacted(error.public)}
    return told


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_FRAMES_MAX:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]


def _clean(fields: Mapping[str, object], depth: int = 0) -> dict[str, object]:
    return {
        str(name): REDACTED if _SECRET_NAMES.search(str(name)) else _clean_value(value, depth)
        for name, value in fields.items()
    }


def _clean_value(value: object, depth: int) -> object:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, str):
        return redacted(value)
    if depth >= _DEPTH_MAX:
        return _foreign(value)
    if isinstance(value, Mapping):
        return _clean(value, depth + 1)
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean_value(one, depth + 1) for one in value]
    return _foreign(value)


def _foreign(value: object) -> str:
    """Bytes and unknown objects are named, never shown."""
    if isinstance(value, BaseException):
        return type(value).__name__
    return f"<{type(value).__name__}>"
