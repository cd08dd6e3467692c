"""`safes` of keepcool app, keeper and cooler: the public file that Safes come back from without us."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from keepcool.core import ids
from keepcool.core.errors import Conflict
from keepcool.core.ids import NetworkId
from keepcool.core.registry import WalletRecord

ABOUT = "write the file Safes come back from; it is public"


def add_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--network", required=True, metavar="ID", help="an EVM chain, e.g. eip155:1")
    verb.add_argument("--out", type=Path, metavar="FILE", help="default: print it")


def of_signer(arguments: argparse.Namespace) -> int:
    """Out of a signer's copy of the registry, also while it runs."""
    from keepcool.local.restoring import records

    kept = records.of_signer(arguments.config, arguments.noun)
    return written(kept.records, ids.network_id(arguments.network), arguments.out)


def of_app(arguments: argparse.Namespace) -> int:
    """Out of App's copy."""
    from keepcool.app import descriptors, main

    network = ids.network_id(arguments.network)
    kept = main.with_books(arguments.config, lambda tx: descriptors.records(tx, network))
    return written(kept, network, arguments.out)


def written(kept: Iterable[WalletRecord], network: NetworkId, out: Path | None) -> int:
    """Raises Conflict on a file that is there: it may be the only copy."""
    from keepcool.chains.evm import keeping

    lines = keeping.lines(kept, network)
    text = "".join(f"{line}\n" for line in lines)
    if out is None:
        sys.stdout.write(text)
    else:
        try:
            with out.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            raise Conflict("restore.exists", f"{out} is there already; name another") from error
    print(f"{len(lines)} wallets of {network}", file=sys.stderr)
    return 0
