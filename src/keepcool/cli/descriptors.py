"""`descriptors` of keepcool app, keeper and cooler: the public file that wallets come back from."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import bitcoin_networks
from keepcool.core.errors import Conflict

if TYPE_CHECKING:
    from keepcool.chains.bitcoin.restoring import Backup


def add_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--network", required=True, metavar="NAME", help="e.g. bitcoin, litecoin")
    bitcoin_networks.add_file_option(verb)
    verb.add_argument("--harbor", default="", metavar="ADDRESS", help="the pinned destination, for the file")
    verb.add_argument("--out", type=Path, metavar="FILE", help="default: print it")
    verb.add_argument(
        "--flat", action="store_true", help="for other makers' wallets: each branch as [origin]xpub/<0;1>/*"
    )
    verb.add_argument(
        "--bsms", type=Path, metavar="DIR", help="instead, a BSMS file for each wallet and cosigner"
    )


def write(arguments: argparse.Namespace, backup: Backup) -> int:
    """Raises Conflict on a file that is there: it may be the only copy."""
    from keepcool.chains.bitcoin.restoring import spelled_backup, spelled_bsms, spelled_flat

    if arguments.bsms is not None:
        arguments.bsms.mkdir(parents=True, exist_ok=True)
        for wallet in backup.wallets:
            for number, text in enumerate(spelled_bsms(wallet, backup.network)):
                _new_file(arguments.bsms / f"{wallet.name}-{number}.bsms", text)
        return _told(backup)
    text = spelled_flat(backup) if arguments.flat else spelled_backup(backup)
    if arguments.out is not None:
        _new_file(arguments.out, text)
    else:
        sys.stdout.write(text)
    return _told(backup)


def _told(backup: Backup) -> int:
    print(f"{len(backup.wallets)} wallets of {backup.network.name}", file=sys.stderr)
    return 0


def _new_file(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError as error:
        raise Conflict("restore.exists", f"{file} is there already; name another") from error
