"""What is known of a network of the Bitcoin family before an installation is made for it.

Laws: limits follow from the network's own row, so that a fork needs none of its own here; a script is one the
network has. Default ports of Bitcoin Core, Litecoin Core, Dogecoin Core and Dash Core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import DECIMALS, Network, Networks, Replacement
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.wallets import profile_of
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId
from keepcool.local import layout
from keepcool.local.plan import AssetPlan, BitcoinPlan, OwnNode, asset_plan
from keepcool.local.process import free_port

_PORTS = {
    "bitcoin": 8332,
    "bitcoin-test": 18332,
    "bitcoin-signet": 38332,
    "bitcoin-regtest": 18443,
    "litecoin": 9332,
    "litecoin-test": 19332,
    "litecoin-regtest": 19443,
    "dogecoin": 22555,
    "dash": 9998,
}
_CAPS = {"BTC": (1, 5, 20), "DOGE": (20_000, 100_000, 400_000)}
_OTHER_CAPS = (100, 500, 2000)  # whole coins per transaction, hour and day
_TEST_COIN_TYPE, _OWN_POLL_MS = 1, 250
_RATES = 500  # times the least rate
_WITHDRAWALS_PER_KVB = 5
_PAYMENTS = 100  # a batch may cost what so many withdrawals may
_SILENT_BLOCKS = 20  # so many blocks' time without one: the node lags
_WITNESS_OUTPUT, _HASH_OUTPUT = bytes(34), b"\xa9" + bytes(22)  # as long as the output scripts are


def is_bitcoin(name: str, known: Networks = SHIPPED) -> bool:
    """Whether a network is called so, or has this CAIP-2 id."""
    return any(name in (row.name, row.id) for row in known)


def bitcoin_plan(
    name: str,
    node_urls: Sequence[str] = (),
    *,
    script: str = "",
    cookies: Sequence[str] = (),
    known: Networks = SHIPPED,
) -> BitcoinPlan:
    """The plan with what is known of a network, by name or id. `script` is p2wsh, p2sh-p2wsh or p2sh; empty
    takes the cheapest the network has. Raises Malformed."""
    row = known.named(name)
    kind = _kind(row, script)
    if cookies and len(cookies) != len(node_urls):
        raise Malformed("init.cookie", "--node-cookie names one file for each --node-url, or none")
    rate = _RATES * row.fee_rate_min
    withdrawal = rate // _WITHDRAWALS_PER_KVB
    live = row.coin_type != _TEST_COIN_TYPE
    return BitcoinPlan(
        id=row.id,
        name=row.name,
        profile=profile_of(kind, pooled=False),
        pool_profile=profile_of(kind, pooled=True),
        node_urls=tuple(node_urls or (f"http://127.0.0.1:{_PORTS.get(row.name, 8332)}",)),
        node_cookies=tuple(cookies),
        assets=(_coin(row, kind),),
        fee_rate_max=rate,
        fee_max_units=_PAYMENTS * withdrawal,
        withdrawal_fee_max_units=withdrawal,
        agree=min(max(len(node_urls), 1), 2),
        tip_age_s_max=_SILENT_BLOCKS * row.block_s if live else 0,
        row=None if row in SHIPPED.rows else plain_row(row),
    )


def plain_row(row: Network) -> dict[str, object]:
    """A network as the `[[network]]` table of a file."""
    told = asdict(row)
    told["replacement"] = row.replacement.value
    told["confirmations"] = [list(one) for one in row.confirmations]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}


def with_own_node(plan: BitcoinPlan, port: int = 0) -> BitcoinPlan:
    """On a node that `keepcool up` runs itself, on this port or a free one; its cookie lies in its folder."""
    node = OwnNode(port or free_port())
    return replace(
        plan,
        own_node=node,
        node_urls=(f"http://127.0.0.1:{node.port}",),
        node_cookies=(str(Path("..") / layout.own_node(plan.name) / layout.OWN_NODE_COOKIE),),
        replacement=Replacement.SIGNALLED.value,
        poll_ms=_OWN_POLL_MS,
    )


def has_own_node(plan: BitcoinPlan) -> bool:
    """Whether `keepcool up` can run a node of this network itself."""
    return plan.row is None and plan.name.endswith("-regtest")


def _kind(row: Network, script: str) -> ScriptKind:
    if not script:
        return row.kinds[0]
    if script not in [kind.value for kind in ScriptKind]:
        names = ", ".join(kind.value for kind in row.kinds)
        raise Malformed("init.script", f"--script {script!r}: {row.name} has {names}")
    kind = ScriptKind(script)
    row.check_kind(kind)
    return kind


def _coin(row: Network, kind: ScriptKind) -> AssetPlan:
    coin = asset_plan(AssetId(row.asset), row.symbol, DECIMALS, _CAPS.get(row.symbol, _OTHER_CAPS))
    output = _WITNESS_OUTPUT if kind is ScriptKind.P2WSH else _HASH_OUTPUT
    least = max(row.fee_rate_min, row.dust_sat(output))
    return replace(coin, deposit_min_units=least)
