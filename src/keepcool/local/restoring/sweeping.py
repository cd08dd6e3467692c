"""Everything that was found, paid to one address: unsigned drafts made, signed ones judged and finished.

Laws: a draft spends coins of one wallet and pays one output, nothing else; its fee is bounded when it is
made and again when it comes back signed; whoever signs judges the same bytes; two valid signatures of two
keys for every input, or nothing is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from keepcool.chains.bitcoin.address import parse_address as script_of
from keepcool.chains.bitcoin.address import parse_recipient
from keepcool.chains.bitcoin.building import Built, Source, build
from keepcool.chains.bitcoin.coins import Coin, Origin, shape_of
from keepcool.chains.bitcoin.combining import Checker, Final, carried, combine
from keepcool.chains.bitcoin.gathering import sweep
from keepcool.chains.bitcoin.goals import ChangePlan, Goal, Selection
from keepcool.chains.bitcoin.limits import Limits
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.ownership import Owned, own_of, owned_at
from keepcool.chains.bitcoin.proving import Proven, prove
from keepcool.chains.bitcoin.restoring import Backup
from keepcool.chains.bitcoin.transaction import Outpoint, encode
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.local.restoring.scanning import tracks_of
from keepcool.local.restoring.store import FoundCoin, Store
from keepcool.ports.system import Entropy

_SHARE_MAX = 1_000  # thousandths: what is worth less than its fee is not swept in the first place
_Offered: TypeAlias = tuple[Coin, Source]


@dataclass(frozen=True, slots=True)
class Terms:
    """Where everything goes ("harbor" for the file's), the rate, and the highest that is ever paid, per 1000
    virtual bytes."""

    to: str
    fee_rate: int
    fee_rate_max: int

    @property
    def fee_sat_max(self) -> int:
        """Of the largest transaction that nodes relay."""
        return self.fee_rate_max * 100


@dataclass(frozen=True, slots=True)
class Draft:
    """One unsigned sweep. `number` counts those of its wallet."""

    wallet: str
    number: int
    built: Built
    selection: Selection


@dataclass(frozen=True, slots=True)
class Left:
    """Coins that no draft takes, and why."""

    wallet: str
    coins: int
    amount_sat: int
    why: str


def destination(backup: Backup, to: str) -> str:
    """The address itself, or that of the file for "harbor". Raises Malformed."""
    if to == "harbor":
        if not backup.harbor:
            raise Malformed("restore.harbor", "the descriptors file names no harbor; give an address")
        return backup.harbor
    return parse_recipient(backup.network, to, SHIPPED)


def drafts(
    backup: Backup, store: Store, terms: Terms, tip_height: int, entropy: Entropy
) -> tuple[list[Draft], list[Left]]:
    """Raises Refused when the rate is above its bound, Malformed on an address that is none."""
    to = destination(backup, terms.to)
    if terms.fee_rate > terms.fee_rate_max:
        raise Refused(
            "restore.fee_rate",
            f"the rate would be {terms.fee_rate} per 1000 vB and at most {terms.fee_rate_max} is allowed: "
            "wait, or raise --fee-rate-max",
        )
    making = _Making(backup.network, terms, script_of(backup.network, to), tip_height, entropy)
    offers: dict[int, list[_Offered]] = {}
    tracks = tracks_of(backup)
    for one in store.coins():
        track = tracks[one.track]
        descriptor = backup.wallets[track.wallet].descriptors[track.descriptor]
        owned = owned_at(descriptor, track.choice, one.index)
        offer = _coin(one, owned, tip_height), Source(owned, store.raw(one.txid))
        offers.setdefault(track.wallet, []).append(offer)
    for number, offered in sorted(offers.items()):
        making.wallet(backup.wallets[number].name, offered)
    return making.made, making.left


def finished(
    signed: Sequence[bytes], backup: Backup, terms: Terms, tip_height: int, checker: Checker
) -> list[Final]:
    """`signed`: PSBTs of the drafts, each signed by one key or more, in any order. Raises what is wrong with
    the first that cannot be sent; nothing is finished then."""
    own, to = own_of(backup.descriptors()), destination(backup, terms.to)
    limits = _limits(terms, tip_height)
    by_tx: dict[bytes, list[Proven]] = {}
    for raw in signed:
        proven = prove(raw, own, backup.network, limits)
        _check_sweep(proven, to)
        by_tx.setdefault(encode(proven.tx), []).append(proven)
    return [combine(group[0], carried(group), checker) for group in by_tx.values()]


class _Making:
    """The drafts of one sweep, wallet by wallet."""

    def __init__(
        self, network: Network, terms: Terms, script_pubkey: bytes, tip_height: int, entropy: Entropy
    ) -> None:
        self._network, self._terms, self._script = network, terms, script_pubkey
        self._tip_height, self._entropy = tip_height, entropy
        self.made: list[Draft] = []
        self.left: list[Left] = []

    def wallet(self, name: str, offered: Sequence[_Offered]) -> None:
        sources = {coin.outpoint: source for coin, source in offered}
        coins = {coin.outpoint: coin for coin, _ in offered}
        number = 0
        while coins:
            try:
                found = sweep(list(coins.values()), self._goal(offered[0][0]), self._script)
            except Conflict as error:
                held = sum(coin.amount_sat for coin in coins.values())
                self.left.append(Left(name, len(coins), held, error.public))
                return
            number += 1
            built = build(
                found, sources, (), network=self._network, tip_height=self._tip_height, entropy=self._entropy
            )
            self.made.append(Draft(name, number, built, found))
            for coin in found.coins:
                del coins[coin.outpoint]

    def _goal(self, coin: Coin) -> Goal:
        rate = max(self._terms.fee_rate, self._network.fee_rate_min)
        return Goal(
            network=self._network,
            outputs=(),
            fee_rate=rate,
            long_term_rate=rate,
            change=ChangePlan(coin.shape),
            fee_sat_max=self._terms.fee_sat_max,
            grind_rate=rate + 1,
        )


def _coin(one: FoundCoin, owned: Owned, tip_height: int) -> Coin:
    # Whoever paid it in: it lies in a block, and nobody is credited for it here.
    origin = Origin.MINED if one.coinbase else Origin.CHANGE
    outpoint = Outpoint(bytes.fromhex(one.txid)[::-1], one.vout)
    return Coin(outpoint, one.amount_sat, shape_of(owned), tip_height - one.height + 1, origin)


def _check_sweep(proven: Proven, to: str) -> None:
    others = sorted({one.recipient for one in proven.outputs} - {to})
    if others or len(proven.outputs) != 1:
        raise Refused("restore.recipient", f"this draft pays {', '.join(others) or 'twice'}, not {to} alone")


def _limits(terms: Terms, tip_height: int) -> Limits:
    return Limits(
        fee_sat_max=terms.fee_sat_max,
        fee_rate_max=terms.fee_rate_max,
        fee_share_max=_SHARE_MAX,
        locktime_max=tip_height,
        own_receiving=True,
    )
