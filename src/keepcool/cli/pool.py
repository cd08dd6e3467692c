"""keepcool pool: the exchange's pools, their marks and what of them lies exposed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.models import PoolAnswer


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("pool", help="pools: addresses without limit, surplus to the harbor")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    create = asking.verb(verbs, "create", "make a pool on a network", _create, _one)
    create.add_argument(
        "--network",
        required=True,
        metavar="ID",
        help="its id (CAIP-2), e.g. eip155:1, or its name, e.g. bitcoin",
    )
    create.add_argument("--external-id", help="your own name for the pool")
    _marks(create)
    marks = asking.verb(verbs, "marks", "set a pool's marks, all of them", _set_marks, _one)
    marks.add_argument("pool", metavar="ID", help="the pool's id")
    _marks(marks)
    show = asking.verb(verbs, "show", "what lies in a pool, whose it is, what is exposed", _show, _one)
    show.add_argument("pool", metavar="ID", help="the pool's id")
    asking.verb(verbs, "list", "all pools", lambda client, _: client.read.pools(), _many)
    addresses = asking.verb(
        verbs, "addresses", "the pool's own address, proven: refill it there", _addresses, "\n".join
    )
    addresses.add_argument("pool", metavar="ID", help="the pool's id")
    refilled = asking.verb(verbs, "refilled", "coins have come back from the harbor", _refilled, _one)
    refilled.add_argument("pool", metavar="ID", help="the pool's id")
    refilled.add_argument(
        "--units", required=True, type=int, metavar="UNITS", help="how much has come back, in base units"
    )
    refilled.add_argument("--idempotency-key", help="the same key asked again books once")


def _marks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--high", metavar="UNITS", help="base units: above, the surplus is swept (0: never)")
    parser.add_argument("--low", metavar="UNITS", help="base units: below, operators are told to refill")
    parser.add_argument("--target", metavar="UNITS", help="base units: what a sweep leaves")
    parser.add_argument("--harbor", metavar="ADDRESS", help="where surplus goes: as in the signers' policies")


def _marks_of(arguments: argparse.Namespace) -> dict[str, str | None]:
    return {name: getattr(arguments, name) for name in ("high", "low", "target", "harbor")}


def _create(client: Client, arguments: argparse.Namespace) -> PoolAnswer:
    network = asking.network_named(client, arguments.network)
    return client.pools.make(network, arguments.external_id, _marks_of(arguments))


def _set_marks(client: Client, arguments: argparse.Namespace) -> PoolAnswer:
    return client.pools.mark(arguments.pool, _marks_of(arguments))


def _show(client: Client, arguments: argparse.Namespace) -> PoolAnswer:
    return client.pools.show(arguments.pool)


def _addresses(client: Client, arguments: argparse.Namespace) -> list[str]:
    return client.addresses(arguments.pool)


def _refilled(client: Client, arguments: argparse.Namespace) -> PoolAnswer:
    return client.pools.refilled(arguments.pool, arguments.units, key=arguments.idempotency_key)


def _one(pool: PoolAnswer) -> str:
    marks, exposed = pool.marks, pool.exposed_thousandths
    rows = {
        "pool": pool.wallet.id,
        "network": pool.wallet.network,
        "profile": pool.wallet.profile,
        "its address": pool.wallet.address or "",
        "on chain": pool.on_chain,
        "booked": pool.booked,
        "owed to users": pool.users,
        "its own": pool.own,
        "in the harbor": pool.cold,
        "fees paid": pool.fees,
        "exposed": f"{exposed // 10}.{exposed % 10} % of the network's coins",
        "marks": f"low {marks.low}, target {marks.target}, high {marks.high}",
        "harbor": marks.harbor or "none",
        "users": str(pool.members),
        "addresses ahead": str(pool.addresses_in_stock),
        "waiting for Keeper": str(pool.waiting_for_signing_window),
    }
    return "\n".join(f"{name:<18} {text}" for name, text in rows.items())


def _many(pools: list[PoolAnswer]) -> str:
    cells = [(one.wallet.id, one.wallet.network, one.on_chain, one.cold, str(one.members)) for one in pools]
    return asking.table([("pool", "network", "on chain", "in harbor", "users"), *cells])
