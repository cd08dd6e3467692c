"""keepcool init: a complete installation, made in one go or not at all.

It is built in a folder beside the wanted one and takes its name when everything in it is proven; what is
left over after an error is removed. Nothing in it knows where it lies. Keystores that are servers
run while their keys are made, and are stopped again. No coin key passes here: they are made by processes of
their own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from nacl.signing import SigningKey

from keepcool.adapters.identity.keyfiles import KEY_BYTES, write_private
from keepcool.adapters.openbao import operator
from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.core.registry import Role
from keepcool.local import (
    cloudkeystores,
    commands,
    configs,
    keystore,
    layout,
    localkeystores,
    outsidekeystores,
    ownnode,
    paperkeys,
)
from keepcool.local.broker import configuration, make_nkey
from keepcool.local.certificates import (
    Authority,
    issue_client,
    issue_server,
    make_authority,
    write_authority,
)
from keepcool.local.configs import PaperPublic, PublicParts
from keepcool.local.identities import make_identity
from keepcool.local.layout import SERVICES, SIGNERS, Layout
from keepcool.local.plan import Plan
from keepcool.local.policies import first_policy, signature
from keepcool.local.provision import Provisioning, Terms, initialise
from keepcool.ports.system import Clock, Entropy

Say = Callable[[str], None]
_HOSTS = ("127.0.0.1", "localhost")
_SCOPES = "read,users,wallets,withdraw,admin"


def install(plan: Plan, say: Say, clock: Clock, entropy: Entropy) -> Layout:
    """The installation in `plan.folder`. Raises Refused when there is something already, or with the
    step that failed; then nothing is left behind."""
    wanted = plan.folder.absolute()
    if wanted.exists() and (not wanted.is_dir() or any(wanted.iterdir())):
        raise Refused("init.exists", f"{wanted} is not empty; choose a new folder")
    if plan.cold is not None:
        paperkeys.read(plan.cold)  # before anything is made
    building = wanted.with_name(f".{wanted.name}.partial-{os.getpid()}")
    before = os.umask(0o077)
    try:
        _Work(replace(plan, folder=building), say, clock, entropy).run()
        if wanted.exists():
            wanted.rmdir()
        building.rename(wanted)
    finally:
        os.umask(before)
        shutil.rmtree(building, ignore_errors=True)
    return Layout(wanted)


class _Work:
    """The steps, in order."""

    def __init__(self, plan: Plan, say: Say, clock: Clock, entropy: Entropy) -> None:
        self._plan, self._say, self._entropy = plan, say, entropy
        self._places = Layout(plan.folder)
        self._services = (*SERVICES, *((Service.DESK,) if plan.people.desk_url else ()))
        self._now_s = clock.now_ms() // 1000
        self._authority: Authority = make_authority("keepcool installation", self._now_s)

    def run(self) -> None:
        self._places.make([one for one in self._services if one not in SERVICES])
        root_key = self._make_root()
        self._say("identities: message, sealing, attestation and journal keys of every service")
        peers = {
            service: make_identity(self._places.service(service) / layout.IDENTITY, service, self._entropy)
            for service in self._services
        }
        self._make_broker()
        public = PublicParts(peers, root_key, self._cold_key())
        self._make_policies()
        with self._keystores():
            self._write_configs(public)
            public = replace(public, cool=self._cool_key(public.cold))
        self._write_configs(public)
        for network in self._plan.networks:
            ownnode.write(self._places, network)
        self._make_operator(public)

    def _make_root(self) -> bytes:
        """The Ed25519 public half of the installation root key."""
        self._say("root: the installation's root key and certificate authority")
        seed = self._entropy(KEY_BYTES)
        write_private(self._places.root_key, seed.hex().encode("ascii") + b"\n")
        write_authority(self._authority, self._places.root / layout.CA, self._places.ca_key)
        public = bytes(SigningKey(seed).verify_key)
        (self._places.root / "root.pub").write_text(public.hex() + "\n", encoding="ascii")
        return public

    def _make_broker(self) -> None:
        self._say("broker: nkeys, certificates, least-privilege permissions")
        users = {service: self._enter_bus(service) for service in self._services}
        provision = make_nkey(self._entropy)
        write_private(self._places.root / "provision.nkey", provision.seed + b"\n")
        self._certify(self._places.broker)
        config = self._places.broker / layout.NATS_CONFIG
        here, port = configs.broker_files(config), self._plan.ports.broker
        config.write_text(configuration(here, port, users, provision.public), encoding="utf-8")

    def _enter_bus(self, service: Service) -> str:
        """A service's own way into the bus; its public nkey."""
        folder, nkey = self._places.service(service) / layout.BUS, make_nkey(self._entropy)
        write_private(folder / layout.NKEY, nkey.seed + b"\n")
        certificate, key = folder / layout.CERTIFICATE, folder / layout.CERTIFICATE_KEY
        issue_client(self._authority, service.value, certificate, key, self._now_s)
        self._copy_ca(folder)
        return nkey.public

    def _certify(self, folder: Path) -> None:
        certificate, key = folder / layout.SERVER, folder / layout.SERVER_KEY
        issue_server(self._authority, _HOSTS, certificate, key, self._now_s)
        self._copy_ca(folder)

    def _copy_ca(self, folder: Path) -> None:
        shutil.copyfile(self._places.root / layout.CA, folder / layout.CA)

    def _cold_key(self) -> PaperPublic:
        if self._plan.cold is not None:
            return paperkeys.read(self._plan.cold)
        self._say("cold key: made on this machine, for a trial only")
        made = commands.answer("cold", "new", "--out", str(self._places.paper / "cold"), "--json")
        return paperkeys.understood(made, Role.COLD)

    def _cool_key(self, cold: PaperPublic) -> PaperPublic:
        self._say("cool key: made and sealed by Cooler, printed on paper")
        config, paper = str(self._places.config(Service.COOLER)), str(self._places.paper / "cool")
        words = ("cooler", "new-key", "--config", config, "--paper", paper, "--json")
        made = commands.answer(*words, credentials=localkeystores.credentials(self._places, Service.COOLER))
        cool = paperkeys.understood(made, Role.COOL)
        paperkeys.refuse_one_key(cool, cold)
        return cool

    def _make_policies(self) -> None:
        self._say("policies: one for each signer, signed by the root key")
        seed = bytes.fromhex(self._places.root_key.read_text(encoding="ascii"))
        for signer in SIGNERS:
            folder = self._places.service(signer)
            document = first_policy(signer, *self._plan.networks, people=self._plan.people)
            (folder / layout.POLICY).write_bytes(document)
            (folder / layout.POLICY_SIGNATURE).write_bytes(signature(seed, document))
            write_private(folder / layout.INNER_KEY, self._entropy(KEY_BYTES).hex().encode("ascii") + b"\n")

    @contextmanager
    def _keystores(self) -> Iterator[None]:
        """Both keystores made ready, side by side, and running for the length of the block."""
        if self._plan.keystore == "local":
            self._say("keystores: a file for each signer; their passphrases are in the root folder")
            localkeystores.make(self._places, self._entropy)
            yield
            return
        if self._plan.keystore == "outside":
            self._say("keystores: others run them; each signer's entry is copied to its folder")
            outsidekeystores.make(self._places, self._plan.outside)
            yield
            return
        if self._plan.keystore == "cloud":
            self._say("keystores: keys of a cloud's KMS, UNVERIFIED; what each signer enters with is copied")
            cloudkeystores.make(self._places, self._plan.cloud)
            yield
            return
        self._say("keystores: one for each signer, made ready, root tokens revoked")
        started: list[keystore.KeystoreProcess] = []
        try:
            for signer in SIGNERS:
                process = self._prepared(signer)
                started.append(process)
                process.start()
            with ThreadPoolExecutor(len(SIGNERS)) as side_by_side:
                list(side_by_side.map(self._provision, SIGNERS, started))
            yield
        finally:
            for process in reversed(started):
                process.stop()

    def _prepared(self, signer: Service) -> keystore.KeystoreProcess:
        folder, plan = self._places.keystore(signer), configs.keystore_plan(signer, self._plan.ports)
        keystore.write_configuration(folder, plan)
        self._certify(folder)
        return keystore.KeystoreProcess(folder, plan, folder / layout.LOG / "init.log")

    def _provision(self, signer: Service, process: keystore.KeystoreProcess) -> None:
        opened = initialise(process.connections, self._plan.shares, self._plan.threshold)
        for number, share in enumerate(opened.shares, 1):
            write_private(self._places.shares(signer) / f"share-{number}.txt", f"{share}\n".encode())
        process.unseal(opened.shares)
        root = Provisioning(process.connections, opened.root_token)
        peers = [peer for peer in SIGNERS if peer is not signer]
        entry = root.provision(signer, peers, Terms(cidrs=self._plan.keystore_cidrs))
        root.finish()
        folder = self._places.service(signer) / layout.KEYSTORE
        self._copy_ca(folder)
        write_private(folder / layout.ROLE_ID, f"{entry.role_id}\n".encode())
        write_private(folder / layout.SECRET_ID, f"{entry.secret_id}\n".encode())
        offline = self._places.shares(signer)
        write_private(offline / operator.ROLE_ID, f"{entry.operator_role_id}\n".encode())
        write_private(offline / operator.SECRET_ID, f"{entry.operator_secret_id}\n".encode())

    def _write_configs(self, public: PublicParts) -> None:
        networks, ports = self._plan.networks, self._plan.ports
        plan = self._plan
        chosen = configs.Chosen(plan.keystore, plan.profiles, plan.outside, plan.cloud)
        texts = {signer: configs.signer_toml(signer, networks, ports, public, chosen) for signer in SIGNERS}
        for service in [one for one in self._services if one is not Service.APP]:
            rows = configs.networks_toml(networks)
            if rows is not None:
                (self._places.service(service) / layout.NETWORKS).write_text(rows, encoding="utf-8")
        texts[Service.APP] = configs.app_toml(networks, ports, public, self._plan.people, chosen)
        if self._plan.people.desk_url:
            texts[Service.DESK] = configs.desk_toml(networks, ports, public, self._plan.people)
        for service, text in texts.items():
            self._places.config(service).write_text(text, encoding="utf-8")

    def _make_operator(self, public: PublicParts) -> None:
        self._say("operator: the first API key, and the two keys that vouch for addresses")
        config = str(self._places.config(Service.APP))
        words = ("api-key", "new", "--config", config, "--name", "operator", "--scopes", _SCOPES, "--json")
        made = commands.answer("app", *words)
        key = commands.text_of(made, "key")
        write_private(self._places.operator / "api.key", f"{key}\n".encode())
        text = configs.operator_toml(self._plan.ports, public)
        (self._places.operator / "operator.toml").write_text(text, encoding="utf-8")
