"""Lists: bounded pages and opaque cursors. A cursor belongs to its list and holds where to go on."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from pydantic import Field

from keepcool.app.http.fields import In
from keepcool.core.errors import Malformed

LIMIT_DEFAULT, LIMIT_MAX = 50, 200
T = TypeVar("T")


class Page(In):
    """Query of every list."""

    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    cursor: Annotated[str, Field(max_length=300, description="`next` of the page before.")] = ""


def encode_cursor(kind: str, after: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, after]).encode()).rstrip(b"=").decode("ascii")


def decode_cursor(kind: str, cursor: str) -> str | None:
    """Where to go on, None at the beginning. Raises Malformed for a cursor of another list."""
    if not cursor:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        made = json.loads(base64.urlsafe_b64decode(padded))
    except ValueError as error:
        raise Malformed("cursor.form", "not a cursor of this API; leave it out to begin anew") from error
    match made:
        case [str(named), str(after)] if named == kind:
            return after
        case _:
            raise Malformed("cursor.form", "not a cursor of this list; leave it out to begin anew")


def decode_number(kind: str, cursor: str) -> int | None:
    """The same for lists that go by a number."""
    after = decode_cursor(kind, cursor)
    if after is None:
        return None
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise Malformed("cursor.form", "not a cursor of this list; leave it out to begin anew")
    return int(after)


def cut(kind: str, rows: Sequence[T], limit: int, mark: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """A page and the next cursor, from up to `limit` + 1 rows."""
    if len(rows) <= limit:
        return rows, None
    page = rows[:limit]
    return page, encode_cursor(kind, mark(page[-1]))
