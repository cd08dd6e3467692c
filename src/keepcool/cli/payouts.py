"""keepcool payouts: those that do not move; keepcool app withdrawal and coin: decided at App's host."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import asking, paying

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.payouts import Advice

_Verbs = argparse._SubParsersAction  # noqa: SLF001 - what add_subparsers gives has no public name


def register(subparsers: _Verbs[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("payouts", help="payouts that do not move: why, and what to do")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = asking.verb(verbs, "list", "payouts of all wallets", _list, paying.listed)
    listing.add_argument(
        "--state", metavar="STATE", help="only these: uncertain, frozen, needs_review, broadcast, ..."
    )
    for name, about, work, show in (
        ("show", "why it does not move, what was sent, and what to do", _show, _shown),
        ("bump", "raise its fee now, within what was signed and allowed", _bump, paying.shown),
        ("cancel", "cancel before it is sent", _cancel, paying.shown),
        ("freeze", "stop it where it is", _stop, paying.shown),
        ("thaw", "a person has looked: let it go on", _thaw, paying.shown),
    ):
        verb = asking.verb(verbs, name, about, work, show)
        verb.add_argument("withdrawal", metavar="ID", help="the payout's id")
        if name == "freeze":
            verb.add_argument(
                "--reason", required=True, metavar="TEXT", help="why; it is shown with the payout"
            )
    settled = _verb(verbs, "settle", "book one as paid by a final transaction that paid it", _settle)
    _settling(settled)


def _settling(settle: argparse.ArgumentParser) -> None:
    settle.add_argument("withdrawal", metavar="ID", help="the payout's id")
    settle.add_argument(
        "--txid", required=True, metavar="TXID", help="the transaction, a draft of ours, that has paid it"
    )
    settle.add_argument("--json", action="store_true", help="print as JSON")


def _list(client: Client, arguments: argparse.Namespace) -> object:
    return client.payouts.every(arguments.state)


def _show(client: Client, arguments: argparse.Namespace) -> object:
    return client.payouts.advice(arguments.withdrawal)


def _bump(client: Client, arguments: argparse.Namespace) -> object:
    return client.payouts.bump(arguments.withdrawal)


def _cancel(client: Client, arguments: argparse.Namespace) -> object:
    return client.cancel(arguments.withdrawal)


def _stop(client: Client, arguments: argparse.Namespace) -> object:
    return client.payouts.freeze(arguments.withdrawal, arguments.reason)


def _thaw(client: Client, arguments: argparse.Namespace) -> object:
    return client.payouts.thaw(arguments.withdrawal)


def _shown(one: Advice) -> str:
    lines = [paying.shown(one.withdrawal), f"meaning      {one.meaning}"]
    lines += [f"try          {command}" for command in one.commands]
    for each in one.attempts:
        told = f"{each.transaction or 'not signed'}, at most {each.fee_max}"
        problem = f": {each.problem}" if each.problem else ""
        lines.append(f"attempt      {each.purpose} at nonce {each.nonce} is {each.stage}, {told}{problem}")
    lines += [f"note         {note.kind}: {note.text}" for note in one.notes]
    return "\n".join(lines)


def add_verbs(verbs: _Verbs[argparse.ArgumentParser]) -> None:
    payout = verbs.add_parser("withdrawal", help="a payout that needs a person")
    actions = payout.add_subparsers(dest="action", required=True, metavar="ACTION")
    _settling(_verb(actions, "settle", "book one as paid by a final transaction that paid it", _settle))
    coin = verbs.add_parser("coin", help="one coin of a Bitcoin network")
    actions = coin.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, about in (("freeze", "leave a coin where it is"), ("thaw", "let a frozen coin go again")):
        one = _verb(actions, name, about, _freeze)
        one.add_argument(
            "outpoint", metavar="TXID:VOUT", help="the coin: a transaction and its output's number"
        )
        one.add_argument("--network", required=True, metavar="NETWORK", help="its id or its name")


def _verb(
    verbs: _Verbs[argparse.ArgumentParser],
    name: str,
    about: str,
    command: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=about)
    verb.add_argument("--config", required=True, type=Path, metavar="FILE", help="App's TOML")
    verb.set_defaults(run=command)
    return verb


def _settle(arguments: argparse.Namespace) -> int:
    from keepcool.app.payouts.bitcoin import main

    done = main.settle(arguments.config, arguments.withdrawal, arguments.txid)
    one = done.withdrawal
    if arguments.json:
        told = {"id": one.id, "transaction": one.transaction, "units": str(one.units), "again": done.again}
        print(json.dumps(told))
        return 0
    was = "was booked before" if done.again else "is booked"
    print(f"{one.id} {was} as paid by {one.transaction}: {one.units} base units")
    return 0


def _freeze(arguments: argparse.Namespace) -> int:
    from keepcool.app.payouts.bitcoin import main

    frozen = arguments.action == "freeze"
    main.freeze_coin(arguments.config, arguments.network, arguments.outpoint, frozen=frozen)
    print(f"{arguments.outpoint} {'stays where it is' if frozen else 'may be spent again'}")
    return 0
