"""keepcool keeper: the signer with a hot key per wallet, the purse, and the lock on pools."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from keepcool.cli import passphrases, signer
from keepcool.core.errors import Refused

_UNITS = {"s": 1, "m": 60, "h": 3600}
_FILE_CODE = "keeper.passphrase_file"
_OPERATOR = "operator"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verbs = signer.register(subparsers, "keeper", "the signer with a hot key per wallet, and the purse")
    setting = signer.configured(
        verbs, "set-passphrase", "an operator's passphrase for the lock on pools", _set_passphrase
    )
    setting.add_argument(
        "--by", metavar="NAME", help="an operator who vouches for one that is new, or yourself"
    )
    unlock = signer.configured(verbs, "unlock", "let the running Keeper sign for locked pools", _unlock)
    unlock.add_argument(
        "--for", required=True, type=_seconds, dest="for_s", metavar="TIME", help="10m, 2h, 90s; at most 12h"
    )
    removal = signer.configured(
        verbs, "remove-operator", "whose passphrase opens the lock no longer", _remove
    )
    for verb in (setting, unlock, removal):
        verb.add_argument(
            "--operator",
            default=_OPERATOR,
            required=verb is removal,
            metavar="NAME",
            help=f"whose passphrase (default {_OPERATOR})",
        )
    setting.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="FILE",
        help="its lines, instead of the terminal: the passphrase, and after it that of --by",
    )
    unlock.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line, instead of the terminal"
    )
    signer.configured(verbs, "lock", "close locked pools now", _lock)
    signer.configured(verbs, "lock-state", "whether pools are locked, or until when they are open", _state)


def _set_passphrase(arguments: argparse.Namespace) -> int:
    from keepcool.keeper import main

    asked = ["New passphrase", "Once more", *([f"Passphrase of {arguments.by}"] if arguments.by else [])]
    new, again, *his = passphrases.asked(arguments.passphrase_file, asked, _FILE_CODE, twice=True)
    if new != again:
        raise Refused("keeper.passphrase_differs", "the two were not the same; nothing was changed")
    by = (arguments.by, his[0]) if his else None
    path = main.set_passphrase(arguments.config, arguments.operator, new, by)
    print(f"Set for {arguments.operator} in {path}. No passphrase is anywhere on this machine: when all are")
    print("forgotten, so are the hot keys of locked pools; their coins are then moved with cool and cold.")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from keepcool.keeper import main

    print(f"Removed {arguments.operator} from {main.remove_operator(arguments.config, arguments.operator)}")
    return 0


def _unlock(arguments: argparse.Namespace) -> int:
    from keepcool.keeper import main

    (given,) = passphrases.asked(arguments.passphrase_file, ["Passphrase"], _FILE_CODE, twice=False)
    print(main.unlock(arguments.config, arguments.operator, given, arguments.for_s))
    return 0


def _lock(arguments: argparse.Namespace) -> int:
    from keepcool.keeper import main

    print(main.lock(arguments.config))
    return 0


def _state(arguments: argparse.Namespace) -> int:
    from keepcool.keeper import main

    print(main.lock_state(arguments.config))
    return 0


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smh])", text)
    if found is None:
        raise argparse.ArgumentTypeError("a time is a number and s, m or h: 10m")
    return int(found[1]) * _UNITS[found[2]]
