"""BSMS files we write: keys offered and signed, wallets of several branches, and tampering."""

from __future__ import annotations

import pytest
from coincurve import PrivateKey
from embit import bip32 as embit_bip32

from keepcool.chains.bitcoin import bip45, bsms, bsms_sealing, descriptor
from keepcool.chains.bitcoin.keys import parse_key
from keepcool.chains.bitcoin.network_table import BITCOIN, DOGECOIN, LITECOIN
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.core.errors import Malformed
from tests.unit.chains.bitcoin.samples import ACCOUNT, ACCOUNTS, PURPOSES, points
from tests.vectors import bitcoin

TOKEN = "a54044308ceac9b7"


def signature_of(seed: bytes, path: str, digest: bytes) -> bytes:
    root = embit_bip32.HDKey.from_seed(seed)
    made = bytes(PrivateKey(root.derive(path).key.secret).sign_recoverable(digest, hasher=None))
    return made[:64] + bytes((27 + made[64],))


def offered() -> bsms.KeyRecord:
    return bsms.key_record(TOKEN, parse_key(ACCOUNTS[0], BITCOIN), "cold, paper 1", BITCOIN)


def test_a_key_is_offered_signed_and_read() -> None:
    """What the key signed is read back with the key; signed by another, it is refused."""
    record = offered()
    file = record.spelled(signature_of(bitcoin.SEEDS[0], ACCOUNT, record.digest))
    read, key = bsms.parse_key_record(file, BITCOIN)
    assert (read, key.spelled(BITCOIN)) == (record, ACCOUNTS[0])
    forged = record.spelled(signature_of(bitcoin.SEEDS[1], ACCOUNT, record.digest))
    with pytest.raises(Malformed, match=r"signature\.owner"):
        bsms.parse_key_record(forged, BITCOIN)


@pytest.mark.parametrize(
    ("token", "key", "description", "code"),
    [
        ("0", ACCOUNTS[0], "", "bsms.token"),
        (TOKEN.upper(), ACCOUNTS[0], "", "bsms.token"),
        ("00", ACCOUNTS[0], "x" * 81, "bsms.description"),
        ("00", ACCOUNTS[0], "two\nlines", "bsms.description"),
        ("00", ACCOUNTS[0] + "/0", "", "bsms.key"),
        ("00", ACCOUNTS[0].partition("]")[2], "", "bsms.key"),
    ],
)
def test_what_the_format_does_not_take_is_not_offered(
    token: str, key: str, description: str, code: str
) -> None:
    """Token, origin and one line of description, or no record."""
    with pytest.raises(Malformed) as refusal:
        bsms.key_record(token, parse_key(key, BITCOIN), description, BITCOIN)
    assert refusal.value.code == code


@pytest.mark.parametrize("signature", ["", "!", "AAAA", "A" * 88, "G" + "A" * 86 + "="])
def test_what_is_no_signature_is_refused(signature: str) -> None:
    """Neither empty, short nor of an uncompressed key."""
    with pytest.raises(Malformed):
        bsms.parse_key_record(f"{offered().message}\n{signature}", BITCOIN)


@pytest.mark.parametrize("network", [BITCOIN, LITECOIN], ids=lambda row: row.name)
@pytest.mark.parametrize("kind", [ScriptKind.P2WSH, ScriptKind.P2SH])
def test_wallets_are_written_and_read(network: Network, kind: ScriptKind) -> None:
    """Every branch of a BIP-45 wallet, pooled or segregated, goes into a file and comes out the same."""
    for wallet in (bip45.pooled(PURPOSES, 2, kind), bip45.segregated(PURPOSES, 5, 2, kind)):
        for found in wallet.descriptors():
            file = bsms.spelled_wallet(found, network)
            assert bsms.parse_wallet(file, network) == found
            assert "/**" in file
            assert "\n/0/*,/1/*\n" in file
            one = found.chosen(1)
            assert bsms.parse_wallet(bsms.spelled_wallet(one, network), network) == one


def test_a_wallet_of_single_keys_has_no_paths() -> None:
    """Fixed keys need no template; the file says so and is read back."""
    keys = [parse_key(point.hex(), BITCOIN) for point in points(3)]
    found = descriptor.made(ScriptKind.P2WSH, 2, keys)
    file = bsms.spelled_wallet(found, BITCOIN)
    assert bsms.UNRESTRICTED in file
    assert bsms.parse_wallet(file, BITCOIN) == found


def test_windows_line_ends_are_read() -> None:
    """A file that went through another system's editor is the same file."""
    found = bip45.pooled(PURPOSES).descriptor(0)
    file = bsms.spelled_wallet(found, DOGECOIN).replace("\n", "\r\n")
    assert bsms.parse_wallet(file, DOGECOIN) == found


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("BSMS 1.0", "BSMS 2.0", "bsms.version"),
        ("/0/*,/1/*", "/1/*,/0/*", "bsms.address"),
        ("/0/*,/1/*", "/0/*,1/*", "bsms.paths"),
        ("/0/*,/1/*", "No path restrictions", "bsms.paths"),
        ("/0/*,/1/*", "/0h/*", "bsms.paths"),
        ("/0/**", "/0/*", "bsms.paths"),
        ("/0/*,/1/*\n", "", "bsms.lines"),
        ("/0/*,/1/*\n", "/0/*,/1/*\n\n", "bsms.lines"),
        ("sortedmulti(2", "sortedmulti(1", "bsms.address"),
        ("sh(", "wsh(", "bsms.address"),
        ("BSMS 1.0", "BSMS 1.0" + " " * 10_001, "bsms.lines"),
    ],
)
def test_an_altered_wallet_is_refused(old: str, new: str, code: str) -> None:
    """Whatever is changed, the first address no longer fits or the file is no BSMS file."""
    file = bsms.spelled_wallet(bip45.pooled(PURPOSES).descriptor(0), BITCOIN)
    assert old in file
    with pytest.raises(Malformed) as refusal:
        bsms.parse_wallet(file.replace(old, new), BITCOIN)
    assert refusal.value.code == code


@pytest.mark.parametrize("token", ["", "00", TOKEN[:-1], TOKEN.upper()])
def test_sealing_needs_a_whole_token(token: str) -> None:
    """Neither empty, short nor in capitals."""
    with pytest.raises(Malformed, match=r"bsms\.token"):
        bsms_sealing.seal("text", token)


def test_only_the_token_opens() -> None:
    """Another token, or half a file, opens nothing."""
    sealed = bsms_sealing.seal("text", TOKEN)
    assert bsms_sealing.unseal(sealed, TOKEN) == "text"
    for token, raw in ((TOKEN[::-1], sealed), (TOKEN, sealed[:20]), (TOKEN, sealed[:-1])):
        with pytest.raises(Malformed, match=r"bsms\.sealed"):
            bsms_sealing.unseal(raw, token)
