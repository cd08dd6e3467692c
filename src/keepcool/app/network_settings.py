"""What App's TOML says of each network, by its family: frozen values. Unknown keys are errors; units stand in
the names. `networks.py` has their bounds.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from keepcool.chains.bitcoin.networks import Replacement
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.evm.profiles import pool_profile
from keepcool.chains.minter.wallets import PROFILE
from keepcool.ports.settings import Settings

BIP45 = "bip45-"


class AssetSettings(Settings, frozen=True):
    """What may be deposited and paid."""

    id: str
    """CAIP-19 name."""
    symbol: str
    """As people read it."""
    decimals: int
    """0 to 77."""
    deposit_min: str = "1"
    """Base units: less is dust, which is booked and shown, and the owner's once an operator credits it."""
    withdrawal_min: str = "1"
    """Base units: the least that one recipient is paid."""
    withdrawal_max: str = ""
    """Base units: the most one withdrawal may be; empty: only what signers' policies say."""
    sweep_min: str = ""
    """Base units: less stays at an address of an EVM pool until more is there, or payments need it; empty:
    `deposit_min`."""

    @property
    def least_swept(self) -> str:
        return self.sweep_min or self.deposit_min


class FeeSettings(Settings, frozen=True):
    """Bounds in wei, as decimal strings."""

    withdrawal_fee_max: str = "50000000000000000"
    """The most one withdrawal may cost the purse, deployment of its wallet included."""
    fee_per_gas_max: str = "500000000000"
    """The highest maxFeePerGas ever offered."""
    priority_fee_per_gas: str = "1000000000"
    """The tip."""
    bump_after_s: int = 45
    """A transaction that waits longer is raised."""
    batch_max: int = 100
    """Payments of one wallet or treasury that share a transaction at most; 1: each has its own."""
    batch_wait_s: float = 0.0
    """So long the first waits for others; what waits anyway, because one transaction goes at a time, is paid
    together in any case."""
    intent_lifetime_s: int = 7200
    """So long an intent may be signed after it was made."""


class MinterFeeSettings(Settings, frozen=True):
    """Fees in pip of the network's own coin, paid by the wallet itself."""

    withdrawal_fee_max: str = "100000000000000000000"
    """The most one withdrawal may cost its wallet: held beside its amount, the rest given back."""
    gas_price: int = 1
    """Multiplies the chain's fees."""
    gas_price_max: int = 10
    """It rises so far when nodes ask for more."""
    intent_lifetime_s: int = 7200
    """So long an intent may be signed after it was made."""


class BitcoinFeeSettings(Settings, frozen=True):
    """Fees in satoshi, paid by the wallet itself; rates in satoshi per 1000 virtual bytes."""

    withdrawal_fee_max: str = "100000"
    """The most one withdrawal may cost its wallet, held beside its amount."""
    fee_rate_max: int = 500_000
    """Never gone beyond."""
    fee_rate_fallback: int = 0
    """Taken where nodes know none; 0: the network's floor."""
    target_blocks: int = 3
    """Within how many blocks a payment shall be mined."""
    rungs: int = 3
    """How many fees one payment may climb, each signed beforehand."""
    batch_s: float = 0.0
    """Withdrawals that come within so long of one another share a transaction."""
    batch_outputs_max: int = 100
    """Payments one transaction holds at most."""
    intent_lifetime_s: int = 86_400
    """So long an intent may be signed after it was made."""
    bump_after_s: int = 1_800
    """A payment that waits longer takes its next rung."""
    fee_rate_long_term: int = 0
    """What spending a coin costs on a good day; 0: the fallback, or the floor."""
    gather_coins: int = 0
    """A source of so many coins has its small ones made into few, at that rate; 0: never."""


class _Network(Settings, frozen=True, kw_only=True, tag_field="family"):
    """What every chain has."""

    name: str
    """As people call it."""
    node_urls: list[str]
    """Nodes to ask; the first is written to."""
    assets: list[AssetSettings]
    """What is credited and paid."""
    poll_ms: int = 1000
    """How often nodes are asked for news."""
    node_timeout_s: float = 10.0
    """How long one answer may take."""
    tip_age_s_max: int = 0
    """A newest block older than this means that the node lags; 0 where blocks come only with transactions."""
    start_block: int = 0
    """Where reading begins; 0: near the newest block, because no wallet is older than its App."""


class MinterSettings(_Network, frozen=True, kw_only=True, tag="minter"):
    """A Minter network."""

    agree: int = 0
    """How many nodes must say the same; 0 is two where there are two."""
    chain_name: str = ""
    """What the nodes call a chain of one's own."""
    spares: int = 20
    """Wallets kept made ahead."""
    address_again: bool = True
    """A recipient is asked for twice, because addresses have no checksum; false where policies list whom they
    pay."""
    fees: MinterFeeSettings = MinterFeeSettings()
    """What withdrawals may cost."""

    @property
    def profile(self) -> str:
        return PROFILE


class SweepSettings(Settings, frozen=True):
    """Of addresses of pools of an EVM chain."""

    batch_max: int = 50
    """Addresses that one transaction sweeps at most, 1 to 100."""
    wait_s: int = 900
    """So long the first of them waits for others; less when payments wait for the treasury."""
    worth: int = 20
    """Coins of the network are swept when they are so many times what sweeping them costs."""


class EvmSettings(_Network, frozen=True, kw_only=True, tag="evm"):
    """An EVM chain."""

    profile: str
    """Safe contracts of new wallets, such as `safe-1.5.0-l1`."""
    crediting: Literal["finalized", "depth"] = "finalized"
    """What is waited for: the finalized block, or a depth."""
    depth_blocks: int = 0
    """Belongs to `crediting = "depth"`."""
    fees: FeeSettings = FeeSettings()
    """What withdrawals may cost."""
    pool: bool = False
    """New users get addresses of a pool of the same contracts, unless a request says otherwise."""
    stock: int = 200
    """Addresses of each pool kept attested ahead."""
    sweep: SweepSettings = SweepSettings()
    """When what lies at addresses of a pool is brought to its treasury."""

    @property
    def pool_profile(self) -> str:
        return pool_profile(self.profile)


class BitcoinSettings(_Network, frozen=True, kw_only=True, tag="bitcoin"):
    """A chain of the Bitcoin family."""

    profile: str
    """Of new users' own wallets: `bip45-` and the script."""
    pool: bool = False
    """New users get addresses of a pool of that script instead, unless a request says otherwise."""
    stock: int = 200
    """Addresses of each pool kept attested ahead."""
    agree: int = 0
    """How many nodes must say the same; 0 is two where there are two."""
    node_cookies: tuple[str, ...] = ()
    """Files of `user:password`, one for each node, or none."""
    confirmations: tuple[tuple[int, int], ...] = ()
    """`[from this many satoshi, so deep]`, instead of the network's own."""
    replacement: Replacement | None = None
    """Whether nodes replace a transaction by a dearer one, instead of the network's own."""
    row: dict[str, object] | None = None
    """The network as data, under the names of a `[[network]]` table, where this release ships none."""
    zmq_urls: tuple[str, ...] = ()
    """Where nodes announce blocks or transactions (`tcp://host:port`): App looks at once."""
    filters: bool = True
    """Whether old blocks may be passed over for what nodes' block filters say, when App is far behind."""
    fees: BitcoinFeeSettings = BitcoinFeeSettings()
    """What withdrawals may cost."""

    @property
    def nodes(self) -> list[tuple[str, str]]:
        """Each node's URL and its file of `user:password`, empty where there is none."""
        return list(zip(self.node_urls, self.node_cookies or ("",) * len(self.node_urls), strict=True))

    @property
    def kind(self) -> ScriptKind:
        """The script of new wallets. Raises ValueError on a profile that names none."""
        return ScriptKind(self.profile.removeprefix(BIP45))

    @property
    def pool_profile(self) -> str:
        return f"{BIP45}pool-{self.kind}"


NetworkSettings: TypeAlias = EvmSettings | MinterSettings | BitcoinSettings
