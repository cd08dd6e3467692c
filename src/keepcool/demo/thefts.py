"""What a thief asks for who has all of App: one theft for each thing that the signers look at.

Law: of people it knows names, what they have signed, and nothing they sign with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from keepcool.chains.evm import payouts
from keepcool.chains.evm.safe import DELEGATECALL, SafeTx, encode_draft
from keepcool.client.devicekeys import SEED_BYTES, DeviceKey, UserKey
from keepcool.core import approvals
from keepcool.core.approvals import USER_KIND, Action, Approval, Decision
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.local import orderfiles
from keepcool.wire import proofs
from keepcool.wire.messages import EvidenceItem, Message, RekeyItem, RekeyWallets, SignItem, SignRequest
from keepcool.wire.proofs import SignedApproval
from keepcool.wire.reviews import OrderProof, SubmitApprovals, SubmitOrder

COIN = 10**18
SMALL, LARGE, ALL = COIN // 5, 8 * COIN // 10, 2 * COIN
_FEE_MAX = 10**15
_LIFETIME_S = 3600


@dataclass(frozen=True, slots=True)
class Theft:
    """`body`: what each signer is sent as a `typ`."""

    words: str
    typ: str
    body: Callable[[Service], Message]


@dataclass(frozen=True, slots=True)
class Prey:
    """A wallet at its next nonce, somebody whom its owner wants to pay, and what App can read of the house:
    hashes of the policies in force, and documents it would like in their place."""

    record: WalletRecord
    chain_id: int
    nonce: int
    asset: str
    owner: UserKey
    honest: str
    thief: str
    installation: str
    in_force: Mapping[Service, str]
    documents: Mapping[Service, bytes]
    now_s: int

    def intent(self, to: str, units: int) -> Intent:
        """In perfect order, but that nobody asked for it."""
        return Intent(
            intent=IntentId(f"app-{os.urandom(12).hex()}"),
            purpose=Purpose.PAY,
            network=NetworkId(self.record.network),
            source=WalletId(self.record.wallet),
            outputs=(Output(to, Amount(AssetId(self.asset), units)),),
            fee_max=Amount(AssetId(self.asset), _FEE_MAX),
            expires_at_s=self.now_s + _LIFETIME_S,
        )

    def draft(self, to: str, units: int) -> SafeTx:
        safe = self.record.address
        return payouts.pay_native(
            safe=safe, chain_id=self.chain_id, nonce=self.nonce, recipient=to, wei=units
        )


def thefts(prey: Prey) -> list[Theft]:
    """In the order in which they are told. The first lacks a signature, the next three are of people's
    things, six are payments. With the signers' alarm an approval and four intents count."""
    app = DeviceKey(os.urandom(SEED_BYTES))
    wish, another, third = (prey.intent(prey.thief, LARGE) for _ in range(3))
    wanted = prey.intent(prey.honest, SMALL)
    owner, signed = prey.owner.text, _proof(prey.owner, wanted)
    stolen, paid = prey.draft(prey.thief, LARGE), prey.draft(prey.honest, SMALL)

    def edited(words: str, draft: SafeTx) -> Theft:
        return _asking(f"What Ivan signed, {words}", wanted, draft, owner, signed)

    return [
        _asking("0.8 ETH to a thief, unsigned", wish, stolen),
        Theft("A policy of its own, in Kim's name", "orders.v1", lambda one: _policy(prey, app, one)),
        Theft("A key of its own for Ivan's wallet", "wallets.rekey.v1", lambda _: _rekey(prey, app)),
        Theft("An approval in Judy's name", "approvals.v1", lambda _: _approval(prey, app, wish)),
        _asking(
            "With a signature of its own, said to be Ivan's", another, stolen, owner, _proof(app, another)
        ),
        _asking("With Ivan's signature of another payment", third, stolen, owner, signed),
        edited("the draft edited to pay the thief", replace(paid, to=prey.thief)),
        edited("as a delegatecall", replace(paid, operation=DELEGATECALL)),
        edited(
            "with a refund of gas to the thief", replace(paid, gas_price=10**9, refund_receiver=prey.thief)
        ),
        _asking("2 ETH at once", prey.intent(prey.thief, ALL), prey.draft(prey.thief, ALL)),
    ]


def _asking(words: str, intent: Intent, draft: SafeTx, key: str = "", proof: bytes = b"") -> Theft:
    evidence = [EvidenceItem(kind=USER_KIND, key=key, proof=proof)] if key else []
    item = SignItem(intent=intent.encoded(), draft=encode_draft(draft), evidence=evidence)
    return Theft(words, "sign.v1", lambda _: SignRequest(items=[item]))


def _proof(key: UserKey, intent: Intent) -> bytes:
    return proofs.encode(key.prove(approvals.user_challenge(intent.encoded())))


def _policy(prey: Prey, app: UserKey, signer: Service) -> SubmitOrder:
    document = prey.documents[signer]
    details = orderfiles.policy_details(document, signer.value, prey.in_force[signer])
    order = orderfiles.new_order(Action.POLICY_PROPOSE, details, prey.installation, _LIFETIME_S)
    proof = proofs.encode(app.prove(approvals.order_challenge(order.encoded())))
    signed = [OrderProof(administrator="kim", proof=proof)]
    return SubmitOrder(order=order.encoded(), proofs=signed, document=document)


def _rekey(prey: Prey, app: UserKey) -> RekeyWallets:
    wallet = prey.record.wallet
    statement = approvals.rekey_statement(wallet, prey.record.hash(), app.text)
    proof = proofs.encode(app.prove(approvals.rekey_challenge(statement)))
    return RekeyWallets(items=[RekeyItem(wallet=wallet, key=app.text, proof=proof)])


def _approval(prey: Prey, app: UserKey, intent: Intent) -> SubmitApprovals:
    said = Approval(
        decision=Decision.APPROVE,
        intent=intent.hash(),
        effects="00" * 32,
        fee_units_max=_FEE_MAX,
        policies=tuple(sorted(prey.in_force.values())),
        approver="judy",
        reason="known to us",
        expires_at_s=intent.expires_at_s,
    )
    statement = said.encoded()
    proof = app.prove(approvals.approvals_challenge([statement]))
    return SubmitApprovals(items=[proofs.encode(SignedApproval(statement=statement, proof=proof))])
