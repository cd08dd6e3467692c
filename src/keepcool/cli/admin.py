"""keepcool admin: what administrators do: a key of their own, orders, their signatures under them.

An order is a file that goes from one administrator to the next; a signer takes it when enough have signed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import passphrases
from keepcool.cli.signer import LEVELS, check_target
from keepcool.core.errors import Conflict, Malformed, Refused

if TYPE_CHECKING:
    from keepcool.core.approvals import Action

Command = Callable[[argparse.Namespace], int]
_UNITS = {"h": 3600, "d": 86_400}
_FILE_CODE = "admin.passphrase_file"
ROOT = "root"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("admin", help="orders of administrators: policies, freezes, thaws, keys")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    new = _verb(verbs, "new-key", "make an administrator's key, under a passphrase", _new_key)
    new.add_argument("file", type=Path, metavar="FILE", help="a new file; the public half is printed")
    _with_passphrase(new)
    _register_orders(_verb(verbs, "order", "write an order, for others to sign", None))
    show = _verb(verbs, "show", "what an order says, from its bytes", _show)
    show.add_argument("file", type=Path, metavar="ORDER", help="the order's file")
    sign = _verb(verbs, "sign", "read an order and sign it", _sign)
    sign.add_argument(
        "file", type=Path, metavar="ORDER", help="the order's file; the signature is put into it"
    )
    sign.add_argument("--name", metavar="NAME", help="yours, as the policy has it")
    key = sign.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", type=Path, metavar="FILE", help="made by `keepcool admin new-key`")
    key.add_argument("--root-key", type=Path, metavar="FILE", help="the root key: a policy, the long delay")
    sign.add_argument("--yes", action="store_true", help="do not ask")
    _with_passphrase(sign)
    submit = _verb(verbs, "submit", "hand an order to the signer on this host, the bus up or down", _submit)
    submit.add_argument("file", type=Path, metavar="ORDER", help="the order's file")
    submit.add_argument(
        "--signer", required=True, choices=("keeper", "cooler"), help="which of them runs on this host"
    )
    submit.add_argument("--config", required=True, type=Path, metavar="FILE", help="the signer's TOML")
    submit.add_argument("--json", action="store_true", help="print as JSON")


def _register_orders(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="WHAT")
    policy = _order(actions, "policy", "the next policy of one signer", _policy)
    policy.add_argument("file", type=Path, metavar="FILE", help="the new policy")
    policy.add_argument("--service", choices=("keeper", "cooler"), help="whose; --status names it as well")
    policy.add_argument("--previous", metavar="HASH", help="of the policy in force")
    freeze = _order(actions, "freeze", "one administrator is enough, at once", _freeze)
    thaw = _order(actions, "thaw", "end a freeze, with a clean reconciliation report", _thaw)
    for one in (freeze, thaw):
        one.add_argument(
            "--level",
            required=True,
            choices=LEVELS,
            help="what is meant; harbor: all but the way to the harbor",
        )
        one.add_argument(
            "--target",
            default="",
            metavar="ID",
            help="which wallet, asset or network; none for all and harbor",
        )
        one.add_argument("--reason", required=True, metavar="TEXT", help="why; it stands in the journal")
    thaw.add_argument(
        "--report", required=True, type=Path, metavar="FILE", help="made by `keepcool app reconcile --out`"
    )
    cancel = _order(actions, "cancel", "end an order that waits; one administrator is enough", _cancel)
    cancel.add_argument("order", type=Path, metavar="ORDER", help="the order to be cancelled")
    rekey = _order(actions, "rekey", "another user key for a wallet", _rekey)
    rekey.add_argument("--wallet", required=True, metavar="ID", help="the wallet's id")
    rekey.add_argument(
        "--record", required=True, metavar="HASH", help="its record hash, as `keepcool wallet show` prints it"
    )
    rekey.add_argument("--key", required=True, metavar="TEXT", help="the new one: ed25519:HEX or passkey:HEX")


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
    command: Command | None,
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=about)
    if command is not None:
        verb.set_defaults(run=command)
    return verb


def _order(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str, command: Command
) -> argparse.ArgumentParser:
    verb = _verb(actions, name, about, command)
    meant = verb.add_mutually_exclusive_group(required=True)
    meant.add_argument("--installation", metavar="HEX", help="the root key's public half")
    meant.add_argument(
        "--status", type=Path, metavar="FILE", help="what `keepcool keeper status --json` (or cooler) printed"
    )
    verb.add_argument(
        "--within",
        type=_seconds,
        default="7d",
        metavar="TIME",
        help="for so long it gathers signatures: 12h, 7d (default 7d)",
    )
    verb.add_argument(
        "--out", required=True, type=Path, metavar="ORDER", help="the order's file, to be written"
    )
    return verb


def _with_passphrase(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line, instead of the terminal"
    )


def _new_key(arguments: argparse.Namespace) -> int:
    from keepcool.local import adminkeys

    questions = ["New passphrase", "Once more"]
    new, again = passphrases.asked(arguments.passphrase_file, questions, _FILE_CODE, twice=True)
    if new != again:
        raise Refused("admin.passphrase_differs", "the two were not the same; no key was made")
    public = adminkeys.new_key(arguments.file, bytes(new))
    print(public)
    print(f'[administrators.NAME] key = "{public}" goes into the policies of both signers', file=sys.stderr)
    return 0


def _policy(arguments: argparse.Namespace) -> int:
    from keepcool.core.approvals import Action
    from keepcool.local import orderfiles

    status = _status(arguments)
    service = arguments.service or status.get("service")
    previous = arguments.previous or status.get("policy")
    if not service or not previous:
        raise Malformed("admin.policy", "give --status, or --service and --previous")
    document = orderfiles.read_bytes(arguments.file)
    details = orderfiles.policy_details(document, service, previous)
    return _written(arguments, Action.POLICY_PROPOSE, details, document)


def _freeze(arguments: argparse.Namespace) -> int:
    from keepcool.core.approvals import Action

    check_target(arguments)
    details = {"level": arguments.level, "target": arguments.target, "reason": arguments.reason}
    return _written(arguments, Action.FREEZE, details)


def _thaw(arguments: argparse.Namespace) -> int:
    from keepcool.core.approvals import Action
    from keepcool.core.reconciliation import report_hash
    from keepcool.local import orderfiles

    check_target(arguments)
    document = orderfiles.read_bytes(arguments.report)
    details = {
        "level": arguments.level,
        "target": arguments.target,
        "reason": arguments.reason,
        "report": report_hash(document),
    }
    return _written(arguments, Action.THAW, details, document)


def _cancel(arguments: argparse.Namespace) -> int:
    from keepcool.core.approvals import parse_order
    from keepcool.local import orderfiles

    action, details = orderfiles.cancelling(parse_order(orderfiles.read(arguments.order).order))
    return _written(arguments, action, details)


def _rekey(arguments: argparse.Namespace) -> int:
    from keepcool.core.approvals import Action
    from keepcool.core.personkeys import parse_person_key

    key = parse_person_key(arguments.key).text()
    details = {"key": key, "record": arguments.record, "wallet": arguments.wallet}
    return _written(arguments, Action.REKEY, details)


def _written(
    arguments: argparse.Namespace, action: Action, details: dict[str, str], document: bytes = b""
) -> int:
    from keepcool.local import orderfiles
    from keepcool.wire.reviews import SubmitOrder

    if arguments.out.exists():  # it may be gathering signatures
        raise Conflict("admin.out", f"{arguments.out} is there already; name another file")
    installation = arguments.installation or _status(arguments).get("installation", "")
    order = orderfiles.new_order(action, details, installation, arguments.within)
    submitted = SubmitOrder(order=order.encoded(), proofs=[], document=document)
    orderfiles.write(arguments.out, submitted)
    print("\n".join(orderfiles.in_words(submitted)))
    print(f"Written to {arguments.out}: keepcool admin sign {arguments.out} --key FILE --name NAME")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from keepcool.local import orderfiles

    print("\n".join(orderfiles.in_words(orderfiles.read(arguments.file))))
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    from keepcool.local import adminkeys, orderfiles

    submitted = orderfiles.read(arguments.file)
    name = ROOT if arguments.root_key else arguments.name
    if not name:
        raise Malformed("admin.name", "say who signs: --name, as the policy has it")
    print("\n".join(orderfiles.in_words(submitted)))
    if not arguments.yes and input("Sign this? [yes/no] ").strip().lower() != "yes":
        print("Not signed.")
        return 1
    challenge = orderfiles.challenge_of(submitted)
    if arguments.root_key:
        proof = adminkeys.signed_by_root(arguments.root_key, challenge)
    else:
        (words,) = passphrases.asked(arguments.passphrase_file, ["Passphrase"], _FILE_CODE, twice=False)
        proof = adminkeys.signed(arguments.key, bytes(words), challenge)
    orderfiles.write(arguments.file, orderfiles.with_proof(submitted, name, proof))
    print(f"Signed by {name}.")
    return 0


def _submit(arguments: argparse.Namespace) -> int:
    from keepcool.local import orderfiles

    raw = orderfiles.read_bytes(arguments.file)
    orderfiles.parse(raw)
    told = importlib.import_module(f"keepcool.{arguments.signer}.main").hosted(arguments.config).order(raw)
    if arguments.json:
        print(told)
        return 0
    found = json.loads(told)
    order = found["order"]
    signed = f"signed by {', '.join(order['signed_by'])}; {order['quorum']} needed"
    print(f"{order['order']}  {order['action']}  {order['state']}  {signed}")
    print("Frozen: " + ("; ".join(found["frozen"]) or "nothing"))
    return 0


def _status(arguments: argparse.Namespace) -> dict[str, str]:
    if arguments.status is None:
        return {}
    try:
        found = json.loads(arguments.status.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Malformed("admin.status", f"{arguments.status}: not what `status --json` prints") from error
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _seconds(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 999:
        raise argparse.ArgumentTypeError("a time is a number and h or d: 7d")
    return int(number) * _UNITS[unit]
