"""Issuing as App may ask it, honest and not: one id one record, and nothing attested that does not add up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import msgspec
import pytest

from keepcool.chains.families import family_named
from keepcool.chains.family import terms_of
from keepcool.core.parties import Service
from keepcool.core.registry import OwnerKey, Role, WalletRecord, parse_record
from keepcool.local.running import Installation
from keepcool.wire.messages import (
    Attested,
    AttestWallets,
    CreateWallets,
    Declined,
    Failure,
    FreezeRequest,
    Message,
    NewWallet,
    RegisterWallets,
    Signed,
    WalletsAnswer,
)
from tests.fixtures.chain import NETWORK
from tests.fixtures.red_app import PROFILE, RedApp, payment, signers_alone, taken_over

pytestmark = pytest.mark.live
KEEPER, COOLER = Service.KEEPER, Service.COOLER
STRANGER = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"  # secp256k1's generator


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with signers_alone("100,100000,100000") as running:
        yield running


def played(installation: Installation, play: Callable[[RedApp], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with taken_over(installation) as app:
            await app.ready()
            await play(app)

    asyncio.run(whole())


def wanted(name: str, **terms: str) -> NewWallet:
    usual = NewWallet(wallet=name, network=NETWORK, profile=PROFILE, owner="u-1")
    return msgspec.structs.replace(usual, **terms)


async def asked(app: RedApp, to: Service, typ: str, body: Message) -> list[Attested | Failure]:
    answer = await app.exchange.ask(to, typ, body, 20)
    assert isinstance(answer, WalletsAnswer)
    return answer.items


async def created(app: RedApp, *wallets: NewWallet) -> list[Attested | Failure]:
    return await asked(app, KEEPER, "wallets.create.v1", CreateWallets(wallets=list(wallets)))


async def attested(app: RedApp, *records: Attested) -> list[Attested | Failure]:
    return await asked(app, COOLER, "wallets.attest.v1", AttestWallets(records=list(records)))


async def registered(app: RedApp, *records: Attested) -> list[Attested | Failure]:
    return await asked(app, KEEPER, "wallets.register.v1", RegisterWallets(records=list(records)))


def code(item: Attested | Failure) -> str:
    return item.problem.code if isinstance(item, Failure) else "attested"


def test_one_id_is_one_record_for_ever(installation: Installation) -> None:
    """Asked again, and twice in one batch, a wallet is the same to the byte; on other terms it is refused."""

    async def play(app: RedApp) -> None:
        first, twin = await created(app, wanted("same"), wanted("same"))
        (again,) = await created(app, wanted("same"))
        assert isinstance(first, Attested)
        assert first == twin == again
        (other,) = await created(app, wanted("same", owner="u-2"))
        assert code(other) == "wallet.other"

    played(installation, play)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"network": "eip155:1"}, "wallet.network"),
        ({"profile": "safe-1.4.1-l1"}, "wallet.profile"),
        ({"wallet": "a b"}, "id.form"),
        ({"owner": "ü"}, "wallet.text"),
        ({"owner": "u" * 129}, "wallet.text"),
    ],
)
def test_refuses_terms_the_policy_does_not_know(
    installation: Installation, terms: dict[str, str], expected: str
) -> None:
    """A wallet on unknown terms is not made, and the one beside it in the batch is."""

    async def play(app: RedApp) -> None:
        bad, good = await created(app, wanted("odd", **terms), wanted("beside"))
        assert (code(bad), code(good)) == (expected, "attested")

    played(installation, play)


def other_keys(record: WalletRecord, role: Role) -> WalletRecord:
    """The record with a stranger's key in this role, and the address those keys lead to."""
    keys = {key.role: STRANGER if key.role is role else key.public_key for key in record.owners}
    hot, cool, cold = (OwnerKey(one, key) for one, key in keys.items())
    changed = replace(record, owners=(hot, cool, cold))
    return replace(changed, address=family_named("evm").derive_address(terms_of(changed)))


@pytest.mark.parametrize("role", list(Role))
def test_cooler_attests_nothing_keeper_did_not(installation: Installation, role: Role) -> None:
    """App swaps one of the three keys after Keeper attested: Cooler and Keeper both refuse the record."""

    async def play(app: RedApp) -> None:
        (made,) = await created(app, wanted(f"swap-{role}"))
        assert isinstance(made, Attested)
        forged = other_keys(parse_record(made.record), role).encoded()
        swapped = Attested(record=forged, attestations=made.attestations)
        assert code((await attested(app, swapped))[0]) == "attestation.signature"
        assert code((await registered(app, swapped))[0]) == "wallet.unknown"

    played(installation, play)


def test_a_wallet_counts_once_both_attested(installation: Installation) -> None:
    """Keeper signs nothing for a wallet without Cooler's attestation, and does once it is registered."""

    async def play(app: RedApp) -> None:
        (made,) = await created(app, wanted("half"))
        assert isinstance(made, Attested)
        record = parse_record(made.record)
        alone = await app.sign(KEEPER, [payment(app, record, 0, 1)])
        assert isinstance(alone[0], Declined)
        assert "record_attested" in {one.rule for one in alone[0].verdicts if one.outcome == "denied"}
        (both,) = await attested(app, made)
        assert isinstance(both, Attested)
        stripped = Attested(record=both.record, attestations={"cooler": both.attestations["keeper"]})
        assert code((await registered(app, stripped))[0]) == "attestation.signature"
        await registered(app, both)
        assert isinstance((await app.sign(KEEPER, [payment(app, record, 0, 1)]))[0], Signed)

    played(installation, play)


def test_a_freeze_outlives_the_process(installation: Installation) -> None:
    """Frozen over the bus, a wallet is refused by both signers, also after they were killed and started."""

    async def freeze(app: RedApp) -> None:
        (record,) = await app.wallets(1)
        for signer in (KEEPER, COOLER):
            body = FreezeRequest(level="wallet", target=record.wallet, reason="drill")
            await app.exchange.ask(signer, "freeze.v1", body, 10)
        for signer in (KEEPER, COOLER):
            installation.children[signer.value].kill9()
            installation.start(signer.value)
        await app.ready()
        for signer in (KEEPER, COOLER):
            (said,) = await app.sign(signer, [payment(app, record, 0, 1)])
            assert isinstance(said, Declined)
            assert {one.rule for one in said.verdicts if one.outcome == "denied"} == {"not_frozen"}
            assert any(record.wallet in sentence for sentence in (await app.status(signer)).frozen)

    played(installation, freeze)
