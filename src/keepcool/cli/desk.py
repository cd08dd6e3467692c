"""keepcool desk: run it; or read what waits and decide without a browser, believing no summary.

Laws: show, approve and reject count every draft again from its bytes, with the chains' own decoders, and
nothing is approved that differs from what the desk says; the statement that is signed is built here.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.core.errors import Refused

if TYPE_CHECKING:
    from keepcool.cli.desk_keys import Key
    from keepcool.cli.desk_site import DeskSite
    from keepcool.core.approvals import Decision
    from keepcool.desk.item import Item

Command = Callable[[argparse.Namespace], int]
_UNITS = {"h": 3600, "d": 86_400}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("desk", help="where people read what waits; it holds no coin key")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    serve = _configured(verbs, "serve", "run the desk until it is told to stop", _serve)
    serve.add_argument(
        "--one-machine", action="store_true", help="a trial: readable neighbours are warnings, not errors"
    )
    _configured(verbs, "check-config", "say what this desk may do, whom it asks, what it refuses", _check)
    listing = _remote(verbs, "list", "what waits for a decision", _list)
    listing.add_argument(
        "--text", default="", metavar="TEXT", help="only those whose id, owner, wallet or address contains it"
    )
    listing.add_argument("--page", type=int, default=1, metavar="N", help="which page (default 1)")
    listing.add_argument("--oldest", action="store_true", help="oldest first")
    show = _remote(verbs, "show", "what one payment really does, counted on this machine", _show)
    show.add_argument("hash", metavar="HASH", help="of the intent, or its beginning")
    show.add_argument(
        "--save", type=Path, metavar="DIR", help="write the drafts there, for `keepcool inspect`"
    )
    for name, about in (("approve", "approve payments with your key"), ("reject", "reject payments")):
        verb = _remote(verbs, name, about, _decide)
        verb.add_argument("hash", nargs="+", metavar="HASH", help="of an intent, or its beginning")
        verb.add_argument(
            "--reason", required=True, metavar="TEXT", help="why, in one line; it stays in both journals"
        )
        verb.add_argument(
            "--for",
            dest="lives_s",
            type=_seconds,
            default="24h",
            metavar="TIME",
            help="it counts so long: 1h, 7d (default 24h)",
        )
        verb.add_argument("--yes", action="store_true", help="do not ask")


def _configured(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str, command: Command
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=about)
    verb.add_argument("--config", required=True, type=Path, metavar="FILE", help="the desk's TOML")
    verb.set_defaults(run=command)
    return verb


def _remote(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str, command: Command
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=about)
    verb.add_argument("--url", required=True, metavar="URL", help="where the desk is: https://desk.example")
    verb.add_argument(
        "--key", type=Path, metavar="FILE", help="an Ed25519 key; without it: a FIDO2 key on USB"
    )
    verb.add_argument(
        "--rp-id",
        default="",
        metavar="DOMAIN",
        help="the domain a FIDO2 key was made for; default: the URL's host",
    )
    verb.add_argument("--passphrase-file", type=Path, metavar="FILE", help="its first line, for --key")
    verb.add_argument(
        "--networks", type=Path, metavar="FILE", help="TOML with [[network]] rows of more forks"
    )
    verb.set_defaults(run=command)
    return verb


def _serve(arguments: argparse.Namespace) -> int:
    from keepcool.desk import main

    main.run(arguments.config, one_machine=arguments.one_machine)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from keepcool.desk import main, settings

    for sentence in settings.sentences(main.load(arguments.config)):
        print(sentence)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from keepcool.cli.asking import table
    from keepcool.cli.desk_reading import printable

    with _entered(arguments) as (site, _):
        page = site.waiting(arguments.text, arguments.page, oldest=arguments.oldest)
    rows = [["HASH", "SINCE", "OWNER", "TIER", "AMOUNT"]]
    for one in page.items:
        sums = ", ".join(f"{units} {asset}" for asset, units in one.totals.items())
        rows.append([printable(cell) for cell in (one.intent_hash, one.since, one.owner, one.tier, sums)])
    print(table(rows))
    print(f"{page.matching} wait; page {page.page} of {page.pages}. Amounts as listed: `show` counts them.")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    """Exit status 2 when anything differs."""
    from keepcool.cli import desk_reading

    with _entered(arguments) as (site, _):
        item = _item(site, arguments, arguments.hash)
    _print(item)
    if arguments.save is not None:
        for path in desk_reading.save(item, arguments.save):
            print(f"Saved          {path}")
    return 2 if item.differences else 0


def _decide(arguments: argparse.Namespace) -> int:
    from keepcool.core.approvals import Decision, approvals_challenge

    decision = Decision(arguments.verb)
    with _entered(arguments) as (site, key):
        items = [_item(site, arguments, one) for one in arguments.hash]
        for item in items:
            _print(item)
            print()
        statements = [_statement(site, item, decision, arguments) for item in items]
        question = f"{decision.value.capitalize()} {len(items)} of them as {site.approver}? [yes/no] "
        if not arguments.yes and input(question).strip().lower() != "yes":
            print("Nothing was signed.")
            return 1
        _, proof = key.sign(approvals_challenge(statements), site.credentials)
        results = site.decide(statements, proof)
    for one in results:
        said = f"journal row {one.sequence}" if not one.error else f"NOT ACCEPTED: {one.error} [{one.code}]"
        print(f"{one.intent[:16]}  {one.service:7}  {said}")
    return 2 if any(one.error for one in results) else 0


def _statement(site: DeskSite, item: Item, decision: Decision, arguments: argparse.Namespace) -> bytes:
    """Built from what was counted here. Raises Refused where anything speaks against an approval."""
    from keepcool.core.approvals import Decision
    from keepcool.desk.deciding import Wish, statement_of

    if decision is Decision.APPROVE and item.differences:
        raise Refused("desk.differs", f"{item.hash[:16]}: the sources differ; nothing was signed")
    wish = Wish(decision, (item.hash,), arguments.reason, arguments.lives_s)
    return statement_of(item, site.approver, wish, int(time.time())).encoded()


def _item(site: DeskSite, arguments: argparse.Namespace, beginning: str) -> Item:
    from keepcool.cli import desk_reading

    whole = site.whole_hash(beginning)
    return desk_reading.read(whole, site.item(whole), desk_reading.families_of(arguments))


def _print(item: Item) -> None:
    from keepcool.cli.desk_reading import lines, printable

    print("\n".join(printable(line) for line in lines(item)))


@contextmanager
def _entered(arguments: argparse.Namespace) -> Iterator[tuple[DeskSite, Key]]:
    """Signed in for one command."""
    from keepcool.cli.desk_site import DeskSite

    site = DeskSite(arguments.url)
    try:
        key = _key(arguments, site.origin)
        site.sign_in(key)
        try:
            yield site, key
        finally:
            site.sign_out()
    finally:
        site.close()


def _key(arguments: argparse.Namespace, origin: str) -> Key:
    from urllib.parse import urlsplit

    from keepcool.cli import desk_keys

    if arguments.key is not None:
        return desk_keys.file_key(arguments.key, arguments.passphrase_file)
    return desk_keys.SecurityKey(origin, arguments.rp_id or urlsplit(origin).hostname or "")


def _seconds(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 999:
        raise argparse.ArgumentTypeError("a time is a number and h or d: 24h")
    return int(number) * _UNITS[unit]
