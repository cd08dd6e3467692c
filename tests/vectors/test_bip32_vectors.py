"""Extended keys against the test vectors published with BIP-32.

Source: github.com/bitcoin/bips, bip-0032.mediawiki, "Test Vectors": 1 and 2, 3 and 4 (leading zeros),
and the invalid public keys of 5. Each chain is walked in secret from its seed and, wherever the last step
is not hardened, derived in public from the chain before it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from keepcool.chains import bip32
from keepcool.chains.accounts import path_numbers
from keepcool.chains.bip32 import HARDENED
from keepcool.core.errors import Malformed
from keepcool.core.secret import Secret
from keepcool.hazmat import derivation

_PUBLISHED = json.loads((Path(__file__).parent / "bip32.json").read_text(encoding="ascii"))
VECTORS: dict[str, dict[str, str]] = _PUBLISHED["chains"]
CHAINS = [(seed, path, xpub) for seed, chains in VECTORS.items() for path, xpub in chains.items()]


@pytest.mark.parametrize(("seed", "path", "xpub"), CHAINS)
def test_walks_every_published_chain(seed: str, path: str, xpub: str) -> None:
    """Seed and path lead to the published extended public key, and its text is read back to the same."""
    root = derivation.master(Secret(bytearray.fromhex(seed)))
    node = derivation.below(root, path_numbers(path) if path else ())
    assert bip32.encode_xpub(node.public) == xpub
    assert bip32.parse_xpub(xpub) == node.public


@pytest.mark.parametrize(
    ("seed", "path", "xpub"), [row for row in CHAINS if row[1] and not row[1].endswith("h")]
)
def test_derives_public_children_without_a_secret(seed: str, path: str, xpub: str) -> None:
    """Where the last step is not hardened, the parent's published xpub alone gives the child's."""
    above, _, number = path.rpartition("/")
    parent = bip32.parse_xpub(VECTORS[seed][above])
    assert bip32.encode_xpub(bip32.child(parent, int(number))) == xpub


@pytest.mark.parametrize("number", [-1, HARDENED, 2**32, True])
def test_refuses_a_child_that_needs_the_secret(number: int) -> None:
    """Hardened numbers, and what is no number, have no public child."""
    parent = bip32.parse_xpub(VECTORS["000102030405060708090a0b0c0d0e0f"][""])
    with pytest.raises(Malformed, match=r"bip32\.number"):
        bip32.child(parent, number)


@pytest.mark.parametrize(("text", "why"), [(one["xpub"], one["why"]) for one in _PUBLISHED["invalid"]])
def test_refuses_invalid_extended_keys(text: str, why: str) -> None:
    """The published invalid keys, and a secret one, are refused for what is wrong with each."""
    with pytest.raises(Malformed, match=re.escape(why)):
        bip32.parse_xpub(text)


def test_every_changed_letter_is_noticed() -> None:
    """Whichever letter of an xpub is altered, dropped or doubled, it is refused."""
    xpub = VECTORS["000102030405060708090a0b0c0d0e0f"]["0h/1"]
    for place, letter in enumerate(xpub):
        other = "2" if letter != "2" else "3"
        for wrong in (other, "", letter * 2, "0"):
            with pytest.raises(Malformed):
                bip32.parse_xpub(xpub[:place] + wrong + xpub[place + 1 :])
