"""What leaves a signer in words of a fixed vocabulary, or in one encoding, whatever came in."""

from __future__ import annotations

import pytest

from keepcool.core.verdict import Approved, Denied, Failed, NeedsReview, Verdict
from keepcool.cosigner.entries import ascii_text
from keepcool.cosigner.people import verdict_item
from keepcool.wire.messages import VerdictItem


@pytest.mark.parametrize(
    ("verdict", "item"),
    [
        (Approved("cap_day"), VerdictItem(rule="cap_day", outcome="approved", reason="")),
        (Denied("cap_day", "too much"), VerdictItem(rule="cap_day", outcome="denied", reason="too much")),
        (NeedsReview("tiers", "ask"), VerdictItem(rule="tiers", outcome="needs_review", reason="ask")),
        (Failed("tiers", "broke"), VerdictItem(rule="tiers", outcome="failed", reason="broke")),
    ],
)
def test_each_verdict_has_its_word(verdict: Verdict, item: VerdictItem) -> None:
    """Four outcomes, each with the rule's name and its reason, and no fifth."""
    assert verdict_item(verdict) == item


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" !~", " !~"),
        ("a\x1fb\x7fc", "a?b?c"),
        ("a\nb\tc\0", "a?b?c?"),
        ("día €", "d?a ?"),
        ("", ""),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200),
    ],
)
def test_peoples_text_has_one_encoding(text: str, kept: str) -> None:
    """Printable ASCII from space to tilde as it is, everything else a question mark each, up to 200."""
    assert ascii_text(text) == kept
    assert ascii_text(text, 2) == kept[:2]
