"""What `keepcool keeper` and `keepcool cooler` have in common."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keepcool.cli import bitcoin_networks, descriptors, keystore, safes
from keepcool.core.errors import Malformed

if TYPE_CHECKING:
    from keepcool.cosigner.hosted import Hosted

LEVELS = ("wallet", "asset", "network", "all", "harbor")
Command = Callable[[argparse.Namespace], int]


def register(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], noun: str, about: str
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    """The verbs every signer has. The service's own package is imported when one of them runs."""
    parser = subparsers.add_parser(noun, help=about)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    run = configured(verbs, "run", f"run {noun} until it is told to stop", _run)
    run.add_argument(
        "--one-machine", action="store_true", help="a trial: readable neighbours are warnings, not errors"
    )
    configured(verbs, "check-config", "say what it may do, whom it hears, what it refuses", _check)
    health = configured(verbs, "health", "how the running service is; exit 1 when it would not sign", _health)
    health.add_argument("--json", action="store_true", help="print as JSON")
    status = configured(verbs, "status", "how the running service stands, and what was ordered", _status)
    status.add_argument("--json", action="store_true", help="print as JSON")
    configured(verbs, "reload", "take up the signed policy and the pins of message keys anew", _reload)
    succeed = configured(
        verbs, "attestation-keys", "take a signed list of attestation keys into use", _succeed
    )
    succeed.add_argument("list", type=Path, metavar="FILE", help="from `keepcool keys attest`")
    freeze = configured(verbs, "freeze", "sign nothing any more, from now on; the bus may be down", _freeze)
    thaw = configured(
        verbs, "thaw", "end a freeze, stopped; with administrators see `keepcool admin order thaw`", _thaw
    )
    for one in (freeze, thaw):
        one.add_argument(
            "--level",
            required=True,
            choices=LEVELS,
            help="what it holds back; harbor: all but the way to the harbor",
        )
        one.add_argument(
            "--target",
            default="",
            metavar="ID",
            help="which wallet, asset or network; none for all and harbor",
        )
        one.add_argument("--reason", required=True, metavar="TEXT", help="why; it stands in the journal")
    journal = configured(verbs, "journal", "what stands in the journal, a page", _journal)
    journal.add_argument("--after", type=int, default=0, metavar="N", help="entries beyond this one")
    journal.add_argument("--json", action="store_true", help="print as JSON")
    kept = configured(verbs, "descriptors", "write the file wallets come back from; it is public", _kept)
    descriptors.add_options(kept)
    safes.add_options(configured(verbs, "safes", safes.ABOUT, safes.of_signer))
    keystore.register(verbs)
    return verbs


def configured(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str, command: Command
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=about)
    verb.add_argument("--config", required=True, type=Path, metavar="FILE", help="the service's TOML")
    verb.set_defaults(run=command)
    return verb


def check_target(arguments: argparse.Namespace) -> None:
    """Raises Malformed where it is not said which wallet, asset or network."""
    if not arguments.target and arguments.level not in ("all", "harbor"):
        text = f"--level {arguments.level} needs --target: which {arguments.level}, by its id"
        raise Malformed("freeze.target", text)


def _main(arguments: argparse.Namespace) -> Any:
    return importlib.import_module(f"keepcool.{arguments.noun}.main")


def _hosted(arguments: argparse.Namespace) -> Hosted:
    found: Hosted = _main(arguments).hosted(arguments.config)
    return found


def _run(arguments: argparse.Namespace) -> int:
    _main(arguments).run(arguments.config, one_machine=arguments.one_machine)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    for sentence in _main(arguments).check_config(arguments.config):
        print(sentence)
    return 0


def _health(arguments: argparse.Namespace) -> int:
    found: dict[str, object] = _hosted(arguments).health()
    if arguments.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name.replace('_', ' '):<16} {value}")
    return 0 if found.get("ready") is True and not found.get("frozen") else 1


def _thaw(arguments: argparse.Namespace) -> int:
    check_target(arguments)
    left = _hosted(arguments).thaw(level=arguments.level, target=arguments.target, reason=arguments.reason)
    print("thawed; " + ("still frozen: " + "; ".join(left) if left else "nothing is frozen"))
    return 0


def _reload(arguments: argparse.Namespace) -> int:
    found = json.loads(_hosted(arguments).reload())
    word = "a new policy" if found["new_policy"] else "the same policy"
    print(f"{word} is in force: version {found['version']}, {found['policy']}")
    return 0


def _succeed(arguments: argparse.Namespace) -> int:
    print(_hosted(arguments).succeed(arguments.list.read_bytes()))
    return 0


def _freeze(arguments: argparse.Namespace) -> int:
    check_target(arguments)
    frozen = _hosted(arguments).freeze(
        level=arguments.level, target=arguments.target, reason=arguments.reason
    )
    print("frozen: " + "; ".join(frozen))
    return 0


def _status(arguments: argparse.Namespace) -> int:
    told = _hosted(arguments).status()
    if arguments.json:
        print(told)
        return 0
    found = json.loads(told)
    orders, frozen = found.pop("orders"), found.pop("frozen")
    for name, value in found.items():
        print(f"{name.replace('_', ' '):<16} {value}")
    for sentence in frozen or ["nothing"]:
        print(f"{'frozen':<16} {sentence}")
    for one in orders:
        signed = f"{len(one['signed_by'])} of {one['quorum']}"
        print(f"{'order':<16} {one['order']}  {one['action']}  {one['state']}  signed by {signed}")
    return 0


def _journal(arguments: argparse.Namespace) -> int:
    entries = _hosted(arguments).journal(arguments.after)
    if arguments.json:
        print(json.dumps(entries))
        return 0
    for one in entries:
        body = {name: value for name, value in one["body"].items() if name not in ("kind", "at_s", "version")}
        at = datetime.fromtimestamp(one["body"]["at_s"], UTC).isoformat()
        print(f"{one['sequence']:<8} {at}  {one['body']['kind']:<10} {_short(body)}")
    return 0


def _short(body: dict[str, object]) -> str:
    """Long values, such as documents, are cut for the eye; --json has them whole."""
    told = (
        f"{name}={str(value)[:80]}{'...' if len(str(value)) > 80 else ''}" for name, value in body.items()
    )
    return " ".join(told)


def _kept(arguments: argparse.Namespace) -> int:
    from keepcool.chains.bitcoin.restoring import backup_of
    from keepcool.local.restoring import records

    kept, network = records.of_signer(arguments.config, arguments.noun), bitcoin_networks.chosen(arguments)
    return descriptors.write(arguments, backup_of(kept.records, network, kept.issued, arguments.harbor))
