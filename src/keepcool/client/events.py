"""`client.events`: everything that changed, as a list and as a stream that goes on.

Law: a stream that was cut off goes on after the last event that was handed out; none is left out, none comes
twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

import httpx
import msgspec

from keepcool.client.http import Api
from keepcool.client.models import Page
from keepcool.client.told import Event
from keepcool.core.errors import Malformed, Unavailable

SILENT_S_MAX = 90.0  # App says that it is alive more often
_PAUSE_S_FIRST, _PAUSE_S_MAX = 0.2, 10.0


class Events:
    def __init__(self, api: Api) -> None:
        self._api = api

    def after(
        self,
        cursor: int = 0,
        types: Sequence[str] = (),
        *,
        wallet: str | None = None,
        user: str | None = None,
    ) -> Iterator[Event]:
        """Those beyond `cursor` that there are now, in order."""
        wanted = {"types": ",".join(types) or None, "wallet": wallet, "user": user}
        query: dict[str, str | int | None] = {"after": cursor, "limit": 200, **wanted}
        while True:
            page = self._api.get("/v1/events", Page[Event], query)
            yield from page.items
            if page.next is None:
                return
            query = {"cursor": page.next, "limit": 200, **wanted}

    def follow(self, after: int | None = None, types: Sequence[str] = ()) -> Iterator[Event]:
        """Those beyond `after`, or the ones to come, for as long as they are asked for. While App is away
        it is waited for; raises what App reports otherwise."""
        pause_s, query = _PAUSE_S_FIRST, {"types": ",".join(types)} if types else {}
        while True:
            try:
                with self._api.stream("/v1/events/stream", query, after, SILENT_S_MAX) as lines:
                    for cursor, text in _told(lines):
                        after, pause_s = cursor, _PAUSE_S_FIRST
                        if text:
                            yield _event(text)
            except (httpx.TransportError, Unavailable):
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, _PAUSE_S_MAX)


def _told(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Ids and data of a text/event-stream; data is empty where only the id went on."""
    cursor, data = 0, ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id" and value.isascii() and value.isdigit():
            cursor = int(value)
        elif name == "data":
            data += value
        elif not line:
            if cursor:
                yield cursor, data
            data = ""


def _event(text: str) -> Event:
    try:
        return msgspec.json.decode(text, type=Event)
    except msgspec.DecodeError as error:
        raise Malformed("client.answer", f"App's event is not understood: {error}") from error
