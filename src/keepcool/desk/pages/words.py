"""The pages' own words, in every language; what signers and people wrote is shown as they wrote it.

Law: every catalogue has the same keys with the same places to fill in; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping

from keepcool.desk.pages.words_en import ENGLISH
from keepcool.desk.pages.words_ru import RUSSIAN

CATALOGUES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "ru": RUSSIAN}
DEFAULT = "en"


class Words:
    """One language."""

    def __init__(self, language: str) -> None:
        self.language = language if language in CATALOGUES else DEFAULT
        self._catalogue = CATALOGUES[self.language]

    def __call__(self, key: str, **places: object) -> str:
        """Plain text: whoever puts it into a page escapes it. Raises KeyError on words that do not exist."""
        return self._catalogue[key].format(**places)

    def span(self, amount: int, unit: str) -> str:
        """`3 days`: a number of day, hour, minute or second."""
        form = _form_russian(amount) if self.language == "ru" else _form_english(amount)
        return self(f"span.{unit}.{form}", n=amount)


def language_of(cookie: str, accepted: str) -> str:
    """The visitor's choice, else the first language of the browser's that we have (RFC 9110, 12.5.4)."""
    if cookie in CATALOGUES:
        return cookie
    for part in accepted.split(",")[:20]:
        language = part.partition(";")[0].strip().partition("-")[0].lower()
        if language in CATALOGUES:
            return language
    return DEFAULT


def _form_english(amount: int) -> str:
    return "one" if amount == 1 else "many"


def _form_russian(amount: int) -> str:
    """CLDR plural rules."""
    last, pair = abs(amount) % 10, abs(amount) % 100
    if last == 1 and pair != 11:
        return "one"
    return "few" if last in (2, 3, 4) and pair not in (12, 13, 14) else "many"
