"""Which network a command on Bitcoin's family is about: one of ours, or a row of the reader's own file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.core.errors import Malformed

if TYPE_CHECKING:
    from keepcool.chains.bitcoin.networks import Network, Networks


def add_file_option(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--networks", type=Path, metavar="FILE", help="TOML with [[network]] rows of more forks"
    )


def known(arguments: argparse.Namespace) -> Networks:
    """Ours and those of --networks. Raises Malformed."""
    from keepcool.chains.bitcoin.network_table import SHIPPED, read_networks

    if arguments.networks is None:
        return SHIPPED
    try:
        return read_networks(arguments.networks.read_bytes())
    except OSError as error:
        raise Malformed("network.file", f"{arguments.networks} cannot be read: {error.strerror}") from error


def chosen(arguments: argparse.Namespace) -> Network:
    """The one of --network. Raises Malformed."""
    return known(arguments).named(arguments.network)
