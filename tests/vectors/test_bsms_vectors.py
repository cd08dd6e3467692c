"""BSMS files against the test vectors of BIP-129: github.com/bitcoin/bips, at the commit in bitcoin.json."""

from __future__ import annotations

import re

import pytest

from keepcool.chains.bitcoin import bsms, bsms_sealing
from keepcool.chains.bitcoin.network_table import BITCOIN, LITECOIN
from keepcool.core.errors import Malformed
from tests.vectors.bitcoin import DATA

TEXT: str = DATA["bip129_raw_test_vectors"]
FILES: list[str] = re.findall(r"<pre>(BSMS 1\.0.*?)</pre>", TEXT, re.DOTALL)
KEYS = [file for file in FILES if file.count("\n") == 4]
WALLETS = [file for file in FILES if file.count("\n") == 3]
SEALED: list[str] = re.findall(r"<pre>([0-9a-f]{100,})</pre>", TEXT)
TOKENS: list[str] = re.findall(r"TOKEN[^:\n]*\(hex\): ([0-9a-f]+)", TEXT)


def test_the_vectors_are_all_here() -> None:
    """Nine keys, four wallets and seven sealed files stand in the text as far as it is kept."""
    assert (len(KEYS), len(WALLETS), len(SEALED), len(TOKENS)) == (9, 4, 7, 4)


@pytest.mark.parametrize("file", KEYS)
def test_keys_are_read_and_their_signatures_verified(file: str) -> None:
    """Round 1: each key's record is read, and its own signature fits."""
    record, key = bsms.parse_key_record(file, BITCOIN)
    assert record.message == file.rpartition("\n")[0]
    assert key.origin is not None
    assert str(key.origin).replace("h", "'") in file


@pytest.mark.parametrize("file", KEYS)
@pytest.mark.parametrize("line", [1, 2, 3, 4])
def test_an_altered_key_is_refused(file: str, line: int) -> None:
    """Round 1: whichever line is exchanged for another record's, the signature no longer fits."""
    other = next(each for each in KEYS if each.split("\n")[line] != file.split("\n")[line])
    lines = file.split("\n")
    lines[line] = other.split("\n")[line]
    with pytest.raises(Malformed):
        bsms.parse_key_record("\n".join(lines), BITCOIN)


@pytest.mark.parametrize("file", WALLETS)
def test_wallets_are_read_and_written(file: str) -> None:
    """Round 2: the wallet leads to the stated first address, and what we write is read to the same."""
    found = bsms.parse_wallet(file, BITCOIN)
    assert found.kind.value in ("p2wsh", "p2sh-p2wsh")
    written = bsms.spelled_wallet(found, BITCOIN)
    assert bsms.parse_wallet(written, BITCOIN) == found
    assert written.split("\n")[2:4] == file.split("\n")[2:4]


@pytest.mark.parametrize("file", WALLETS)
def test_an_altered_wallet_is_refused(file: str) -> None:
    """Round 2: another first address, another network, or one key exchanged is refused."""
    lines = file.split("\n")
    other = next(each for each in WALLETS if each != file).split("\n")
    with pytest.raises(Malformed):
        bsms.parse_wallet("\n".join([*lines[:3], other[3]]), BITCOIN)
    with pytest.raises(Malformed, match=r"bsms\.address"):
        bsms.parse_wallet(file, LITECOIN)
    swapped = re.sub(r"\(([12]),", lambda found: f"({3 - int(found[1])},", lines[1]).partition("#")[0]
    with pytest.raises(Malformed, match=r"bsms\.address"):
        bsms.parse_wallet("\n".join([lines[0], swapped, *lines[2:]]), BITCOIN)


@pytest.mark.parametrize("sealed", SEALED)
def test_sealed_files_are_opened_and_sealed_again(sealed: str) -> None:
    """One of the published tokens opens each file, to a published text; sealing gives the same bytes."""
    opened = [(token, text) for token in TOKENS if (text := _unsealed(sealed, token)) is not None]
    assert len(opened) == 1
    token, text = opened[0]
    assert text in FILES
    assert bsms_sealing.seal(text, token).hex() == sealed


@pytest.mark.parametrize("sealed", SEALED)
def test_an_altered_sealed_file_is_refused(sealed: str) -> None:
    """One flipped bit, anywhere, and no token opens it."""
    raw = bytes.fromhex(sealed)
    for place in (0, 31, 32, len(raw) - 1):
        altered = raw[:place] + bytes((raw[place] ^ 1,)) + raw[place + 1 :]
        assert all(_unsealed(altered.hex(), token) is None for token in TOKENS)


def _unsealed(sealed: str, token: str) -> str | None:
    try:
        return bsms_sealing.unseal(bytes.fromhex(sealed), token)
    except Malformed:
        return None
