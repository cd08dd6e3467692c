"""Where the broker is, and how a service proves itself to it: an nkey inside mutual TLS 1.3.

The broker's certificate must come from the installation's own CA; the system's authorities are not asked.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from keepcool.adapters.identity.keyfiles import read_private
from keepcool.core.errors import Refused, Unavailable
from keepcool.ports.settings import BusSettings


@dataclass(frozen=True, slots=True)
class BusAddress:
    """`url`: one or more tls://host:port, separated by commas. The others are files."""

    url: str
    nkey_seed: Path
    ca: Path
    certificate: Path
    certificate_key: Path
    one_machine: bool = False

    @classmethod
    def of(cls, settings: BusSettings, beside: Path, *, one_machine: bool = False) -> BusAddress:
        """The address in a service's settings; paths are relative to the folder of its TOML."""
        return cls(
            url=settings.url,
            nkey_seed=beside / settings.nkey_seed,
            ca=beside / settings.ca,
            certificate=beside / settings.certificate,
            certificate_key=beside / settings.certificate_key,
            one_machine=one_machine,
        )

    def servers(self) -> list[str]:
        servers = [one.strip() for one in self.url.split(",") if one.strip()]
        if not servers or not all(one.startswith("tls://") for one in servers):
            raise Refused("settings.bus", "bus.url: tls://host:port, or several separated by commas")
        return servers

    def seed(self) -> str:
        """The nkey seed. Raises Refused when others can read its file."""
        seed = read_private(self.nkey_seed, one_machine=self.one_machine).content
        return seed.decode("ascii", "replace").strip()

    def tls(self) -> ssl.SSLContext:
        """Raises Unavailable when a certificate file is missing or does not fit its key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_verify_locations(self.ca)
            context.load_cert_chain(self.certificate, self.certificate_key)
        except OSError as error:
            where = f"{self.ca}, {self.certificate}, {self.certificate_key}"
            raise Unavailable("bus.certificate", f"one of {where}: {error.strerror}") from error
        return context
