"""docs/reference/bitcoin-networks.md, drawn from the table of networks. A test keeps the page fresh."""

from __future__ import annotations

from collections.abc import Sequence

from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import Network, Replacement, described

_OPENING = """# Networks of the Bitcoin family

Drawn from `src/keepcool/chains/bitcoin/network_table.py`;
`python -m keepcool.chains.bitcoin.network_reference` draws it again. How to add a fork without touching code
stands in [running Bitcoin and its forks](../operate/bitcoin.md#a-fork-that-is-not-shipped).

"""
_ADDRESSES = ("network", "id (CAIP-2)", "coin", "addresses: P2SH, P2PKH versions, hrp", "key versions")
_HABITS = (
    "network", "scripts, cheapest first", "least fee rate, step", "dust rate, floor",
    "credited at a depth of, by amount in coins", "mined coins wait", "a payment that is stuck",
)  # fmt: skip
_RATES = "Rates are in the coin's smallest unit per 1000 virtual bytes, as nodes state them."


def page() -> str:
    """The whole page, Markdown with two tables."""
    known = [_addresses(row) for row in SHIPPED]
    habits = [_habits(row) for row in SHIPPED]
    return (
        f"{_OPENING}## Names and addresses\n\n{_table(_ADDRESSES, known)}\n\n"
        f"## Habits\n\n{_RATES}\n\n{_table(_HABITS, habits)}\n"
    )


def _addresses(row: Network) -> list[str]:
    hrp = f"`{row.hrp}1…`" if row.hrp else "no segregated witness"
    p2sh, p2pkh = (", ".join(f"0x{one:02x}" for one in versions) for versions in (row.p2sh, row.p2pkh))
    return [
        f"`{row.name}`",
        f"`{row.id}`",
        f"{row.symbol}, SLIP-44 {row.coin_type}",
        f"{p2sh}; {p2pkh}; {hrp}",
        ", ".join(f"`{one}`" for one in row.key_versions),
    ]


def _habits(row: Network) -> list[str]:
    depths = ", ".join(f"{depth} from {_coins(start)}" for start, depth in row.confirmations)
    return [
        f"`{row.name}`",
        ", ".join(kind.value for kind in row.kinds),
        f"{row.fee_rate_min}, {row.fee_rate_step}",
        f"{row.dust_rate}, {row.dust_floor}",
        depths,
        f"{row.coinbase_maturity} blocks of {row.block_s} s",
        _stuck(row),
    ]


def _stuck(row: Network) -> str:
    if row.replacement is Replacement.NONE and not row.hrp:
        return "wait for a block; nodes there do not replace, and old-style change is spent in blocks only"
    return described(row.replacement)


def _coins(sat: int) -> str:
    """Whole coins, without a float and without zeros at the end."""
    whole, rest = divmod(sat, 10**8)
    return f"{whole}.{rest:08d}".rstrip("0").rstrip(".")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(heads), *lines[1:]])


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
