"""Where an installation keeps its files: a folder for each host to be.

`root` is carried away and kept offline; the others go to their hosts as they are, because everything in
them is named relative to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keepcool.core.parties import Service

SERVICES = (Service.KEEPER, Service.COOLER, Service.APP)
SIGNERS = (Service.KEEPER, Service.COOLER)
LOG, IDENTITY, DATA, BUS, KEYSTORE = "log", "identity", "data", "bus", "keystore"
CA = "ca.pem"
NKEY, CERTIFICATE, CERTIFICATE_KEY = "nkey.seed", "client.pem", "client.key"
ROLE_ID, SECRET_ID = "role.id", "secret.id"
LOCAL_KEYSTORE, PASSPHRASE = "keystore.json", "keystore-passphrase"
INNER_KEY, POLICY, POLICY_SIGNATURE = "inner.key", "policy.toml", "policy.toml.sig"
DATABASE, NETWORKS = "books.sqlite", "networks.toml"
NATS_CONFIG, JETSTREAM = "nats.conf", "jetstream"
SERVER, SERVER_KEY = "server.pem", "server.key"
OWN_NODE, OWN_NODE_COOKIE = "node.toml", "regtest/.cookie"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of an installation."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def root_key(self) -> Path:
        return self.root / "root.key"

    @property
    def paper(self) -> Path:
        return self.root / "paper"

    @property
    def ca_key(self) -> Path:
        return self.root / "ca.key"

    @property
    def broker(self) -> Path:
        return self.folder / "broker"

    @property
    def operator(self) -> Path:
        return self.folder / "operator"

    def service(self, service: Service) -> Path:
        return self.folder / service.value

    def config(self, service: Service) -> Path:
        return self.service(service) / f"{service.value}.toml"

    def keystore(self, service: Service) -> Path:
        """The folder of a signer's own keystore."""
        return self.folder / f"{service.value}-keystore"

    def own_nodes(self) -> list[Path]:
        """The folders of regtest nodes that `keepcool up` runs."""
        return sorted(file.parent for file in self.folder.glob(f"{own_node('*')}/{OWN_NODE}"))

    def shares(self, service: Service) -> Path:
        """The folder with the unseal shares of a signer's keystore, one file each."""
        return self.root / f"{service.value}-keystore"

    def hosts(self) -> list[Path]:
        """Every folder that goes to a host of its own."""
        services = [self.service(service) for service in SERVICES]
        return [self.broker, *(self.keystore(signer) for signer in SIGNERS), *services, self.operator]

    def make(self, others: Sequence[Service] = ()) -> None:
        """All folders, closed to others, and those of services that not every installation has. Raises
        FileExistsError."""
        self.folder.mkdir(mode=0o700, parents=True)
        for host in [self.root, *self.hosts(), *map(self.service, others)]:
            host.mkdir(mode=0o700)
            if host not in (self.root, self.operator):
                (host / LOG).mkdir(mode=0o700)
        self.paper.mkdir(mode=0o700)
        for service in (*SERVICES, *others):
            (self.service(service) / DATA).mkdir(mode=0o700)
            (self.service(service) / BUS).mkdir(mode=0o700)
        for signer in SIGNERS:
            (self.service(signer) / KEYSTORE).mkdir(mode=0o700)
            self.shares(signer).mkdir(mode=0o700)
        (self.broker / JETSTREAM).mkdir(mode=0o700)


def own_node(network: str) -> str:
    """The folder of a regtest node that belongs to the installation."""
    return f"{network}-node"


def read_shares(folder: Path) -> list[str]:
    """The unseal shares that lie in a folder."""
    return [file.read_text(encoding="ascii").strip() for file in sorted(folder.glob("share-*.txt"))]
