"""Every error of keepcool, sorted by what the caller must do.

Over the wire and over HTTP go the kind, the stable code and the public text; `fields` carry data for
programs. No secret is ever in a message.
"""

from __future__ import annotations


class KeepcoolError(Exception):
    """Root of the tree. `code` is stable and documented; `public` says what is wrong and what to do."""

    kind = "error"

    def __init__(self, code: str, public: str, **fields: str | int) -> None:
        super().__init__(f"{code}: {public}")
        self.code = code
        self.public = public
        self.fields = fields


class Refused(KeepcoolError):
    """A decision. Never retried; told to the asker."""

    kind = "refused"


class Malformed(KeepcoolError):
    """Their bytes are wrong. Counts against the sender."""

    kind = "malformed"


class Conflict(KeepcoolError):
    """Our state says no. Re-read, then decide again."""

    kind = "conflict"


class Unavailable(KeepcoolError):
    """Something outside is down. Bounded retry."""

    kind = "unavailable"


class Breach(KeepcoolError):
    """The world is not as proved. Freeze and alarm."""

    kind = "breach"


_KINDS: dict[str, type[KeepcoolError]] = {
    cls.kind: cls for cls in (Refused, Malformed, Conflict, Unavailable, Breach)
}


def rebuild(kind: str, code: str, public: str) -> KeepcoolError:
    """The error a peer reported; an unknown kind is `Malformed`, never something to retry."""
    known = _KINDS.get(kind)
    if known is None:
        return Malformed("wire.error_kind", f"peer reported an unknown kind of error: {code}")
    return known(code, public)
