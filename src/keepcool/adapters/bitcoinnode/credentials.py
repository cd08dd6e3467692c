"""The name and password of a node's user, from its URL or a file such as the node's own cookie.

Laws: they are shown to the node alone; the file is read again after the node refused them, because a node
writes a new cookie at every start.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from urllib.parse import unquote

from keepcool.core.errors import Unavailable

_BYTES_MAX = 4096


class Credentials:
    """None at all where neither the URL nor a file gives them."""

    __slots__ = ("_file", "_header", "_name")

    def __init__(self, name: str, user: str | None, password: str | None, file: Path | None) -> None:
        self._name, self._file = name, file
        self._header: str | None = None
        if user is not None and file is None:
            self._header = _basic(f"{unquote(user)}:{unquote(password or '')}".encode())

    def __repr__(self) -> str:
        return "Credentials"

    def headers(self) -> dict[str, str]:
        """Raises Unavailable when the file cannot be read."""
        if self._header is None and self._file is not None:
            self._header = _basic(self._read(self._file))
        return {} if self._header is None else {"Authorization": self._header}

    def renew(self) -> None:
        """Forgets what the file said."""
        if self._file is not None:
            self._header = None

    @property
    def mend(self) -> str:
        """What to do about a node that refuses them."""
        if self._file is not None:
            return f"does not take the user and password in {self._file}; is this its cookie?"
        if self._header is not None:
            return "does not take the user and password of its URL; correct them"
        return "wants a user and a password; name its cookie file, or write them into its URL"

    def _read(self, file: Path) -> bytes:
        try:
            text = file.read_bytes()[:_BYTES_MAX].strip()
        except OSError as error:
            told = f"the user and password of {self._name} cannot be read from {file}: {error.strerror}"
            raise Unavailable("node.unreachable", told + "; is the node running?") from error
        if b":" not in text:
            raise Unavailable("node.auth", f"{file} does not hold user:password for {self._name}")
        return text


def _basic(pair: bytes) -> str:
    return "Basic " + b64encode(pair).decode("ascii")
