"""The purse pays fees for what both signers signed, within its limits, and for nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.chains import family
from keepcool.chains.evm import address, execution, payouts, purse, wallets
from keepcool.chains.evm.family import EvmFamily
from keepcool.chains.evm.profiles import PROFILES, profile_named
from keepcool.chains.evm.safe import SafeTx, safe_tx_hash
from keepcool.chains.evm.transaction import Transaction
from keepcool.core import registry
from keepcool.core.approval import STAMP, Approval, PurseApproval
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.registry import OwnerKey, Role, Standing, WalletRecord
from keepcool.core.secret import Secret
from keepcool.core.verdict import Denied
from keepcool.hazmat import coinkeys
from keepcool.keeper import purse_judge
from keepcool.keeper.purse_judge import PurseCase, PurseHistory, PurseLimits, judge_purse
from keepcool.policy.case import Remembered

NETWORK, CHAIN = NetworkId("eip155:31337"), 31337
ETH = AssetId("eip155:31337/slip44:60")
PROFILE = profile_named("safe-1.5.0-l1")
ACCOUNT = "0xF469185e079029342Fc5fc2d14D084CB536eCD58"
RECIPIENT = "0x1364C7739fF33F23b182E8E9a6b996a02EdE5F25"
GWEI = 10**9


def key(seed: int) -> tuple[Secret, bytes]:
    secret = Secret(bytearray([seed] * 32))
    return secret, coinkeys.public_key(secret)


KEYS = {Role.HOT: key(1), Role.COOL: key(2), Role.COLD: key(3)}


def record(wallet: str = "w-1") -> WalletRecord:
    hot, cool, cold = (OwnerKey(role, KEYS[role][1].hex()) for role in Role)
    blank = WalletRecord(
        wallet=WalletId(wallet), revision=1, previous=registry.NO_PREVIOUS, family="evm", network=NETWORK,
        profile=PROFILE.name, threshold=2, owners=(hot, cool, cold), address="", owner="u-1", user_key="",
        policy_class="", standing=Standing.PROVEN, made_at_s=1,
    )  # fmt: skip
    return replace(blank, address=EvmFamily().derive_address(family.terms_of(blank)))


def signed(tx: SafeTx, *roles: Role) -> dict[str, bytes]:
    made = {}
    for role in roles:
        secret, public = KEYS[role]
        approval = Approval(IntentId("i-1"), WalletId("w-1"), (safe_tx_hash(tx),), "p", STAMP)
        made[address.of_public_key(public)] = coinkeys.sign(approval, secret, public)[0]
    return made


def fee_transaction(
    to: str, data: bytes, nonce: int = 0, fee: int = 2 * GWEI, gas: int = 200_000
) -> Transaction:
    return Transaction(CHAIN, nonce, GWEI, fee, gas, to, 0, data)


SAFE_TX = payouts.pay_native(safe=record().address, chain_id=CHAIN, nonce=0, recipient=RECIPIENT, wei=5)
INTENT = Intent(
    IntentId("i-1"), Purpose.PAY, NETWORK, WalletId("w-1"), (Output(RECIPIENT, Amount(ETH, 5)),),
    Amount(ETH, 10**16), 10_000,
)  # fmt: skip
REMEMBERED = Remembered("i-1", INTENT.hash(), (safe_tx_hash(SAFE_TX),), (SAFE_TX.slot,), {ETH: 5}, 1)
LIMITS = PurseLimits(fee_max_units=10**16, gas_budget_day_units=2 * 10**16, deployments_per_day=2)
FRESH = PurseHistory(0, (), 0, 0, frozenset())


def case(tx: Transaction, history: PurseHistory = FRESH) -> PurseCase:
    return PurseCase(
        network=NETWORK, chain_id=CHAIN, account=ACCOUNT, transaction=tx,
        action=purse.decode_purse(tx, ACCOUNT, PROFILES), record=record(), intent=INTENT,
        remembered=(REMEMBERED,), history=history, limits=LIMITS, frozen=(),
    )  # fmt: skip


def execute(*roles: Role, tx: SafeTx = SAFE_TX) -> Transaction:
    return fee_transaction(tx.safe, execution.exec_transaction(tx, signed(tx, *roles)))


def deploy(wallet: str = "w-1") -> Transaction:
    owners = tuple(address.of_public_key(KEYS[role][1]) for role in Role)
    setup = wallets.setup_of(PROFILE, owners, 2).initializer()
    salt = wallets.wallet_salt(WalletId(wallet))
    data = wallets.create_proxy_with_nonce(PROFILE, setup, salt)
    return fee_transaction(PROFILE.factory.address, data, gas=400_000)


def cancel(nonce: int = 0, fee: int = 3 * GWEI) -> Transaction:
    return Transaction(CHAIN, nonce, fee, fee, 21_000, ACCOUNT, 0, b"")


EXECUTE, DEPLOY = execute(Role.HOT, Role.COOL), deploy()


def raised(tx: Transaction, fee: int, tip: int) -> Transaction:
    return replace(tx, max_fee_per_gas=fee, max_priority_fee_per_gas=tip)


STUCK = replace(FRESH, lowest_unsigned=1, at_nonce=(EXECUTE,))
OTHER_TX = payouts.pay_native(safe=record().address, chain_id=CHAIN, nonce=0, recipient=RECIPIENT, wei=6)


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("execution both signed", case(EXECUTE)),
        ("deployment of our wallet", case(DEPLOY)),
        ("cancelling its own", case(cancel(), STUCK)),
        (
            "raising its own by an eighth",
            case(
                replace(EXECUTE, max_fee_per_gas=2_250_000_000, max_priority_fee_per_gas=1_125_000_000), STUCK
            ),
        ),
        ("budget reached exactly", case(EXECUTE, replace(FRESH, gas_day_units=2 * 10**16 - 4 * 10**14))),
    ],
)
def test_signs_what_it_is_for(name: str, one: PurseCase) -> None:
    """The purse approves what the installation needs it for, up to its limits exactly."""
    approval = judge_purse(one)
    assert isinstance(approval, PurseApproval), name
    assert approval.digests == (one.transaction.digest(),)


HOSTILE = [
    ("chain", "another chain", case(replace(DEPLOY, chain_id=1))),
    ("nonce_order", "a nonce ahead", case(replace(EXECUTE, nonce=2))),
    ("replacement", "a bump of a wei too little", case(
        replace(EXECUTE, max_fee_per_gas=2_249_999_999, max_priority_fee_per_gas=1_125_000_000), STUCK)),
    ("replacement", "another deed at the same nonce", case(replace(DEPLOY, max_fee_per_gas=9 * GWEI,
        max_priority_fee_per_gas=9 * GWEI, gas=500_000), STUCK)),
    ("replacement", "cancelling nothing", case(cancel())),
    ("gas_least", "so little gas that its nonce is blocked for good", case(
        replace(EXECUTE, gas=1, max_fee_per_gas=10**16, max_priority_fee_per_gas=10**16))),
    ("gas_least", "a cancellation no block takes", case(replace(cancel(), gas=0, max_fee_per_gas=2**255,
        max_priority_fee_per_gas=2**255), STUCK)),
    ("gas_least", "one gas too little", case(replace(EXECUTE, gas=EXECUTE.gas_least - 1))),
    ("fee_ceiling", "a wei above the ceiling", replace(case(EXECUTE), limits=replace(LIMITS,
        fee_max_units=EXECUTE.fee_wei_max - 1))),
    ("fee_ceiling", "above the intent's bound", replace(case(EXECUTE), intent=replace(INTENT,
        fee_max=Amount(ETH, EXECUTE.fee_wei_max - 1)))),
    ("gas_budget", "a wei above the day's budget", case(EXECUTE,
        replace(FRESH, gas_day_units=2 * 10**16 - EXECUTE.fee_wei_max + 1))),
    ("not_frozen", "frozen", replace(case(EXECUTE), frozen=("all outgoing is frozen: drill",))),
    ("purpose", "hot signed alone", case(execute(Role.HOT))),
    ("purpose", "hot and cold, not cool", case(execute(Role.HOT, Role.COLD))),
    ("purpose", "a SafeTx this signer never signed", case(execute(Role.HOT, Role.COOL, tx=OTHER_TX))),
    ("purpose", "no memory of the intent", replace(case(EXECUTE), remembered=())),
    ("purpose", "a Safe that is not the wallet named", case(deploy("w-2"))),
    ("purpose", "deployed before at another nonce", case(DEPLOY, replace(FRESH, deployed_at=frozenset({7})))),
    ("purpose", "too many deployments today", case(DEPLOY, replace(FRESH, deployments_day=2))),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "name", "one"), HOSTILE, ids=[name for _, name, _ in HOSTILE])
def test_refuses_what_it_is_not_for(rule: str, name: str, one: PurseCase) -> None:
    """Each misuse is denied by the rule made against it, with a reason."""
    verdicts = judge_purse(one)
    assert isinstance(verdicts, tuple), name
    denied = {verdict.rule: verdict.reason for verdict in verdicts if isinstance(verdict, Denied)}
    assert denied[rule], name


@pytest.mark.parametrize(("rule", "name", "one"), HOSTILE, ids=[name for _, name, _ in HOSTILE])
def test_without_the_rule_the_misuse_passes(
    rule: str, name: str, one: PurseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twin: with only that rule switched off the same misuse is signed, so the rule is what stops it."""
    monkeypatch.setitem(purse_judge.RULES, rule, lambda _: "")
    assert isinstance(judge_purse(one), PurseApproval), name


@pytest.mark.parametrize("first", [EXECUTE, DEPLOY], ids=["execution", "deployment"])
def test_whatever_was_signed_can_be_cancelled_under_the_same_ceiling(first: Transaction) -> None:
    """Even at the highest price per gas that the ceiling allows, the nonce can still be used up."""
    price = LIMITS.fee_max_units // first.gas_least
    dearest = replace(raised(first, price, price), gas=first.gas_least)
    assert isinstance(judge_purse(case(dearest)), PurseApproval)
    fees = purse.minimum_replacement(dearest)
    history = replace(FRESH, lowest_unsigned=1, at_nonce=(dearest,))
    assert isinstance(judge_purse(case(purse.cancellation(dearest, ACCOUNT, fees), history)), PurseApproval)


def test_a_broken_rule_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception inside a rule never means yes."""

    def broken(_: PurseCase) -> str:
        raise ZeroDivisionError

    monkeypatch.setitem(purse_judge.RULES, "fee_ceiling", broken)
    assert isinstance(judge_purse(case(EXECUTE)), tuple)
