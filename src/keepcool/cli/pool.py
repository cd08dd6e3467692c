"""keepcool pool: the exchange's pools, their marks and what of them lies exposed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.models import PoolAnswer, PoolHolding


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
    _asset(marks)
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
    _asset(refilled)
    refilled.add_argument("--idempotency-key", help="the same key asked again books once")


def _marks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--high", metavar="UNITS", help="base units: above, the surplus is swept (0: never)")
    parser.add_argument("--low", metavar="UNITS", help="base units: below, operators are told to refill")
    parser.add_argument("--target", metavar="UNITS", help="base units: what a sweep leaves")
    parser.add_argument("--harbor", metavar="ADDRESS", help="where surplus goes: as in the signers' policies")


def _asset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--asset",
        metavar="ASSET",
        help="of a pool that holds tokens: its id (CAIP-19) or symbol (default: the network's coin)",
    )


def _asset_of(client: Client, arguments: argparse.Namespace) -> str | None:
    if arguments.asset is None:
        return None
    network = client.pools.show(arguments.pool).wallet.network
    return asking.asset_named(client, arguments.asset, network).asset


def _marks_of(arguments: argparse.Namespace) -> dict[str, str | None]:
    return {name: getattr(arguments, name) for name in ("high", "low", "target", "harbor")}


def _create(client: Client, arguments: argparse.Namespace) -> PoolAnswer:
    network = asking.network_named(client, arguments.network)
    return client.pools.make(network, arguments.external_id, _marks_of(arguments))


def _set_marks(client: Client, arguments: argparse.Namespace) -> PoolAnswer:
    return client.pools.mark(arguments.pool, _marks_of(arguments), _asset_of(client, arguments))


def _show(client: Client, arguments: argparse.Namespace) -> PoolAnswer:
    return client.pools.show(arguments.pool)


def _addresses(client: Client, arguments: argparse.Namespace) -> list[str]:
    return client.addresses(arguments.pool)


def _refilled(client: Client, arguments: argparse.Namespace) -> PoolAnswer:
    asset = _asset_of(client, arguments)
    return client.pools.refilled(arguments.pool, arguments.units, asset, key=arguments.idempotency_key)


def _one(pool: PoolAnswer) -> str:
    rows = [
        ("pool", pool.wallet.id),
        ("network", pool.wallet.network),
        ("profile", pool.wallet.profile),
        ("its address", pool.wallet.address or ""),
        *_holding(pool, "the network's coins"),
        ("users", str(pool.members)),
        ("addresses ahead", str(pool.addresses_in_stock)),
        ("waiting for Keeper", str(pool.waiting_for_signing_window)),
    ]
    for token in pool.tokens:
        rows += [("", ""), ("token", token.asset), *_holding(token, "it in pools and harbor")]
    return "\n".join(f"{name:<18} {text}".rstrip() for name, text in rows)


def _holding(one: PoolHolding, of: str) -> list[tuple[str, str]]:
    marks, exposed = one.marks, one.exposed_thousandths
    return [
        ("on chain", one.on_chain),
        ("booked", one.booked),
        ("owed to users", one.users),
        ("its own", one.own),
        ("in the harbor", one.cold),
        ("fees paid", one.fees),
        ("exposed", f"{exposed // 10}.{exposed % 10} % of {of}"),
        ("marks", f"low {marks.low}, target {marks.target}, high {marks.high}"),
        ("harbor", marks.harbor or "none"),
    ]


def _many(pools: list[PoolAnswer]) -> str:
    cells = [(one.wallet.id, one.wallet.network, one.on_chain, one.cold, str(one.members)) for one in pools]
    return asking.table([("pool", "network", "on chain", "in harbor", "users"), *cells])
