"""The regtest node of an installation, run as `keepcool up` runs it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from keepcool.cli.main import main
from keepcool.core.errors import Refused, Unavailable
from keepcool.local import ownnode
from keepcool.local.bitcoinplan import bitcoin_plan, with_own_node
from keepcool.local.bitcoinprogram import litecoind
from keepcool.local.layout import Layout
from tests.fixtures.processes import missing

pytestmark = pytest.mark.live


def test_it_makes_blocks_pays_and_is_there_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Blocks come by themselves, a command pays out of its wallet, others can read nothing of it, and after a
    restart the chain is where it was."""
    try:
        litecoind()
    except Unavailable as error:
        missing("litecoind", error.public)
    places, told = Layout(tmp_path), list[str]()
    ownnode.write(places, with_own_node(bitcoin_plan("litecoin-regtest")))
    with ownnode.running_nodes(places, told.append) as (chain,):
        address = chain.new_address()
        main(["devnet", "bitcoin", "pay", str(tmp_path), address, "1.5"])
        main(["devnet", "bitcoin", "mine", str(tmp_path), "2"])
        printed = capsys.readouterr().out.split()
        assert chain.balance(address) == 150_000_000
        assert [chain.ask("getblockheader", one)["hash"] for one in printed[1:]] == printed[1:]
        assert len(printed) == 3
        exposed = [path for path in chain.folder.rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077]
        height = chain.height()
    assert exposed == [], "others can read what the node keeps"
    assert len(told) == 1
    with ownnode.running_nodes(places, told.append) as (chain,):
        assert chain.height() > height
        assert chain.balance(address) == 150_000_000


def test_a_node_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """An installation without a node of its own has none to pay from."""
    with pytest.raises(Refused, match=r"devnet\.node"):
        ownnode.chosen(Layout(tmp_path))
