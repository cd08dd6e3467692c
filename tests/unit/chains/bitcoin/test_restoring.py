"""The file that wallets come back from: read back as written, refused when anything in it is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.chains.bitcoin import bip45, bsms, restoring
from keepcool.chains.bitcoin.bip45 import Bip45
from keepcool.chains.bitcoin.descriptor import bip48
from keepcool.chains.bitcoin.keys import parse_key
from keepcool.chains.bitcoin.network_table import BITCOIN, LITECOIN_REGTEST, SHIPPED
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.restoring import Backup, KeptWallet, parse_backup, spelled_backup
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.core.errors import Breach, Malformed
from tests.fixtures.bitcoinrecords import bitcoin_record
from tests.unit.chains.bitcoin.samples import ACCOUNTS, PURPOSES
from tests.vectors.bitcoin import embit_script

HARBOR = "rltc1q5xs6rgdp5xs6rgdp5xs6rgdp5xs6rgdp69ekaz"


def wallet(number: int, kind: ScriptKind = ScriptKind.P2WSH) -> Bip45:
    return bip45.segregated(PURPOSES, number, 2, kind)


def pool() -> Bip45:
    return bip45.pooled(PURPOSES, 2, ScriptKind.P2SH)


WALLETS = (
    KeptWallet("w-1", wallet(1).descriptors(), {(0, 0): 17, (2, 1): 99_999}),
    KeptWallet("pool:deposits", pool().descriptors()),
)
BACKUP = Backup(LITECOIN_REGTEST, WALLETS, 120, 1_800_000_000)


def read(text: str, network: str = "") -> Backup:
    return parse_backup(text, SHIPPED, network)


def test_what_is_written_is_read() -> None:
    """Network, birth, wallets in order, all branches and what was issued come back the same."""
    assert read(spelled_backup(BACKUP)) == BACKUP
    assert read(spelled_backup(Backup(BITCOIN, WALLETS))) == Backup(BITCOIN, WALLETS)


@pytest.mark.parametrize("one", [0, 1, 2])
def test_one_branch_brings_all(one: int) -> None:
    """Of a BIP-45 wallet one cosigner's descriptor gives the branches of all three."""
    for made in (wallet(4), pool()):
        text = made.descriptor(one).spelled(LITECOIN_REGTEST)
        assert read(text, "litecoin-regtest").wallets[0].descriptors == made.descriptors()


def test_other_wallets_are_taken_as_they_are() -> None:
    """A BIP-48 wallet has one descriptor, and it is left alone."""
    made = bip48([parse_key(one, BITCOIN) for one in ACCOUNTS], 2, ScriptKind.P2WSH)
    assert read(made.spelled(BITCOIN), "bitcoin").wallets == (KeptWallet("wallet-1", (made,)),)


@pytest.mark.parametrize("network", [BITCOIN, LITECOIN_REGTEST])
def test_bsms_files_are_read(network: Network) -> None:
    """A BSMS file of one branch brings the whole wallet, and our own files are such."""
    for text in restoring.spelled_bsms(WALLETS[0], network):
        assert text.startswith(bsms.VERSION)
        assert read(text, network.name).wallets[0].descriptors == WALLETS[0].descriptors


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("network litecoin-regtest", "network nowhere", "network.unknown"),
        ("network litecoin-regtest", "network bitcoin", "key.network"),
        ("network litecoin-regtest\n", "", "restore.network"),
        ("sortedmulti(2,", "sortedmulti(1,", "descriptor.checksum"),
        ("birth 120", "birth -1", "restore.line"),
        ("wallet pool:deposits", "wallet w-1", "restore.twice"),
        ("wallet pool:deposits", "wallet two words", "restore.line"),
        ("issued 0/0 17", "issued 0/0", "restore.line"),
        ("issued 0/0 17", "issued 3/0 17", "restore.issued"),
        ("issued 0/0 17", "spent 0/0 17", "restore.line"),
    ],
)
def test_a_wrong_line_refuses_the_file(old: str, new: str, code: str) -> None:
    """Every line is understood or the file is refused, with the number of the line where there is one."""
    text = spelled_backup(BACKUP)
    assert old in text
    with pytest.raises(Malformed) as caught:
        read(text.replace(old, new))
    assert caught.value.code == code


def test_two_wallets_under_one_name_are_refused() -> None:
    """Descriptors of different wallets in one block would hide one of them."""
    lines = [made.descriptor(0).spelled(LITECOIN_REGTEST) for made in (wallet(1), wallet(2))]
    with pytest.raises(Malformed, match="two wallets"):
        read("\n".join(lines), "litecoin-regtest")
    assert len(read("wallet a\n{}\nwallet b\n{}".format(*lines), "litecoin-regtest").wallets) == 2


@pytest.mark.parametrize("text", ["", "# nothing\n", "network bitcoin\n", "wallet a\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    """A file without a wallet is not a restore of nothing."""
    with pytest.raises(Malformed):
        read(text, "bitcoin")


def test_files_are_put_together() -> None:
    """Several copies give every wallet once, with the highest index either knows and the earlier birth."""
    newer = replace(BACKUP, wallets=(replace(WALLETS[0], issued={(0, 0): 20}),), birth_height=100)
    found = restoring.merged([BACKUP, newer])
    assert [one.name for one in found.wallets] == ["w-1", "pool:deposits"]
    assert found.wallets[0].issued == {(0, 0): 20, (2, 1): 99_999}
    assert found.birth_height == 100
    with pytest.raises(Malformed, match="different networks"):
        restoring.merged([BACKUP, replace(BACKUP, network=BITCOIN)])


def test_records_make_the_file() -> None:
    """The registry's records of one network become its wallets; one that lies about its address does not."""
    records = [bitcoin_record("w-7", profile="bip45-p2wsh", number=7), bitcoin_record("pool-1")]
    found = restoring.backup_of(records, LITECOIN_REGTEST, {(records[0].wallet, 0, 1): 5})
    assert [one.name for one in found.wallets] == ["w-7", "pool-1"]
    assert found.wallets[0].issued == {(0, 1): 5}
    assert found.born_s == records[0].made_at_s
    assert read(spelled_backup(found)) == found
    with pytest.raises(Malformed, match="no wallet"):
        restoring.backup_of(records, BITCOIN)
    with pytest.raises(Breach):
        restoring.backup_of([replace(records[0], address=records[1].address)], LITECOIN_REGTEST)


@pytest.mark.parametrize("made", [wallet(3), pool()])
def test_a_flat_descriptor_gives_the_same_addresses(made: Bip45) -> None:
    """Brought down to their branches the keys make the same scripts, for us and for embit."""
    for one in made.descriptors():
        flat = restoring.flat(one)
        text = flat.spelled(BITCOIN)
        assert read(text, "bitcoin").wallets[0].descriptors == (flat,)
        for choice in (0, 1):
            script = one.branch(choice).locking(7).script_pubkey
            assert flat.branch(choice).locking(7).script_pubkey == script
            assert embit_script(text.partition("#")[0], 7, choice) == script
    kept = replace(BACKUP, network=BITCOIN, wallets=(KeptWallet("a", made.descriptors()),))
    assert (
        len(read(restoring.spelled_flat(kept).replace("# a", "wallet a"), "bitcoin").wallets[0].descriptors)
        == 3
    )
