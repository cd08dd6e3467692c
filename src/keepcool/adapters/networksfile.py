"""The file of Bitcoin networks that this release does not ship."""

from __future__ import annotations

from pathlib import Path

from keepcool.chains.bitcoin.network_table import read_networks
from keepcool.chains.families import Families
from keepcool.core.errors import Refused


def known_families(networks_file: str) -> Families:
    """Those of this release, and the networks of the file. Raises Refused when it cannot be read, Malformed
    when a row of it is wrong."""
    if not networks_file:
        return Families()
    try:
        return Families(read_networks(Path(networks_file).read_bytes()))
    except OSError as error:
        raise Refused("config.networks_file", f"cannot read {networks_file}: {error.strerror}") from error
