"""keepcool app|keeper|cooler descriptors: the file is written in each form, and never over another."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST, SHIPPED
from keepcool.chains.bitcoin.restoring import Backup, backup_of, merged, parse_backup
from keepcool.cli import descriptors, main
from keepcool.core.errors import Conflict
from tests.fixtures.bitcoinrecords import bitcoin_record

BACKUP = backup_of(
    [bitcoin_record("w-1", profile="bip45-p2wsh", number=1), bitcoin_record("pool-1")], LITECOIN_REGTEST
)


def asked(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    descriptors.add_options(parser)
    return parser.parse_args(["--network", "litecoin-regtest", *words])


def read(text: str) -> Backup:
    return parse_backup(text, SHIPPED, "litecoin-regtest")


def test_the_file_is_printed_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is what is written, and both read back as the same wallets."""
    assert descriptors.write(asked(), BACKUP) == 0
    printed = capsys.readouterr().out
    file = tmp_path / "wallets.txt"
    assert descriptors.write(asked("--out", str(file)), BACKUP) == 0
    assert file.read_text() == printed
    assert read(printed) == BACKUP


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """It may be the only copy: it is not written over."""
    file = tmp_path / "wallets.txt"
    file.write_text("the only copy")
    with pytest.raises(Conflict, match="there already"):
        descriptors.write(asked("--out", str(file)), BACKUP)
    assert file.read_text() == "the only copy"


def test_bsms_files_bring_the_wallets_back(tmp_path: Path) -> None:
    """One BSMS file for each branch; of each wallet any one is enough."""
    assert descriptors.write(asked("--bsms", str(tmp_path)), BACKUP) == 0
    assert len(list(tmp_path.iterdir())) == 6
    found = merged([read((tmp_path / f"{name}-1.bsms").read_text()) for name in ("w-1", "pool-1")])
    assert [one.name for one in found.wallets] == ["wallet-1", "wallet-1.2"]
    assert [one.descriptors for one in found.wallets] == [one.descriptors for one in BACKUP.wallets]


def test_flat_descriptors_are_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Every branch with its keys brought down to it."""
    assert descriptors.write(asked("--flat"), BACKUP) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("#")]
    assert len(lines) == 6
    assert all(line.count("/<0;1>/*") == 3 for line in lines)


@pytest.mark.parametrize(
    "words", [("scan",), ("sweep", "--to", "x", "--out", "d"), ("send", "--to", "x", "p")]
)
def test_a_file_that_is_wrong_ends_a_restore(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every verb names the file and the line, and leaves nothing behind."""
    file = tmp_path / "wallets.txt"
    file.write_text("network litecoin-regtest\nwsh(nothing)\n")
    state = () if words[0] == "send" else ("--state", str(tmp_path / "state"))
    places = ("--descriptors", str(file), "--node", "http://127.0.0.1:1")
    assert main.main(["restore", "bitcoin", words[0], *places, *state, *words[1:]]) == 2
    told = capsys.readouterr().err
    assert f"{file}: line 2:" in told
    assert [one.name for one in tmp_path.iterdir()] == ["wallets.txt"]
