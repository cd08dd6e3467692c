"""The page of networks says what the table says."""

from __future__ import annotations

from keepcool.chains.bitcoin import network_reference
from tests.docs.pages import ROOT


def test_the_page_is_fresh() -> None:
    """docs/reference/bitcoin-networks.md is what the table draws today."""
    page = ROOT / "docs" / "reference" / "bitcoin-networks.md"
    assert page.read_text(encoding="utf-8") == network_reference.page()
