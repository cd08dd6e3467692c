"""systemd units: one user, one folder and one set of walls for each part, on a host of its own.

Laws: no part runs as root, writes outside its data, gains a privilege, makes memory executable, dumps its
memory, or speaks another protocol than it needs. What is secret lies in the part's own folder, readable by
its user alone; nothing secret stands in a unit. systemd.exec(5), systemd.service(5), sysusers.d(5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from keepcool.core.parties import Service

HOME, PROGRAMS = "/var/lib/keepcool", "/opt/keepcool/bin"
SYSUSERS = "keepcool.sysusers.conf"
_WALLS = """\
# It sees its own folder and may write its data; nothing of it is executable, nobody else's process is seen.
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
PrivateMounts=yes
ProtectProc=invisible
ProcSubset=pid
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RemoveIPC=yes
KeyringMode=private

# No privilege, and no way to one.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=getrlimit setrlimit prlimit64 sched_getaffinity sched_setaffinity
SystemCallErrorNumber=EPERM
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX

# Name the addresses it speaks with, and the kernel refuses all others:
#IPAddressDeny=any
#IPAddressAllow=192.0.2.0/24
"""
_LOCKED, _RELOADS = "LimitMEMLOCK=infinity", "ExecReload=/bin/kill -HUP $MAINPID"
_TELLS = """\
Type=notify
NotifyAccess=main
TimeoutStartSec=infinity
WatchdogSec=60"""


@dataclass(frozen=True, slots=True)
class Unit:
    """`name`: of the part, its folder below HOME, and its user (keepcool-NAME). `writes`: folders below its
    own where it may write; "" is all of its own. `more`: lines that only this part has. `tells`: that
    it is ready, and alive."""

    name: str
    about: str
    command: str
    writes: tuple[str, ...] = ("data",)
    more: tuple[str, ...] = ()
    tells: bool = False

    @property
    def file(self) -> str:
        return f"keepcool-{self.name}.service"

    @property
    def user(self) -> str:
        return f"keepcool-{self.name}"

    @property
    def folder(self) -> str:
        return f"{HOME}/{self.name}"


def _signer(service: Service, about: str) -> Unit:
    command = f"{PROGRAMS}/keepcool {service.value} run --config {service.value}.toml"
    return Unit(service.value, about, command, ("data", "keystore"), (_RELOADS, _LOCKED), tells=True)


def _site(service: Service, verb: str, about: str, more: tuple[str, ...] = ()) -> Unit:
    command = f"{PROGRAMS}/keepcool {service.value} {verb} --config {service.value}.toml"
    return Unit(service.value, about, command, more=more, tells=True)


def _keystore(service: Service) -> Unit:
    return Unit(
        f"{service.value}-keystore",
        f"keepcool: {service.value}'s keystore (OpenBao); sealed until it is given its shares",
        f"{PROGRAMS}/bao server -config=openbao.hcl",
        writes=("",),
    )


UNITS: Mapping[str, Unit] = {
    one.name: one
    for one in (
        _site(Service.APP, "run", "keepcool App: books and API; no key of a coin", (_RELOADS,)),
        _signer(Service.KEEPER, "keepcool Keeper: a hot key per wallet, and the purse"),
        _signer(Service.COOLER, "keepcool Cooler: the cool key"),
        _site(Service.DESK, "serve", "keepcool desk: where people approve; no key of a coin"),
        Unit(
            "broker",
            "keepcool broker (nats-server): carries what it cannot read",
            f"{PROGRAMS}/nats-server -c nats.conf",
            writes=("jetstream",),
            more=(_RELOADS,),
        ),
        _keystore(Service.KEEPER),
        _keystore(Service.COOLER),
    )
}


def text(unit: Unit) -> str:
    """The unit file."""
    states = " ".join(f"keepcool/{unit.name}/{one}".rstrip("/") for one in unit.writes)
    more = "".join(f"{line}\n" for line in unit.more)
    return f"""\
# {unit.file}: copy to /etc/systemd/system. Its folder is {unit.folder}, of the user {unit.user}.
[Unit]
Description={unit.about}
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
{_TELLS if unit.tells else "Type=simple"}
User={unit.user}
Group={unit.user}
WorkingDirectory={unit.folder}
ExecStart={unit.command}
Restart=on-failure
RestartSec=2
TimeoutStopSec=30
StateDirectory={states}
StateDirectoryMode=0700
UMask=0077
LimitCORE=0
LimitNOFILE=65536
{more}
{_WALLS}
[Install]
WantedBy=multi-user.target
"""


def write(folder: Path, wanted: Sequence[Unit]) -> list[Path]:
    """These units, and the users they run as."""
    texts = {unit.file: text(unit) for unit in wanted} | {SYSUSERS: sysusers(wanted)}
    for name, content in texts.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in texts]


def sysusers(wanted: Sequence[Unit]) -> str:
    """A user for each part, without a shell: sysusers.d(5)."""
    users = "".join(f'u {unit.user} - "keepcool {unit.name}" {unit.folder}\n' for unit in wanted)
    return f"# copy to /etc/sysusers.d/keepcool.conf, and run systemd-sysusers\n{users}"
