"""Templates to pages: every value escaped, every name known.

Laws: autoescaping is on and no template turns it off; an undefined name is an error, not an empty place; a
template gets values, never markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from keepcool.desk import naming
from keepcool.desk.naming import Names
from keepcool.desk.pages.words import CATALOGUES, Words, language_of
from keepcool.ports.system import Clock

TEMPLATES = Path(__file__).parent / "templates"


class Renderer:
    """All templates, read once."""

    def __init__(self, title: str, names: Names, clock: Clock, *, origin: str, rp_id: str) -> None:
        self._clock = clock
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals |= {
            "title": title,
            "origin": origin,
            "rp_id": rp_id,
            "amount": names.amount,
            "symbol": names.symbol,
            "groups": naming.groups,
            "when": naming.when,
            "iso": naming.iso,
            "spaced": naming.spaced,
            "languages": {one: words["language.name"] for one, words in CATALOGUES.items()},
        }

    def page(self, template: str, language: str, **values: Any) -> str:
        """`visitor` is None on pages for everybody."""
        words, now_s = Words(language), self._clock.now_ms() // 1000

        def ago(at_s: int) -> str:
            return words.span(*naming.span(max(now_s - at_s, 0)))

        def until(at_s: int) -> str:
            return words.span(*naming.span(max(at_s - now_s, 0)))

        context = {
            "t": words,
            "language": words.language,
            "ago": ago,
            "until": until,
            "now_s": now_s,
            "script_words": _script_words(words.language),
        }
        return self._environment.get_template(template).render({"visitor": None, **context, **values})

    def problem(self, scope: Mapping[str, Any], status: int, code: str, text: str) -> str:
        """For whoever navigated into an error."""
        accepted = _header(scope, b"accept-language")
        cookie = next(
            (
                part.partition("=")[2].strip()
                for part in _header(scope, b"cookie").split(";")
                if part.strip().startswith("desk-language=")
            ),
            "",
        )
        language = language_of(cookie, accepted)
        return self.page("problem.html", language, status=status, code=code, text=text, section="")


def _script_words(language: str) -> str:
    """What scripts say, as JSON for a data attribute."""
    own = {key[3:]: text for key, text in CATALOGUES[language].items() if key.startswith("js.")}
    return json.dumps(own, ensure_ascii=False)


def _header(scope: Mapping[str, Any], name: bytes) -> str:
    return b",".join(value for key, value in scope["headers"] if key == name).decode("latin-1")
