"""A policy in plain sentences: what `check-config` and `keepcool policy explain` say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from keepcool.core.ids import AssetId, network_of
from keepcool.policy import explain_people
from keepcool.policy.amounts import decimal
from keepcool.policy.families import call_name
from keepcool.policy.terms import AssetRules, ClassRules, NetworkRules, Policy
from keepcool.policy.wording import duration, listed

_NEVER = (
    "Never signed, whatever the policy says: delegatecalls other than a batch of payments, gas refunds, "
    "changes of owners, threshold, modules or guard, and any call but a plain transfer or a listed token's "
    "transfer (where a network rescues, also another's to its harbor); a wallet paying itself; coins sent "
    "to a listed token's contract."
)
_NEVER_WITHOUT_CONTRACTS = (
    "Never signed on {name}, whatever the policy says: changes of owners or threshold, staking, exchange and "
    "all else that is no payment; a wallet paying itself, or paid before its owners were read from the chain."
)
_NEVER_OF_COINS = (
    "Never signed on {name}, whatever the policy says: a coin, amount or change that whole previous "
    "transactions and the wallet's own keys do not prove; a signature over less than the whole transaction; "
    "a wait for a time; a wallet paying its own first address."
)
_ALWAYS = (
    "An intent is paid at most once: a second transaction for it is signed only when it excludes every "
    "earlier one on the chain.",
    "Nothing is signed for a wallet, network or installation that is frozen.",
)


def sentences(policy: Policy) -> tuple[str, ...]:
    """The whole policy, in the order of the file. Every number in it stands in a sentence."""
    return tuple(_all(policy))


def _all(policy: Policy) -> Iterator[str]:
    yield f"This is policy version {policy.version}, hash {policy.hash}."
    yield f"An intent may live at most {duration(policy.intent_lifetime_s_max)}."
    attesting = listed(service.value.capitalize() for service in policy.attestations)
    yield f"A wallet may pay only when {attesting} attested its address."
    yield _evidence(policy)
    if not policy.networks:
        yield "It names no network, so nothing is signed."
    for network in sorted(policy.networks.values(), key=lambda one: one.network):
        yield from _network(network, policy)
    for name in sorted(policy.classes):
        yield from _class(policy.classes[name], policy)
    yield from explain_people.told(policy)
    yield from _never(policy)
    yield from _ALWAYS


def _never(policy: Policy) -> Iterator[str]:
    coins = sorted(name for name, network in policy.networks.items() if network.coins)
    without = sorted(
        name for name, network in policy.networks.items() if network.calls is not None and not network.coins
    )
    if len(without) + len(coins) < len(policy.networks) or not policy.networks:
        yield _NEVER
    if without:
        yield _NEVER_WITHOUT_CONTRACTS.format(name=listed(without))
    if coins:
        yield _NEVER_OF_COINS.format(name=listed(coins))


def _network(network: NetworkRules, policy: Policy) -> Iterator[str]:
    name, native = network.network, network.native
    pools = "" if network.pool_profile is None else f", pools {network.pool_profile}"
    others = pools + (f", and older ones {listed(network.older_profiles)}" if network.older_profiles else "")
    yield f"On {name} (family {network.family}) wallets are {network.profile}{others}, two of three keys."
    fee = f"{decimal(network.fee_max_units, native.decimals)} {native.symbol}"
    if network.calls is None or network.coins:
        yield f"On {name} an intent may spend at most {fee} on fees."
    else:
        yield f"On {name} an intent may name at most {fee} for fees; what one comes to, the chain decides."
    yield from _drafts(network, policy)
    yield from _purse(network)
    yield from _destinations(network)
    yield from _harbor(network)
    assets = sorted(asset for asset in policy.assets if network_of(asset) == name)
    if not assets:
        yield f"On {name} no asset is listed, so nothing is paid."
    for asset in assets:
        yield _asset(policy.assets[asset])


def _drafts(network: NetworkRules, policy: Policy) -> Iterator[str]:
    """What bounds a draft that pays its own fee; nothing is said where drafts pay none."""
    if network.calls is None:
        return
    if network.coins:
        yield from _coins(network)
        return
    name, calls = network.network, (call_name(network.family, call) for call in network.calls)
    yield (
        f"On {name} wallets do nothing but {listed(calls)}."
        if network.calls
        else (f"On {name} wallets do nothing: the list of calls is empty.")
    )
    coins = (_fee_coin(asset, network, policy) for asset in network.fee_assets)
    yield (
        f"On {name} a wallet pays its own fee in {listed(coins)}, at a rate of at most "
        f"{network.fee_rate_max}, and carries at most {network.data_bytes_max} bytes of other data."
    )
    match network.layout:
        case "children":
            yield f"On {name} each wallet has a cool and a cold key of its own."
        case "shared":
            yield (
                f"On {name} all wallets share one cool and one cold key, and what both sign for one can be "
                "replayed for all: together they sign nothing but payments to the harbor."
            )
        case None:
            yield f"On {name} the policy says nothing of cool and cold keys, so no wallet is made."
        case _ as never:
            assert_never(never)


def _coins(network: NetworkRules) -> Iterator[str]:
    name, symbol = network.network, network.native.symbol
    yield (
        f"On {name} a wallet pays its own fee: at most {network.fee_rate_max} base units of {symbol} per "
        f"1000 virtual bytes, and at most {network.fee_share_max} thousandths of what is moved. Fees count "
        "towards what leaves in an hour and a day."
    )
    back = (
        f"comes back in at most {network.change_max} outputs of the wallet's own"
        if network.change_max
        else "may not come back: only whole coins are paid"
    )
    yield f"On {name} what a payment leaves of its coins {back}."
    yield f"On {name} a transaction carries at most {network.data_bytes_max} bytes of other data."
    yield f"On {name} each wallet has a cool and a cold key of its own."


def _fee_coin(asset: AssetId, network: NetworkRules, policy: Policy) -> str:
    rules = policy.assets.get(asset)
    if asset == network.native.asset:
        return f"{network.native.symbol} ({asset})"
    return asset if rules is None else f"{rules.symbol} ({asset})"


def _harbor(network: NetworkRules) -> Iterator[str]:
    if network.harbor is not None:
        yield (
            f"On {network.network} an evacuation goes to the harbor {network.harbor} and nowhere else;"
            " what is paid there counts in no cap."
        )
        if network.rescue:
            yield f"On {network.network} a token that is not listed may leave a wallet for that harbor alone."
    elif network.layout == "shared":
        yield f"On {network.network} the policy names no harbor, so cool and cold together sign nothing."


def _purse(network: NetworkRules) -> Iterator[str]:
    purse, native = network.purse, network.native
    if network.coins:
        return
    if purse is None:
        yield f"On {network.network} this signer pays no fees: the policy gives it no purse."
        return
    fee, budget = (
        f"{decimal(units, native.decimals)} {native.symbol}"
        for units in (purse.fee_max_units, purse.gas_budget_day_units)
    )
    if network.calls is not None:
        yield (
            f"On {network.network} the purse creates at most {purse.deployments_per_day} wallets a day, "
            f"bound by the same rate and fee assets; each of its transactions counts {fee} of {budget} a day."
        )
        return
    yield (
        f"On {network.network} the purse pays at most {fee} for one transaction and {budget} a day, and "
        f"deploys at most {purse.deployments_per_day} wallets a day."
    )
    if network.pool_profile is not None:
        yield (
            f"On {network.network} it pays as well for bringing listed assets from addresses of a pool that "
            "this signer has derived to the pool's own wallet."
        )


def _destinations(network: NetworkRules) -> Iterator[str]:
    name = network.network
    if network.allow is None:
        yield f"On {name} any address may be paid that is not denied."
    elif not network.allow:
        yield f"On {name} nobody may be paid: the list of allowed destinations is empty."
    else:
        yield f"On {name} only these may be paid: {listed(network.allow)}."
    if network.deny:
        yield f"On {name} never paid: {listed(network.deny)}."


def _asset(rules: AssetRules) -> str:
    transaction, hour, day = (
        f"{decimal(units, rules.decimals)} {rules.symbol}"
        for units in (rules.cap_transaction_units, rules.cap_hour_units, rules.cap_day_units)
    )
    return (
        f"{rules.symbol} ({rules.asset}, {rules.decimals} decimals): at most {transaction} at once, "
        f"{hour} an hour and {day} a day, all wallets together."
    )


def _class(rules: ClassRules, policy: Policy) -> Iterator[str]:
    if rules.allow is not None:
        allowed = f"only {listed(rules.allow)}" if rules.allow else "nobody"
        yield f"Wallets of class {rules.name} pay {allowed}."
    for asset, units in sorted(rules.cap_transaction_units.items()):
        of_all = policy.assets[asset]
        most = f"{decimal(min(units, of_all.cap_transaction_units), of_all.decimals)} {of_all.symbol}"
        yield f"Wallets of class {rules.name} pay at most {most} ({asset}) at once."
    if rules.allow is None and not rules.cap_transaction_units:
        yield f"Wallets of class {rules.name} pay like all others."


def _evidence(policy: Policy) -> str:
    if not policy.evidence_kinds:
        return "No kind of evidence is known: a request that carries any is refused."
    return f"Evidence known: {listed(policy.evidence_kinds)}; any other kind is refused."
