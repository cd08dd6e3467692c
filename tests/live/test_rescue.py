"""A token nobody listed, sent to a Safe of ours, comes to the harbor on a real chain, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from keepcool.app.payouts import rescuing
from keepcool.app.payouts.rescuing import Rescue
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.chains.evm.decode import decode_safe_tx
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import parse_draft
from keepcool.core import withdrawal_states as lives
from keepcool.core.errors import Malformed
from keepcool.core.intent import parse_intent
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.local.devchain import deploy_token
from keepcool.policy.case import Case
from keepcool.policy.rules import ALL
from keepcool.policy.terms import Policy
from tests.fixtures.chain import address_number
from tests.fixtures.evmscene import Scene, scene
from tests.unit.app.payouts.workshop import ETHER, RECIPIENT
from tests.unit.policy.samples import history, network, objections

pytestmark = pytest.mark.live
HARBOR, ELSEWHERE = address_number(77), address_number(78)
RESCUES = network(harbor=HARBOR, rescue=True, fee_max_units=10**18)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("rescue")) as made:
        yield made


@pytest.fixture(scope="module")
def stray(at: Scene) -> str:
    return deploy_token(at.chain, "Stray", "STRAY", 10**27)


def rescue(at: Scene, record: WalletRecord, token: str, to: str) -> Withdrawal:
    wanted = Rescue(
        id=f"rsc-{record.wallet}", wallet=record.wallet, contract=token, to=to, units=500, reason="a mistake"
    )
    attesters, networks = at.shop.attesters, at.shop.settings.networks
    return at.shop.store.transact(lambda tx: rescuing.request(tx, attesters, networks, wanted, 1))


def judged(one: Withdrawal, record: WalletRecord, policy: Policy) -> set[str]:
    """The rules that object to the very bytes App has drafted, as a signer decodes them."""
    draft = parse_draft(one.draft or b"")
    intent = parse_intent(one.intent or b"")
    effects = decode_safe_tx(draft, profile_named(record.profile))
    past = replace(history(lowest=draft.nonce), lowest_unsigned={draft.slot.space: draft.nonce})
    both = frozenset({Service.KEEPER, Service.COOLER})
    now_s = intent.expires_at_s - 60
    case = Case(intent, effects, record, both, record.address, (), past, now_s)
    return set(objections(case, policy, ALL))


def test_it_comes_to_the_harbor_and_stands_on_no_books(at: Scene, stray: str) -> None:
    """Drafted alone beside a payment of the same wallet, approved by every rule, sent; the books agree."""
    record = at.wallet("w1")
    at.chain.fund_token(stray, record.address, 500)
    one = rescue(at, record, stray, HARBOR)
    assert rescue(at, record, stray, HARBOR).number == one.number
    at.shop.order("wd1", record.wallet, ETHER)
    at.ends("rsc-w1", "wd1")
    done = at.shop.read("rsc-w1")
    assert (done.kind, type(done.state)) == (Kind.RESCUE, lives.Confirmed)
    assert judged(done, record, RESCUES) == set()
    assert judged(done, record, network(fee_max_units=10**18)) >= {"selectors", "cap_transaction"}
    assert (at.chain.balance(HARBOR, stray), at.chain.balance(record.address, stray)) == (500, 0)
    assert at.chain.balance(RECIPIENT) == ETHER
    assert at.agrees(record)
    assert at.shop.balance(f"held:{record.wallet}", one.asset) == 0


def test_elsewhere_the_signers_refuse_what_app_drafts(at: Scene, stray: str) -> None:
    """The attack: App, taken over, asks for the same to an address of its own; the bytes are refused."""
    record = at.wallet("w2")
    at.chain.fund_token(stray, record.address, 500)
    rescue(at, record, stray, ELSEWHERE)
    at.ends("rsc-w2")  # the signers of this scene sign anything: what theirs would not is judged here
    assert judged(at.shop.read("rsc-w2"), record, RESCUES) >= {"selectors", "cap_transaction"}
    assert at.chain.balance(ELSEWHERE, stray) == 500  # the twin: without the rules it is gone


def test_a_listed_token_is_nobodys_to_rescue(at: Scene) -> None:
    """It is its owner's, whatever the operator says."""
    record = at.wallet("w3", tokens=5)
    with pytest.raises(Malformed) as caught:
        rescue(at, record, at.token_address, HARBOR)
    assert caught.value.code == "rescue.listed"
