"""The catalogues: complete, alike, and used."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from keepcool.desk import naming
from keepcool.desk.pages import rendering
from keepcool.desk.pages.assets import STATIC, read_assets
from keepcool.desk.pages.words import CATALOGUES, Words, language_of

_MADE = re.compile(
    r"^(span|queue\.order|item\.state|item\.verdict|item\.window|decide|orders\.state|orders\.level|nav|help)\."
)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_catalogues_have_the_same_words() -> None:
    """Every language has every key, with the same places to fill in, and no empty text."""
    english = CATALOGUES["en"]
    for language, words in CATALOGUES.items():
        assert words.keys() == english.keys(), language
        for key, text in words.items():
            assert text.strip(), f"{language}: {key}"
            assert places(text) == places(english[key]), f"{language}: {key}"


def test_pages_and_scripts_ask_for_words_that_exist() -> None:
    """Each word a template or a script names stands in the catalogues, and each word there is named."""
    english, named = CATALOGUES["en"], set[str]()
    for path in sorted(Path(rendering.TEMPLATES).glob("*.html")):
        named |= set(re.findall(r"""\bt\(["']([a-z0-9_.]+)["']""", path.read_text("utf-8")))
    for path in sorted(STATIC.glob("*.js")):
        named |= {
            f"js.{key}" for key in re.findall(r"""\bword\(["']([a-z_]+)["']""", path.read_text("utf-8"))
        }
    whole = {key for key in named if not key.endswith(".")}
    assert whole <= english.keys(), whole - english.keys()
    unused = {key for key in english if key not in named and not _MADE.match(key)}
    assert unused == {"language.name"}


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("", "fr,de;q=0.5", "en"),
        ("en", "ru", "en"),
        ("<script>", "ru", "ru"),
    ],
)
def test_the_language_is_the_visitors(cookie: str, accepted: str, language: str) -> None:
    """A choice counts before the browser's languages; what we do not have is English."""
    assert language_of(cookie, accepted) == language


def test_russian_counts_as_russians_do() -> None:
    """Plural forms follow CLDR."""
    words = Words("ru")
    said = [words.span(amount, "day") for amount in (1, 2, 5, 11, 12, 21, 22, 25, 111)]
    assert said == [
        "1 день", "2 дня", "5 дней", "11 дней", "12 дней", "21 день", "22 дня", "25 дней", "111 дней"
    ]  # fmt: skip
    assert [Words("en").span(amount, "hour") for amount in (1, 2)] == ["1 hour", "2 hours"]
    assert [naming.span(seconds) for seconds in (59, 60, 7_200, 90_000)] == [
        (59, "second"),
        (1, "minute"),
        (2, "hour"),
        (1, "day"),
    ]


def test_nothing_of_a_page_comes_from_elsewhere() -> None:
    """No template, style or script names another host, has inline code, or puts text in as markup."""
    texts = {path.name: path.read_text("utf-8") for path in Path(rendering.TEMPLATES).glob("*.html")}
    texts |= {name: asset.body.decode() for name, asset in read_assets().items()}
    for name, text in texts.items():
        plain = text.replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in plain, name
        assert not re.search(
            r"https://|//cdn|\bon[a-z]+=|style=|innerHTML|outerHTML|insertAdjacentHTML|eval\(", plain
        ), name
        assert not re.search(r"document\.write|<style|\|\s*safe\b|autoescape", plain), name
        assert not re.search(r"<script(?! type=\"module\" src=\"/static/)", plain), name
