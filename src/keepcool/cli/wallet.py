"""keepcool wallet: wallets, shown only with an address that both signers attested."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import asking, paying, walletkey

if TYPE_CHECKING:
    from keepcool.client.api import Client, Wallet


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("wallet", help="wallets and their attested addresses")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    new = asking.verb(verbs, "new", "make a wallet for a user", _new, _one)
    new.add_argument("--user", required=True, metavar="ID", help="whose wallet: a user's id")
    new.add_argument(
        "--network", required=True, metavar="ID", help="its id (CAIP-2), e.g. eip155:1, or its name"
    )
    new.add_argument("--external-id", help="your own name for the wallet")
    new.add_argument("--kind", choices=("segregated", "pooled"), help="keys of its own, or a pool's address")
    new.add_argument("--pool", metavar="ID", help="the pool it shall lie in (with --kind pooled)")
    new.add_argument(
        "--user-key",
        default="",
        metavar="TEXT",
        help="the owner's public key, as `keepcool user new-key` prints it: what leaves needs its signature",
    )
    show = asking.verb(verbs, "show", "a wallet and its attested address", _show, _one)
    show.add_argument("wallet", metavar="ID", help="the wallet's id")
    show.add_argument("--user-key", metavar="TEXT", help="refuse it unless its owner's key is this one")
    rekey = asking.verb(verbs, "rekey", "another key of a wallet's owner", _rekey, _one)
    rekey.add_argument("wallet", metavar="ID", help="the wallet's id")
    rekey.add_argument("--user-key", required=True, metavar="TEXT", help="the new key")
    rekey.add_argument(
        "--key", type=Path, metavar="FILE", help="the old key; left out where administrators ordered it"
    )
    more = asking.verb(verbs, "addresses", "a wallet's addresses, all of them proven", _addresses, "\n".join)
    more.add_argument("wallet", metavar="ID", help="the wallet's id")
    more.add_argument("--more", type=int, metavar="N", help="hand out N further ones, and print those")
    listing = asking.verb(verbs, "list", "a user's wallets", _list, _many)
    listing.add_argument("--user", required=True, metavar="ID", help="the user's id")
    walletkey.register(verbs)


def _new(client: Client, arguments: argparse.Namespace) -> dict[str, str]:
    made = client.make_wallet(
        arguments.user,
        asking.network_named(client, arguments.network),
        arguments.external_id,
        kind=arguments.kind,
        pool=arguments.pool,
        user_key=arguments.user_key,
    )
    return _row(made)


def _show(client: Client, arguments: argparse.Namespace) -> dict[str, str]:
    return _row(client.wallet(arguments.wallet, user_key=arguments.user_key))


def _rekey(client: Client, arguments: argparse.Namespace) -> dict[str, str]:
    return _row(client.rekey(arguments.wallet, arguments.user_key, paying.key_of(arguments)))


def _addresses(client: Client, arguments: argparse.Namespace) -> list[str]:
    if arguments.more is not None:
        return client.more_addresses(arguments.wallet, arguments.more)
    return client.addresses(arguments.wallet)


def _list(client: Client, arguments: argparse.Namespace) -> list[dict[str, str]]:
    told = client.read.wallets(arguments.user)
    return [_row(client.wallet(one.id, arguments.user)) for one in told]


def _row(wallet: Wallet) -> dict[str, str]:
    record = wallet.record
    return {
        "wallet": wallet.id,
        "user": wallet.told.user,
        "network": record.network,
        "profile": record.profile,
        "address": wallet.address,
        "user_key": record.user_key or "none",
        "kind": wallet.told.kind,
        "pool": wallet.told.pool or "none",
        "record_hash": record.hash(),
        "attested_by": "keeper and cooler, verified here",
    }


def _one(row: dict[str, str]) -> str:
    return "\n".join(f"{name.replace('_', ' '):<12} {text}" for name, text in row.items())


def _many(rows: list[dict[str, str]]) -> str:
    cells = [(row["wallet"], row["network"], row["address"]) for row in rows]
    return asking.table([("wallet", "network", "address"), *cells])
