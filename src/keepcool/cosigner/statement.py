"""What a signer's configuration lets it do, whom it hears and what it refuses, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keepcool.core.parties import Service
from keepcool.core.profiles import given_up, profiles
from keepcool.core.registry import Role
from keepcool.cosigner import accountpins
from keepcool.policy import explain
from keepcool.policy.document import Policy
from keepcool.ports.settings import (
    KeystoreSettings,
    LocalKeystoreSettings,
    PeerSettings,
    SignerSettings,
)
from keepcool.wire.requests import REQUESTS

_OWN_TYPES: Mapping[Service, tuple[str, ...]] = {
    Service.KEEPER: (
        "wallets.create.v1",
        "wallets.reserve.v1",
        "wallets.prove.v1",
        "wallets.register.v1",
        "wallets.reseal.v1",
        "purse.sign.v1",
    ),
    Service.COOLER: ("wallets.attest.v1",),
}
_COMMON_TYPES = (
    "sign.v1",
    "addresses.attest.v1",
    "wallets.rekey.v1",
    "wallets.renew.v1",
    "wallets.list.v1",
    "signed.find.v1",
    "reviews.v1",
    "review.v1",
    "people.v1",
    "approvals.v1",
    "orders.v1",
    "witness.v1",
    "status.v1",
    "freeze.v1",
)


def sentences(service: Service, role: Role, settings: SignerSettings, policy: Policy) -> list[str]:
    """For `check-config`. Reads nothing but what it is given. Raises Malformed on accounts that are none."""
    peer = Service.COOLER if service is Service.KEEPER else Service.KEEPER
    return [
        f"This is {service.value}: it signs with the {role.value} key of a wallet and with no other.",
        *_keystore(settings.keystore),
        *given_up(profiles(settings.profiles)),
        f"It dials out to {settings.bus.url} and listens on no port.",
        *_heard(service, settings.peers),
        *accountpins.sentences(accountpins.pinned_accounts(settings)),
        f"It releases no signature before {peer.value} has stored the journal row behind it.",
        f"Its policy is version {policy.version}, signed by the root key {settings.policy.root_key}:",
        *explain.sentences(policy),
        "It refuses everything else: unknown fields, types, senders, networks, assets, contracts and drafts.",
    ]


def _keystore(keystore: KeystoreSettings) -> Sequence[str]:
    if keystore.local is not None:
        return _local(keystore.local)
    if keystore.aws is not None:
        return _cloud("AWS KMS", keystore.aws.key)
    if keystore.gcp is not None:
        return _cloud("Google Cloud KMS", keystore.gcp.key)
    forbidden = ", ".join(keystore.forbidden_keys) or "no other key (name its peer's!)"
    return [
        f"It opens sealed keys with the keystore at {keystore.url} (transit key {keystore.transit_key}), and "
        f"does not start if that lets it use {forbidden}."
    ]


def _cloud(name: str, key: str) -> Sequence[str]:
    return [
        f"It opens sealed keys with {name}, key {key}; the cloud keeps the record of every opening.",
        f"WARNING: {name} is UNVERIFIED here: proven against a simulator of its documents, never against the "
        "real service. Try it with coins you can lose.",
    ]


def _local(keystore: LocalKeystoreSettings) -> Sequence[str]:
    said = (
        f"in the file {keystore.passphrase_file}"
        if keystore.passphrase_file
        else "said on its host at every start (`keepcool … keystore open`)"
    )
    return [
        f"It opens sealed keys with the data keys in {keystore.file}, under a passphrase: systemd's "
        f"credential keystore-passphrase if there is one, else {said}.",
        "GIVEN UP with a local keystore: no second machine must be stolen beside this one, and nobody else "
        "keeps a record of what was opened. See docs/explain/profiles.md.",
    ]


def _heard(service: Service, peers: Mapping[str, PeerSettings]) -> Sequence[str]:
    told = []
    for name in sorted(peers):
        types = [
            typ
            for typ in (*_COMMON_TYPES, *_OWN_TYPES[service])
            if name in REQUESTS[typ].senders and name != service.value
        ]
        told.append(f"It hears {name} on {', '.join(types) or 'nothing'}, under its pinned keys only.")
    return told
