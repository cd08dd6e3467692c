"""keepcool webhook: where App posts events, and what became of them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking
from keepcool.core.errors import Malformed

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.told import DeadDelivery, Tested, Webhook, WebhookSecret


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("webhook", help="where App posts events")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    add = asking.verb(verbs, "add", "post events to a URL; prints the secret, once", _add, _secret)
    add.add_argument(
        "url", metavar="URL", help="https://..., of a public host or one that App's configuration names"
    )
    add.add_argument(
        "--types",
        default="",
        metavar="PATTERNS",
        help="comma-separated: withdrawal.confirmed,deposit.* (default: all)",
    )
    add.add_argument("--about", default="", metavar="TEXT", help="what it is for")
    add.add_argument("--after", type=int, metavar="CURSOR", help="begin after this event, not with the next")
    asking.verb(
        verbs, "list", "all of them, and how they fare", lambda client, _: client.webhooks.listed(), _table
    )
    _named(verbs, "test", "post one event of the type webhook.test, now", _test, _tested)
    rotate = _named(verbs, "rotate", "a new secret; prints it, once", _rotate, _secret)
    rotate.add_argument(
        "--overlap",
        type=int,
        default=86_400,
        metavar="SECONDS",
        help="so long the old one signs as well (default a day, 86400)",
    )
    _named(verbs, "remove", "post there no more", lambda client, a: client.webhooks.remove(a.webhook), _one)
    _named(
        verbs, "enable", "go on where it stopped", lambda client, a: client.webhooks.enable(a.webhook), _one
    )
    _named(verbs, "dead", "deliveries that were given up", _dead, _given_up)
    replay = _named(verbs, "replay", "deliver again, under the same ids", _replay, _one)
    again = replay.add_mutually_exclusive_group(required=True)
    again.add_argument("--after", type=int, metavar="CURSOR", help="everything beyond this event")
    again.add_argument("--dead", action="store_true", help="what was given up")


def _named(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
    work: asking.Work,
    show: asking.Show,
) -> argparse.ArgumentParser:
    parser = asking.verb(verbs, name, about, work, show)
    parser.add_argument("webhook", metavar="ID", help="the webhook's id, whk_...")
    return parser


def _add(client: Client, arguments: argparse.Namespace) -> object:
    types = [one.strip() for one in arguments.types.split(",") if one.strip()]
    return client.webhooks.add(arguments.url, types, about=arguments.about, after=arguments.after)


def _test(client: Client, arguments: argparse.Namespace) -> object:
    return client.webhooks.test(arguments.webhook)


def _rotate(client: Client, arguments: argparse.Namespace) -> object:
    if arguments.overlap < 0:
        raise Malformed("cli.overlap", "--overlap is not negative")
    return client.webhooks.rotate(arguments.webhook, arguments.overlap)


def _dead(client: Client, arguments: argparse.Namespace) -> object:
    return list(client.webhooks.dead(arguments.webhook))


def _replay(client: Client, arguments: argparse.Namespace) -> object:
    if arguments.dead:
        return client.webhooks.replay_dead(arguments.webhook)
    return client.webhooks.replay(arguments.webhook, arguments.after)


def _secret(made: WebhookSecret) -> str:
    return f"{made.webhook.id}\n{made.secret}\nThe secret is not shown again."


def _tested(done: Tested) -> str:
    return f"taken, with status {done.status}" if done.taken else f"not taken: {done.problem}"


def _one(one: Webhook) -> str:
    return _table([one])


def _table(rows: list[Webhook]) -> str:
    heading = ("id", "state", "cursor", "delivered", "waiting", "dead", "types", "url")
    cells = [
        (
            one.id,
            _state(one),
            str(one.cursor),
            str(one.delivered),
            str(one.waiting),
            str(one.dead),
            ",".join(one.types) or "*",
            one.url,
        )
        for one in rows
    ]
    return asking.table([heading, *cells])


def _state(one: Webhook) -> str:
    if not one.active:
        return "off"
    return "failing" if one.failing_since_ms is not None else "on"


def _given_up(rows: list[DeadDelivery]) -> str:
    cells = [(str(one.event.cursor), one.event.type, str(one.tries), one.problem) for one in rows]
    return asking.table([("cursor", "type", "tries", "problem"), *cells])
