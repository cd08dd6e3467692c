"""keepcool devnet: chains of one's own, for tests, trials and the demo. They secure nothing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keepcool.local.bitcoinchain import DevBitcoin


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from keepcool.devnet import arguments

    noun = subparsers.add_parser("devnet", help="a chain of one's own on this machine")
    families = noun.add_subparsers(dest="family", required=True, metavar="FAMILY")
    minter = families.add_parser(
        "minter", help="a simulator: Minter's protocol with HTTP API v2 on 127.0.0.1"
    )
    arguments.add(minter)
    minter.set_defaults(run=arguments.start)
    bitcoin = families.add_parser(
        "bitcoin", help="the regtest node of an installation that runs (keepcool up)"
    )
    _add_bitcoin(bitcoin.add_subparsers(dest="verb", required=True, metavar="VERB"))


def _add_bitcoin(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    pay = verbs.add_parser("pay", help="coins out of the node's own wallet")
    mine = verbs.add_parser("mine", help="blocks now")
    for verb in (pay, mine):
        verb.add_argument("folder", type=Path, metavar="DIR", help="made by `keepcool init`")
        verb.add_argument("--network", default="", metavar="NAME", help="where there are several nodes")
    pay.add_argument("address", metavar="ADDRESS", help="who is paid")
    pay.add_argument("coins", metavar="COINS", help="how many, with at most eight decimals: 1.5")
    mine.add_argument("blocks", type=int, nargs="?", default=1, metavar="N", help="how many (default 1)")
    pay.set_defaults(run=_pay)
    mine.set_defaults(run=_mine)


def _pay(arguments: argparse.Namespace) -> int:
    from keepcool.local.bitcoinchain import satoshi

    chain = _chain(arguments)
    print(chain.pay(arguments.address, satoshi(arguments.coins)))
    return 0


def _mine(arguments: argparse.Namespace) -> int:
    for block_hash in _chain(arguments).mine(arguments.blocks):
        print(block_hash)
    return 0


def _chain(arguments: argparse.Namespace) -> DevBitcoin:
    from keepcool.local import ownnode
    from keepcool.local.layout import Layout

    return ownnode.chosen(Layout(arguments.folder), arguments.network)
