"""Codes of a Safe's reverts, in words."""

from __future__ import annotations

import pytest

from keepcool.chains.evm.complaints import MEANINGS, explained


@pytest.mark.parametrize("code", MEANINGS)
def test_a_known_code_is_explained_behind_the_nodes_words(code: str) -> None:
    """The words stay as they were said."""
    said = f"execution reverted: revert: {code}"
    assert explained(said) == f"{said} ({MEANINGS[code]})"


@pytest.mark.parametrize("said", ["execution reverted", "GS999", "XGS026", "GS0261", ""])
def test_other_words_stay_as_they_are(said: str) -> None:
    """Nothing is made up of a code nobody knows."""
    assert explained(said) == said
