"""keepcool keeper|cooler keystore <deed>: its passphrase, its key's versions, and how a service enters it."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keepcool.cli import passphrases
from keepcool.core.errors import Conflict, Refused

if TYPE_CHECKING:
    from keepcool.core.secret import Secret

_CODE = "keystore.passphrase_file"
_AGAIN_MAX = 20
Command = Callable[[argparse.Namespace], int]


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = verbs.add_parser("keystore", help="the keystore's passphrase, its key's versions, and the way in")
    deeds = noun.add_subparsers(dest="deed", required=True, metavar="DEED")
    opening = _deed(deeds, "open", "say a local keystore's passphrase to a service that waits", _open)
    setting = _deed(deeds, "set-passphrase", "another passphrase of a local keystore, stopped", _set)
    for one in (opening, setting):
        one.add_argument(
            "--passphrase-file",
            type=Path,
            metavar="FILE",
            help="its lines, instead of the terminal: the passphrase, and the new one after it",
        )
    _deed(deeds, "status", "which versions the sealed keys lie under", _status)
    rotate = _deed(deeds, "rotate", "a new version of the key, which seals from now on", _rotate)
    rewrap = _deed(deeds, "rewrap", "seal every key anew under the newest version, while it signs", _rewrap)
    retire = _deed(deeds, "retire", "versions that nothing needs any more open nothing again", _retire)
    del rewrap
    for one in (rotate, retire):
        one.add_argument(
            "--operator",
            type=Path,
            metavar="FOLDER",
            help="OpenBao: the folder with the operator's role, root/<service>-keystore",
        )
    wrapping = _deed(deeds, "wrap", "issue a secret id, wrapped: its token, to be carried over", _wrap)
    wrapping.add_argument(
        "--operator",
        type=Path,
        metavar="FOLDER",
        required=True,
        help="the folder with the operator's role, root/<service>-keystore",
    )
    wrapping.add_argument(
        "--for-s", type=int, default=300, metavar="SECONDS", help="it lasts so long (default 300)"
    )
    wrapping.add_argument("--out", type=Path, metavar="FILE", required=True, help="a new file for the token")
    enrolling = _deed(deeds, "enroll", "open a wrapped secret id, once, and keep it", _enroll)
    enrolling.add_argument("--wrapped", type=Path, metavar="FILE", required=True, help="from `keystore wrap`")


def _deed(
    deeds: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str, command: Command
) -> argparse.ArgumentParser:
    deed = deeds.add_parser(name, help=about)
    deed.add_argument("--config", required=True, type=Path, metavar="FILE", help="the service's TOML")
    deed.set_defaults(run=command)
    return deed


def _desk(arguments: argparse.Namespace) -> Any:
    """The service's own commands of its keystore."""
    main = importlib.import_module(f"keepcool.{arguments.noun}.main")
    return main.keystore_desk(arguments.config)


def _told(arguments: argparse.Namespace, frame: Secret) -> str:
    main = importlib.import_module(f"keepcool.{arguments.noun}.main")
    told: str = main.hosted(arguments.config).told(frame)
    return told


def _open(arguments: argparse.Namespace) -> int:
    from keepcool.core.secret import Secret
    from keepcool.cosigner import opening

    (given,) = passphrases.asked(arguments.passphrase_file, ["Passphrase"], _CODE, twice=False)
    with Secret(given) as passphrase:
        print(_told(arguments, opening.frame(passphrase)))
    return 0


def _set(arguments: argparse.Namespace) -> int:
    asked = ["Passphrase now", "New passphrase", "Once more"]
    if arguments.passphrase_file is None and sys.stdin.isatty():
        old, new, again = passphrases.asked(None, asked, _CODE, twice=False)
    else:
        old, new = passphrases.asked(arguments.passphrase_file, asked[:2], _CODE, twice=False)
        again = bytearray(new)
    if new != again:
        raise Refused("keystore.passphrase_differs", "the two were not the same; nothing was changed")
    path = _desk(arguments).set_passphrase(old, new)
    print(f"Set in {path}. Copies of that file made before open with the old passphrase: destroy them.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from keepcool.cosigner import rewrapping

    _print_standing(_told(arguments, rewrapping.standing_frame()))
    return 0


def _rotate(arguments: argparse.Namespace) -> int:
    from keepcool.cosigner import rewrapping

    if arguments.operator is None:
        _print_standing(_told(arguments, rewrapping.rotate_frame()))
    else:
        print(f"Version {_desk(arguments).rotate(arguments.operator)} seals from now on.")
    print("Next: keystore rewrap, then keystore retire.")
    return 0


def _rewrap(arguments: argparse.Namespace) -> int:
    """One bounded batch after the other. What was done stays done, whoever dies: ask again."""
    from keepcool.cosigner import rewrapping

    after, looked, done, again = list[str](), 0, 0, 0
    while True:
        try:
            found = json.loads(_told(arguments, rewrapping.rewrap_frame(after)))
        except Conflict:
            again += 1
            if again > _AGAIN_MAX:
                raise
            continue
        looked, done, after = looked + found["looked"], done + found["rewrapped"], found["after"]
        print(f"{looked} looked at, {done} sealed anew under version {found['version']}", flush=True)
        if not after:
            return 0


def _retire(arguments: argparse.Namespace) -> int:
    from keepcool.cosigner import rewrapping

    standing = json.loads(_told(arguments, rewrapping.standing_frame()))
    newest = int(standing["newest"])
    if arguments.operator is None:
        _print_standing(_told(arguments, rewrapping.retire_frame(newest)))
        return 0
    needed = {version: count for version, count in standing["rows"].items() if int(version) < newest}
    if needed:
        raise Conflict("keystore.needed", f"{sum(needed.values())} keys need older versions: rewrap first")
    _desk(arguments).retire(arguments.operator, newest)
    print(f"Versions below {newest} open nothing any more.")
    return 0


def _wrap(arguments: argparse.Namespace) -> int:
    token = _desk(arguments).wrap(arguments.operator, arguments.for_s)
    _write(arguments.out, token)
    print(f"{arguments.out}: carry it to the service's host within {arguments.for_s} s, then there:")
    print(f"keepcool {arguments.noun} keystore enroll --config FILE --wrapped {arguments.out.name}")
    return 0


def _enroll(arguments: argparse.Namespace) -> int:
    kept = _desk(arguments).enroll(arguments.wrapped)
    print(f"Opened by nobody before, and kept in {kept}; {arguments.wrapped} is removed.")
    return 0


def _print_standing(told: str) -> None:
    standing = json.loads(told)
    print(f"version {standing['newest']} seals")
    for version, count in sorted(standing["rows"].items(), key=lambda one: int(one[0])):
        print(f"{count} sealed keys under version {version}")


def _write(path: Path, token: str) -> None:
    import os

    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
