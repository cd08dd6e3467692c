"""Message ids: 26 characters, the time first, 80 random bits after it.

Follows the ULID specification 1.0 (Crockford base32, most significant first). Ids are compared for
equality only; their order is a convenience for people.
"""

from __future__ import annotations

import re

from keepcool.ports.system import Entropy

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FORM = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def ulid(now_ms: int, entropy: Entropy) -> str:
    """An id of this millisecond; `entropy` gives the other ten bytes."""
    number = (now_ms & (1 << 48) - 1) << 80 | int.from_bytes(entropy(10), "big")
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def is_ulid(text: str) -> bool:
    return _FORM.fullmatch(text) is not None
