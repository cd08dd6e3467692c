"""The page about events names every type there is, and no setting that is not."""

from __future__ import annotations

import re

import msgspec

from keepcool.app.events import kinds
from keepcool.app.events.settings import EventSettings
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "operate" / "events.md").read_text(encoding="utf-8")


def test_every_type_is_explained() -> None:
    """A state that is added to deposits or withdrawals is a type, and needs its line."""
    assert not [one for one in kinds.TYPES if f"`{one}`" not in PAGE]


def test_no_type_is_made_up() -> None:
    """What the table explains can happen."""
    table = PAGE[PAGE.index("## Types") : PAGE.index("A note for operators")]
    assert set(re.findall(r"`([a-z_]+\.[a-z_]+)`", table)) == set(kinds.TYPES)


def test_every_setting_stands_there_with_its_default() -> None:
    """As the program has it."""
    for field in msgspec.structs.fields(EventSettings):
        if field.name != "webhook_networks":
            assert re.search(rf"`{field.name}`\s+{field.default:g}\b", PAGE), field.name
    assert "webhook_networks" in PAGE
