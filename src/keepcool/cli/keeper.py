"""keepcool keeper: the signer with a hot key per wallet, the purse, and the lock on pools."""

from __future__ import annotations

import argparse
import getpass
import re
import sys
from pathlib import Path

from keepcool.cli import signer
from keepcool.core.errors import Malformed, Refused

_UNITS = {"s": 1, "m": 60, "h": 3600}
_FILE_BYTES_MAX = 2048


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verbs = signer.register(subparsers, "keeper", "the signer with a hot key per wallet, and the purse")
    setting = signer.configured(
        verbs, "set-passphrase", "make the lock on pools: once, before `lock_pools` is set", _set_passphrase
    )
    unlock = signer.configured(verbs, "unlock", "let the running Keeper sign for locked pools", _unlock)
    unlock.add_argument(
        "--for", required=True, type=_seconds, dest="for_s", metavar="TIME", help="10m, 2h, 90s"
    )
    for verb in (setting, unlock):
        verb.add_argument(
            "--passphrase-file", type=Path, metavar="FILE", help="its first line, instead of the terminal"
        )
    signer.configured(verbs, "lock", "close locked pools now", _lock)
    signer.configured(verbs, "lock-state", "whether pools are locked, or until when they are open", _state)


def _set_passphrase(arguments: argparse.Namespace) -> int:
    from keepcool.keeper import main

    path = main.set_passphrase(arguments.config, _passphrase(arguments.passphrase_file, again=True))
    print(
        f"Made {path}. The passphrase is nowhere on this machine: whoever forgets it loses the locked pools'"
    )
    print("hot keys; their coins are then moved with cool and cold.")
    return 0


def _unlock(arguments: argparse.Namespace) -> int:
    from keepcool.keeper import main

    given = _passphrase(arguments.passphrase_file, again=False)
    print(main.unlock(arguments.config, given, arguments.for_s))
    return 0


def _lock(arguments: argparse.Namespace) -> int:
    from keepcool.keeper import main

    print(main.lock(arguments.config))
    return 0


def _state(arguments: argparse.Namespace) -> int:
    from keepcool.keeper import main

    print(main.lock_state(arguments.config))
    return 0


def _passphrase(file: Path | None, *, again: bool) -> bytearray:
    if file is not None:
        try:
            with file.open("rb") as source:
                return bytearray(source.read(_FILE_BYTES_MAX).split(b"\n", 1)[0])
        except OSError as error:
            raise Malformed("keeper.passphrase_file", f"cannot read {file}: {error.strerror}") from error
    if not sys.stdin.isatty():
        return bytearray(sys.stdin.buffer.read(_FILE_BYTES_MAX).split(b"\n", 1)[0])
    given = getpass.getpass("Passphrase: ")
    if again and getpass.getpass("Once more: ") != given:
        raise Refused("keeper.passphrase_differs", "the two were not the same; nothing was made")
    return bytearray(given.encode())


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smh])", text)
    if found is None:
        raise argparse.ArgumentTypeError("a time is a number and s, m or h: 10m")
    return int(found[1]) * _UNITS[found[2]]
