"""Where App's PostgreSQL is and how it is spoken to: one address for the books and for who leads.

Laws: a password comes from a file and is in no URL, log or error; every statement, wait for a lock and
connecting has an end; a commit is on disk (`synchronous_commit` is never off); text is UTF-8.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from keepcool.core.errors import Refused

SCHEMES = ("postgresql://", "postgres://")
# Advisory locks of this program, all in one class: who writes, who leads, whose books they are.
LOCK_CLASS, WRITER, LEADER, APPS = 0x6B656570, 1, 2, 3
CHANNEL = "keepcool"  # of notifications between Apps


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """`password` is a file. Times in seconds. `silent_s`: how long a transaction may say nothing before the
    server ends it; less than others wait for their turn, or a process that was paused in the middle of one
    would fail theirs."""

    url: str
    password: Path | None = None
    connections: int = 4
    statement_s: float = 30.0
    lock_s: float = 10.0
    connect_s: int = 5
    silent_s: float | None = None

    def address(self) -> URL:
        """With its password: for a driver alone. Raises Refused on what is no such address."""
        url = check(self.url)
        if self.password is None:
            return url
        try:
            return url.set(password=self.password.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(
                "database.password", f"{self.password} cannot be read: it is the password"
            ) from error

    def options(self) -> dict[str, str | int]:
        """For libpq: what every connection of ours begins with. A machine that vanished is noticed in
        seconds on both sides."""
        settings = {
            "statement_timeout": f"{int(self.statement_s * 1000)}",
            "lock_timeout": f"{int(self.lock_s * 1000)}",
            "idle_in_transaction_session_timeout": f"{int((self.silent_s or self.lock_s * 0.7) * 1000)}",
            "default_transaction_isolation": r"read\ committed",
            "client_encoding": "UTF8",
            "search_path": "public",
            "timezone": "UTC",
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
        }
        return {
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "connect_timeout": self.connect_s,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
            "application_name": "keepcool",
        }

    def shown(self) -> str:
        """For people: without any secret."""
        url = check(self.url)
        return url.set(query={}).render_as_string(hide_password=True)


def check(text: str) -> URL:
    """Raises Refused on what is no address of a PostgreSQL, or has a password in it."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise Refused("database.url", "database: postgresql://user@host/name, or a file") from error
    if url.password is not None or "password" in url.query:
        raise Refused("database.url", "database: name the password's file in database_password")
    if not url.database:
        raise Refused("database.url", "database: name the database, postgresql://user@host/name")
    if "options" in url.query:
        raise Refused("database.url", "database: `options` are set by keepcool; leave them out")
    return url.set(drivername="postgresql+psycopg")
