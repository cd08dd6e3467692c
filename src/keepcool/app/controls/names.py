"""Whether two names are one, written larger, with other marks, or with other forms of the same letters."""

from __future__ import annotations

import unicodedata


def is_same(one: str, other: str) -> bool:
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in plain if letter.isalnum())
