"""Words to keys, against the vectors published with BIP-32, BIP-39 and by Ethereum tools.

Sources: bips/bip-0032.mediawiki test vector 1 and 2; trezor/python-mnemonic vectors.json; the
"test test … junk" and "abandon … art" accounts that Hardhat, Foundry and Ian Coleman's page agree on.
"""

from __future__ import annotations

import pytest
from Crypto.Hash import keccak

from keepcool.chains.bip32 import HARDENED
from keepcool.core.errors import Malformed
from keepcool.core.secret import Secret
from keepcool.hazmat import curve, papers

ABANDON_ART = "abandon " * 23 + "art"
LETTERS = (
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor "
    "acoustic avoid letter advice cage absurd amount doctor acoustic bless"
)


def key_hex(seed_hex: str, *path: int) -> str:
    secret, _ = papers.derived(Secret(bytearray.fromhex(seed_hex)), path)
    with secret.opened() as key:
        return key.hex()


SEED_1 = "000102030405060708090a0b0c0d0e0f"
SEED_2 = (
    "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a2"
    "9f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542"
)


@pytest.mark.parametrize(
    ("seed", "path", "expected"),
    [
        (SEED_1, (), "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35"),
        (SEED_1, (HARDENED,), "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea"),
        (SEED_1, (HARDENED, 1), "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368"),
        (
            SEED_1,
            (HARDENED, 1, 2 | HARDENED),
            "cbce0d719ecf7431d88e6a89fa1483e02e35092af60c042b1df2ff59fa424dca",
        ),
        (
            SEED_1,
            (HARDENED, 1, 2 | HARDENED, 2, 1000000000),
            "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8",
        ),
        (SEED_2, (), "4b03d6fc340455b363f51020ad3ecca4f0850280cf436c70c727923f6db46c3e"),
        (SEED_2, (0,), "abe74a98f6c7eabee0428f53798f0ab8aa1bd37873999041703c742f15ac7e1e"),
    ],
)
def test_derives_the_keys_of_bip_32(seed: str, path: tuple[int, ...], expected: str) -> None:
    """Master, hardened and normal children equal the published private keys."""
    assert key_hex(seed, *path) == expected


def address(public: bytes) -> str:
    import coincurve

    raw = coincurve.PublicKey(public).format(compressed=False)[1:]
    return "0x" + keccak.new(digest_bits=256, data=raw).digest()[-20:].hex()


def test_derives_the_account_other_wallets_show() -> None:
    """24 words give the account that any BIP-44 wallet shows for them."""
    from eth_account import Account

    Account.enable_unaudited_hdwallet_features()
    for words in (ABANDON_ART, LETTERS):
        _, public = papers.key_of(words)
        assert address(public) == Account.from_mnemonic(words).address.lower()
    _, public = papers.key_of(ABANDON_ART)
    assert address(public) == "0xf278cf59f82edcf871d630f28ecc8056f25c1cdb"


@pytest.mark.parametrize(
    ("entropy", "words"),
    [("00" * 32, ABANDON_ART), ("80" * 32, LETTERS)],
)
def test_words_and_entropy_are_two_faces_of_one_thing(entropy: str, words: str) -> None:
    """Published entropy gives the published words and back; case and spacing do not matter."""
    assert papers.words_of(Secret(bytearray.fromhex(entropy))) == words
    with papers.entropy_of("  " + words.upper().replace(" ", "   ")).opened() as raw:
        assert raw.hex() == entropy


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("abandon " * 24, r"paper\.checksum"),
        ("abandon " * 11 + "about", r"paper\.words"),
        ("abandon " * 23 + "artt", r"paper\.word\b"),
        (ABANDON_ART.replace("abandon art", "art abandon"), r"paper\.checksum"),
    ],
)
def test_refuses_misread_words(words: str, code: str) -> None:
    """A wrong, missing or swapped word is told by place or as a failed checksum, and gives no key."""
    with pytest.raises(Malformed, match=code):
        papers.key_of(words)


@pytest.mark.slow
def test_every_single_word_mistake_but_the_known_share_is_caught() -> None:
    """With 8 checksum bits a wrong word slips through once in 256: of one place's 2047, fewer than 20 do."""
    from mnemonic import Mnemonic

    rest, slipped = LETTERS.split(), 0
    for word in Mnemonic("english").wordlist:
        if word == rest[3]:
            continue
        try:
            papers.entropy_of(" ".join([*rest[:3], word, *rest[4:]])).wipe()
        except Malformed:
            continue
        slipped += 1
    assert slipped < 20


def test_the_curve_is_the_compiled_library() -> None:
    """The arithmetic is libsecp256k1's own."""
    curve.assert_c_library()
