"""What `check-config` says of any signer: whom it hears, what it opens, and what it does not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from keepcool.chains import accounts
from keepcool.cooler import config as cooler
from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.core.profiles import Profile
from keepcool.core.registry import Role
from keepcool.cosigner import statement
from keepcool.ports.settings import (
    AccountSettings,
    AwsKmsSettings,
    KeystoreSettings,
    LocalKeystoreSettings,
    PeerSettings,
)
from keepcool.wire.requests import REQUESTS
from tests.unit.cooler.test_config import COMMON
from tests.unit.local.test_paperkeys import COLD, COOL
from tests.unit.policy.samples import POLICY

PEER = PeerSettings(signing_key="a", sealing_key="b")


def settings(extra: str = "", **changes: Any) -> cooler.CoolerSettings:
    read = msgspec.toml.decode(COMMON + extra, type=cooler.CoolerSettings)
    return msgspec.structs.replace(read, **changes)


def told(service: Service = Service.COOLER, given: cooler.CoolerSettings | None = None) -> list[str]:
    role = Role.COOL if service is Service.COOLER else Role.HOT
    return statement.sentences(service, role, given or settings(), POLICY)


def test_a_signer_says_what_it_signs_with_and_where_it_speaks() -> None:
    """Its one role, its keystore and that key, its bus and no port, its witness and its policy."""
    said = told()
    assert said[0] == "This is cooler: it signs with the cool key of a wallet and with no other."
    assert said[1] == (
        "It opens sealed keys with the keystore at https://k (transit key t), and does not start if that "
        "lets it use no other key (name its peer's!)."
    )
    assert said[2] == "It dials out to tls://b and listens on no port."
    assert "It releases no signature before keeper has stored the journal row behind it." in said
    assert "Its policy is version 3, signed by the root key r:" in said
    assert said[-1].startswith("It refuses everything else: unknown fields, types, senders, networks,")
    keeper = told(Service.KEEPER)
    assert keeper[0] == "This is keeper: it signs with the hot key of a wallet and with no other."
    assert "It releases no signature before cooler has stored the journal row behind it." in keeper


def test_keys_it_must_not_be_able_to_use_are_named() -> None:
    """Every one of them, in one list."""
    keystore = msgspec.structs.replace(settings().keystore, forbidden_keys=["keeper", "app"])
    assert "does not start if that lets it use keeper, app." in told(given=settings(keystore=keystore))[1]


@pytest.mark.parametrize("service", [Service.KEEPER, Service.COOLER])
def test_whom_it_hears_is_what_the_wire_lets_through(service: Service) -> None:
    """For each peer exactly the types that it may send to this signer, by the wire's own table; no peer that
    is not configured is spoken of."""
    peers = {one.value: PEER for one in Service if one is not service}
    said = [line for line in told(service, settings(peers=peers)) if line.startswith("It hears ")]
    assert [line.split()[2] for line in said] == sorted(peers)
    own = {f"wallets.{what}.v1" for what in ("create", "reserve", "prove", "register", "reseal")} | {
        "purse.sign.v1"
    }
    others = {"wallets.attest.v1"} if service is Service.KEEPER else own
    for line in said:
        name = line.split()[2]
        types, _, rest = line.removeprefix(f"It hears {name} on ").partition(", under its ")
        heard = {typ for typ, kind in REQUESTS.items() if name in kind.senders} - others
        assert set(types.split(", ")) == (heard or {"nothing"}), name
        assert rest == "pinned keys only."


def test_accounts_are_told_or_their_lack_is() -> None:
    """Per family: children of both accounts and, where keys go on below, the pool's; or, while either lacks,
    that no such wallet gets keys of its own."""
    lack = [
        f"It lacks a cool or a cold account of {family}: no {family} wallet gets keys of its own."
        for family in accounts.LAYOUT
    ]
    cool, cold = (
        [msgspec.convert(accounts.plain(one), AccountSettings) for one in half.accounts]
        for half in (COOL, COLD)
    )
    for lacking in (settings(), settings(cool_accounts=cool), settings(cold_accounts=cold)):
        assert [line for line in told(given=lacking) if "account" in line] == lack
    pins = {
        family: [f"{one.origin}{one.xpub}" for half in (cool, cold) for one in half if one.family == family]
        for family in accounts.LAYOUT
    }
    both = {family: " and of ".join(pins[family]) for family in pins}
    owned = "A {} wallet's cool and cold key are its own: children {} of {}{}."
    whole = told(given=settings(cool_accounts=cool, cold_accounts=cold))
    assert [line for line in whole if "are its own:" in line] == [
        owned.format("minter", "0/w", both["minter"], ""),
        owned.format("bitcoin", "w", both["bitcoin"], "; a pool has these accounts themselves"),
    ]


def test_it_says_what_a_departure_gives_up() -> None:
    """A local keystore, a cloud's and each profile are told of with their price; the usual ones have none."""
    local = KeystoreSettings(local=LocalKeystoreSettings("k.json"))
    cloud = KeystoreSettings(aws=AwsKmsSettings("eu-central-1", "arn", "keys"))
    usual = " ".join(told(Service.KEEPER, settings()))
    assert "GIVEN UP" not in usual
    assert "UNVERIFIED" not in usual
    assert "GIVEN UP with a local keystore" in " ".join(told(Service.KEEPER, settings(keystore=local)))
    assert "UNVERIFIED" in " ".join(told(Service.KEEPER, settings(keystore=cloud)))
    for one in Profile:
        chosen = " ".join(told(Service.KEEPER, settings(profiles=[one.value])))
        assert f"GIVEN UP (profile {one.value})" in chosen
    with pytest.raises(Refused, match=r"profile\.refused"):
        told(Service.KEEPER, settings(profiles=["single-key"]))
