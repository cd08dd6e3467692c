"""New certificates for parts on hosts of their own, from `root` alone: keys are made anew as well.

The old ones hold until they end, so a part is handed its new ones and restarted when it suits. Nothing else
changes: the authority is the same, and who enters the bus is said by the nkey, not by the certificate.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from keepcool.core.parties import Service
from keepcool.local import brokerhosts, certificates, layout
from keepcool.local.layout import SIGNERS, Layout
from keepcool.local.sums import write_sums

KEYSTORES = tuple(f"{signer.value}-keystore" for signer in SIGNERS)
ON_THE_BUS = tuple(one.value for one in (Service.APP, *SIGNERS, Service.DESK))


def renew(places: Layout, into: Path, parts: Mapping[str, str], now_s: int) -> list[Path]:
    """`parts`: names of services, and of keystores to the host where each is found. The files, each where it
    lies in its part's folder. Raises OSError when root is not there."""
    for part, host in parts.items():
        folder = into / part
        if part in KEYSTORES:
            folder.mkdir(mode=0o700)
            brokerhosts.certify(places, folder, host, now_s)
        else:
            _client(places, folder / layout.BUS, part, now_s)
        write_sums(folder)
    return sorted(file for file in into.rglob("*") if file.is_file())


def _client(places: Layout, folder: Path, name: str, now_s: int) -> None:
    folder.mkdir(mode=0o700, parents=True)
    authority = certificates.read_authority(places.root / layout.CA, places.ca_key)
    certificate, key = folder / layout.CERTIFICATE, folder / layout.CERTIFICATE_KEY
    certificates.issue_client(authority, name, certificate, key, now_s)
    shutil.copyfile(places.root / layout.CA, folder / layout.CA)
