"""What somebody holds in hand (a SafeTx as JSON, call data, a raw transaction), read by the signers' decoder.

Laws: what is stated beside the bytes (a hash, a chain, a nonce) is checked against them, never believed;
bytes that are not understood raise Malformed, what stays opaque inside is named by `undecoded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keepcool.chains.evm import execution, purse, transaction, wallets
from keepcool.chains.evm.address import signer_of
from keepcool.chains.evm.decode import decode_account_tx, decode_safe_tx, opaque
from keepcool.chains.evm.profiles import PROFILES, SafeProfile
from keepcool.chains.evm.purse import DeploySafe
from keepcool.chains.evm.safe import SafeTx, safe_tx_hash
from keepcool.chains.evm.stated import StatedSafeTx, parse_hex, parse_stated
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.effects import Effects, Hazard
from keepcool.core.errors import Malformed


@dataclass(frozen=True, slots=True)
class Hints:
    """What the bytes may leave out, from whoever asks; None where nothing was said."""

    safe: str | None = None
    chain_id: int | None = None
    safe_nonce: int | None = None
    profile: SafeProfile | None = None


@dataclass(frozen=True, slots=True)
class Carrier:
    """The plain account's transaction that carries a call. `sender` and `hash` are None while unsigned."""

    tx: Transaction
    sender: str | None
    hash: bytes | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """`effects` of the SafeTx where there is one, else of the carrying transaction."""

    kind: str
    effects: Effects
    safe_tx: SafeTx | None = None
    signers: tuple[str, ...] = ()
    carrier: Carrier | None = None
    deployment: DeploySafe | None = None

    @property
    def safe_tx_hash(self) -> bytes | None:
        return None if self.safe_tx is None else safe_tx_hash(self.safe_tx)

    @property
    def undecoded(self) -> tuple[Hazard, ...]:
        return opaque(self.effects)


def inspect(text: str, hints: Hints) -> Inspection:
    """Reads JSON of a SafeTx, or hex of call data or of a type-2 transaction. Raises Malformed."""
    if text.lstrip().startswith("{"):
        return _of_stated(parse_stated(text), hints)
    data = parse_hex(text.strip())
    if data[:4] == execution.EXEC:
        return _of_call_data(data, hints)
    if data[:1] == transaction.TYPE_BYTE:
        return _of_transaction(data, hints)
    raise Malformed(
        "inspect.input",
        "this is neither the JSON of a SafeTx, nor call data of execTransaction (0x6a761202…), nor an "
        "EIP-1559 transaction (0x02…)",
    )


def _of_stated(stated: StatedSafeTx, hints: Hints) -> Inspection:
    tx = stated.tx
    _agree("chain id", tx.chain_id, hints.chain_id)
    _agree("Safe", tx.safe, hints.safe)
    _agree("Safe nonce", tx.nonce, hints.safe_nonce)
    found = {signer_of(safe_tx_hash(tx), signature) for signature in stated.signatures}
    signers = tuple(sorted(found, key=lambda address: int(address, 16)))
    return Inspection("safe_tx", decode_safe_tx(tx, _profile(tx.to, hints)), tx, signers)


def _of_call_data(data: bytes, hints: Hints) -> Inspection:
    if hints.safe is None or hints.chain_id is None:
        raise Malformed("inspect.place", "call data names neither Safe nor chain: add --safe and --chain-id")
    return _of_execution(data, hints.safe, hints.chain_id, hints)


def _of_execution(data: bytes, safe: str, chain_id: int, hints: Hints) -> Inspection:
    if hints.safe_nonce is None:
        raise Malformed("inspect.nonce", "execTransaction carries no Safe nonce: add --safe-nonce")
    read = execution.parse_execution(data)
    tx = read.at(safe, chain_id, hints.safe_nonce)
    signers = execution.signers(tx, read.signatures)
    return Inspection("execution", decode_safe_tx(tx, _profile(tx.to, hints)), tx, signers)


def _of_transaction(raw: bytes, hints: Hints) -> Inspection:
    carrier = _carrier(raw)
    tx = carrier.tx
    _agree("chain id", tx.chain_id, hints.chain_id)
    if tx.data[:4] == execution.EXEC:
        _agree("Safe", tx.to, hints.safe)
        inner = _of_execution(tx.data, tx.to, tx.chain_id, hints)
        return replace(inner, carrier=carrier, effects=_with_value(inner.effects, tx))
    effects = decode_account_tx(tx, carrier.sender or "")
    deployment = _deployment(tx, _profiles(hints))
    if deployment is None:
        return Inspection("transaction", effects, carrier=carrier)
    plain = replace(effects, hazards=())
    return Inspection("deployment", plain, carrier=carrier, deployment=deployment)


def _carrier(raw: bytes) -> Carrier:
    if not transaction.is_signed(raw):
        return Carrier(transaction.parse_unsigned(raw), None, None)
    tx, sender = transaction.parse_signed(raw)
    return Carrier(tx, sender, transaction.transaction_hash(raw))


def _deployment(tx: Transaction, profiles: Sequence[SafeProfile]) -> DeploySafe | None:
    """The Safe this creates, when it calls a known profile's factory and sends nothing along."""
    known = any(profile.factory.address == tx.to for profile in profiles)
    if not known or tx.value or tx.data[:4] != wallets.CREATE_PROXY:
        return None
    action = purse.decode_purse(tx, "", profiles)
    return action if isinstance(action, DeploySafe) else None


def _with_value(effects: Effects, tx: Transaction) -> Effects:
    if not tx.value:
        return effects
    hazard = Hazard("transaction.value", f"the carrying transaction also pays {tx.value} wei into the Safe")
    return replace(effects, hazards=(*effects.hazards, hazard))


def _profiles(hints: Hints) -> Sequence[SafeProfile]:
    return PROFILES if hints.profile is None else (hints.profile,)


def _profile(to: str, hints: Hints) -> SafeProfile:
    """The profile asked for; else the one whose batch contract is called, else the newest."""
    profiles = _profiles(hints)
    return next((one for one in profiles if one.multisend_call_only.address == to), profiles[0])


def _agree(what: str, stated: int | str, hinted: int | str | None) -> None:
    if hinted is not None and hinted != stated:
        raise Malformed(
            "inspect.disagrees", f"the {what} in the bytes is {stated}, not {hinted} as given beside them"
        )
