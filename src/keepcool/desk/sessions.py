"""Sessions at the desk: kept in memory, by the hash of a random id, ended by idleness, age or their holder.

Laws: a session lets somebody read; it signs nothing. A restart ends all. The number of sessions is bounded,
for each person and in all: the one unused longest makes room. OWASP, Session Management.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace

from keepcool.core.errors import Refused
from keepcool.desk.people import Holder
from keepcool.desk.settings import SessionSettings
from keepcool.ports.system import Clock, Entropy

ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """`token` stands in every form and every call that changes something."""

    name: str
    key: str
    token: str
    began_ms: int
    seen_ms: int

    def check_token(self, given: str) -> None:
        """Raises Refused when a request does not come from one of this session's own pages."""
        if not hmac.compare_digest(self.token.encode("ascii"), given.encode("utf-8", "replace")):
            raise Refused("session.token", "this page is from another session: reload it and try again")


class Sessions:
    """All of them. Ids are known to browsers alone."""

    def __init__(self, settings: SessionSettings, clock: Clock, entropy: Entropy) -> None:
        self._settings, self._clock, self._entropy = settings, clock, entropy
        self._by_hash: dict[bytes, Session] = {}

    def __len__(self) -> int:
        return len(self._by_hash)

    def begin(self, holder: Holder) -> tuple[str, Session]:
        """The id for the cookie, shown once, and the session."""
        self._make_room(holder.key)
        now_ms, identifier = self._clock.now_ms(), self._entropy(ID_BYTES).hex()
        session = Session(holder.name, holder.key, self._entropy(ID_BYTES).hex(), now_ms, now_ms)
        self._by_hash[_hash(identifier)] = session
        return identifier, session

    def seen(self, identifier: str) -> Session | None:
        """The live session of this cookie, used just now."""
        place = _hash(identifier)
        session = self._by_hash.get(place)
        if session is None:
            return None
        now_ms = self._clock.now_ms()
        if not self._lives(session, now_ms):
            del self._by_hash[place]
            return None
        self._by_hash[place] = session = replace(session, seen_ms=now_ms)
        return session

    def lives(self, identifier: str) -> bool:
        """Whether it would still be let in; this alone does not keep it alive."""
        session = self._by_hash.get(_hash(identifier))
        return session is not None and self._lives(session, self._clock.now_ms())

    def end(self, identifier: str) -> None:
        self._by_hash.pop(_hash(identifier), None)

    def end_all_of(self, key: str) -> int:
        """Everywhere this key has signed in. How many ended."""
        places = [place for place, one in self._by_hash.items() if one.key == key]
        for place in places:
            del self._by_hash[place]
        return len(places)

    def _lives(self, session: Session, now_ms: int) -> bool:
        idle_ms, age_ms = now_ms - session.seen_ms, now_ms - session.began_ms
        return idle_ms < self._settings.idle_s * 1000 and age_ms < self._settings.absolute_s * 1000

    def _make_room(self, key: str) -> None:
        now_ms = self._clock.now_ms()
        for place in [place for place, one in self._by_hash.items() if not self._lives(one, now_ms)]:
            del self._by_hash[place]
        own = [place for place, one in self._by_hash.items() if one.key == key]
        self._drop_oldest(own, self._settings.per_person_max)
        self._drop_oldest(list(self._by_hash), self._settings.most)

    def _drop_oldest(self, places: list[bytes], most: int) -> None:
        places.sort(key=lambda place: self._by_hash[place].seen_ms)
        for place in places[: max(len(places) - most + 1, 0)]:
            del self._by_hash[place]


def _hash(identifier: str) -> bytes:
    return hashlib.sha256(identifier.encode("utf-8", "replace")).digest()
