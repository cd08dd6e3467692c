"""What a policy file says of a network that spends coins: read whole, or refused by the key that is wrong."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from keepcool.cli import policy as command
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.ids import NetworkId
from keepcool.policy.document import parse_policy
from keepcool.policy.explain import sentences
from keepcool.policy.families import BITCOIN, FAMILIES
from tests.unit.chains.test_families import FORK
from tests.unit.policy.bitcoin_samples import LITECOIN, LTC, network
from tests.unit.policy.test_document import EXAMPLE, REFERENCE

PAGE = REFERENCE.read_text(encoding="utf-8")
TABLES: str = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[2]
TEXT = EXAMPLE + "\n" + TABLES
POOL_LINE = 'pool_profile = "bip45-pool-p2wsh"\n'


def changed(old: str, new: str) -> bytes:
    """The page's file with its Bitcoin tables changed once."""
    assert TABLES.count(old) >= 1, old
    return (EXAMPLE + "\n" + TABLES.replace(old, new, 1)).encode()


def added(line: str) -> bytes:
    return changed("change_max = 4\n", f"change_max = 4\n{line}\n")


def test_the_documented_tables_are_a_policy_beside_the_others() -> None:
    """What the page shows says what the page says."""
    rules = parse_policy(TEXT.encode()).networks[LITECOIN]
    assert (rules.family, rules.profile, rules.pool_profile) == ("bitcoin", "bip45-p2wsh", "bip45-pool-p2wsh")
    assert rules.profiles == ("bip45-p2wsh", "bip45-pool-p2wsh")
    assert (rules.fee_max_units, rules.fee_rate_max, rules.fee_share_max) == (1_000_000, 500_000, 200)
    assert (rules.change_max, rules.data_bytes_max, rules.coins) == (4, 0, True)
    assert (rules.fee_assets, rules.calls, rules.layout) == (frozenset({LTC}), frozenset(), "children")
    assert rules.purse is None
    assert all(rules.knows(profile) for profile in ("bip45-p2wsh", "bip45-pool-p2wsh"))
    assert not rules.knows("bip45-p2sh")


@pytest.mark.parametrize(
    ("name", "made", "told"),
    [
        ("an unknown key", changed("fee_share_max", "fee_part_max"), "`fee_part_max`"),
        ("no rate", changed("fee_rate_max = 500000\n", ""), "fee_rate_max is missing"),
        ("no share", changed("fee_share_max = 200\n", ""), "fee_share_max is missing"),
        ("a rate of nothing", changed("= 500000\n", "= 0\n"), "between 1 and 10000000000"),
        ("a rate without end", changed("= 500000\n", "= 10000000001\n"), "between 1 and 10000000000"),
        ("a share of nothing", changed("share_max = 200", "share_max = 0"), "between 1 and 1000"),
        ("more than all", changed("share_max = 200", "share_max = 1001"), "between 1 and 1000"),
        ("change below nothing", changed("change_max = 4", "change_max = -1"), "between 0 and 20"),
        ("more change than is proven", changed("change_max = 4", "change_max = 21"), "between 0 and 20"),
        ("too much data", added("data_bytes_max = 100001"), "between 0 and 100000"),
        ("fee assets", added(f'fee_assets = ["{LTC}"]'), "fee_assets is not for family bitcoin"),
        ("calls", added("calls = []"), "calls is not for family bitcoin"),
        ("a layout", added('layout = "shared"'), "layout is not for family bitcoin"),
        (
            "a purse",
            added('purse = { fee_max_units = "1", gas_budget_day_units = "1", deployments_per_day = 1 }'),
            "purse is not for family bitcoin",
        ),
        (
            "a pool's profile for wallets",
            changed('profile = "bip45-p2wsh"', 'profile = "bip45-pool-p2wsh"'),
            "bip45-p2wsh, not",
        ),
        (
            "a wallet's profile for pools",
            changed(POOL_LINE, 'pool_profile = "bip45-p2wsh"\n'),
            "pool_profile: bip45-pool",
        ),
        ("taproot", changed('"bip45-p2wsh"', '"bip45-p2tr"'), "not 'bip45-p2tr'"),
        ("an older one that is none", added('older_profiles = ["p2sh"]'), "not 'p2sh'"),
        ("an older one that is new", added('older_profiles = ["bip45-p2wsh"]'), "stands twice"),
        ("an older one that is the pools'", added('older_profiles = ["bip45-pool-p2wsh"]'), "stands twice"),
        ("another family", changed('family = "bitcoin"', 'family = "evm"'), "no network of family evm"),
        ("half a genesis too short", changed('e98"]', 'e9"]'), "no network of family bitcoin"),
        ("a genesis in capitals", changed(LITECOIN, LITECOIN[:-3] + "E98"), "no network of family"),
        (
            "native of another network",
            changed('{ asset = "bip122:12a7', '{ asset = "bip122:22a7'),
            "native: asset is",
        ),
        ("native by symbol", changed('slip44:2", symbol', 'coin:2", symbol'), "slip44:N"),
        (
            "native decimals",
            changed('symbol = "LTC", decimals = 8', 'symbol = "LTC", decimals = 18'),
            "it has 8 decimals",
        ),
        (
            "another coin",
            changed('slip44:2"]\nsymbol = "LTC"', 'slip44:3"]\nsymbol = "LT3"'),
            "the one coin there is",
        ),
        (
            "a token",
            changed('slip44:2"]\nsymbol = "LTC"', 'erc20:3"]\nsymbol = "LT3"'),
            "named NETWORK/slip44:N",
        ),
        ("coin decimals", changed('"LTC"\ndecimals = 8', '"LTC"\ndecimals = 2'), "8 decimals"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(name: str, made: bytes, told: str) -> None:
    """Nothing is ignored or defaulted: the error names the key and what it must be."""
    with pytest.raises(Malformed) as caught:
        parse_policy(made)
    assert told in caught.value.public, (name, caught.value.public)


@pytest.mark.parametrize(
    "made",
    [
        TEXT.encode(),
        changed("= 500000\n", "= 10000000000\n"),
        changed("share_max = 200", "share_max = 1000"),
        changed("share_max = 200", "share_max = 1"),
        changed("change_max = 4", "change_max = 20"),
        changed("change_max = 4\n", ""),
        changed(POOL_LINE, ""),
        added("data_bytes_max = 100000"),
        added('older_profiles = ["bip45-p2sh", "bip45-pool-p2sh-p2wsh"]'),
    ],
)
def test_limits_include_themselves(made: bytes) -> None:
    """The twins of what is refused one step further."""
    rules = parse_policy(made).networks[LITECOIN]
    assert rules.coins
    assert rules.data_bytes_max in (0, 100_000)


def test_what_is_left_out_allows_nothing() -> None:
    """No change, no pools, no data, unless the file says so."""
    text = TABLES.replace("change_max = 4\n", "").replace(POOL_LINE, "")
    rules = parse_policy((EXAMPLE + "\n" + text).encode()).networks[LITECOIN]
    assert (rules.change_max, rules.pool_profile, rules.data_bytes_max) == (0, None, 0)


@pytest.mark.parametrize("line", ["fee_share_max = 5", "change_max = 1", 'pool_profile = "bip45-pool-p2sh"'])
@pytest.mark.parametrize("family", ["evm", "minter"])
def test_other_families_cannot_state_what_is_of_coins(line: str, family: str) -> None:
    """A key that would bound nothing there is an error, not a comfort."""
    minter = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]
    text = (EXAMPLE + "\n" + minter).replace(f'family = "{family}"\n', f'family = "{family}"\n{line}\n', 1)
    with pytest.raises(Malformed, match=f"is not for family {family}"):
        parse_policy(text.encode())


def test_any_genesis_is_a_network() -> None:
    """A fork needs no code here: whatever CAIP-2 name of the namespace."""
    pattern = FAMILIES["bitcoin"].network
    assert pattern.fullmatch("bip122:" + "0123456789abcdef" * 2)
    fork = "bip122:" + "ab" * 16
    rules = parse_policy((EXAMPLE + "\n" + TABLES.replace(LITECOIN, fork)).encode()).networks
    assert NetworkId(fork) in rules


def test_the_tables_are_told_whole() -> None:
    """Every limit of the page's network stands in a sentence."""
    told = "\n".join(sentences(parse_policy(TEXT.encode())))
    for words in (
        f"On {LITECOIN} (family bitcoin) wallets are bip45-p2wsh, pools bip45-pool-p2wsh, two of three keys.",
        "an intent may spend at most 0.01 LTC on fees",
        "at most 500000 base units of LTC per 1000 virtual bytes",
        "and at most 200 thousandths of what is moved",
        "Fees count towards what leaves in an hour and a day.",
        "comes back in at most 4 outputs of the wallet's own",
        "carries at most 0 bytes of other data",
        f"On {LITECOIN} each wallet has a cool and a cold key of its own.",
        "at most 100 LTC at once, 500 LTC an hour and 2000 LTC a day",
        f"Never signed on {LITECOIN}, whatever the policy says: a coin, amount or change that",
        "Never signed, whatever the policy says: delegatecalls",
    ):
        assert words in told
    assert f"On {LITECOIN} this signer pays no fees" not in told
    assert f"On {LITECOIN} wallets do nothing" not in told


def test_what_is_missing_is_told_too() -> None:
    """No change, no pools: said, not left to be inferred; and nothing of contracts."""
    told = "\n".join(sentences(network(change_max=0, pool_profile=None)))
    assert "may not come back: only whole coins are paid" in told
    assert "pools" not in told
    assert "delegatecalls" not in told
    assert "changes of owners" not in told


def test_an_unknown_family_is_told_those_that_are_known() -> None:
    """Three families, by name."""
    with pytest.raises(KeepcoolError, match="bitcoin or evm or minter"):
        parse_policy(changed('family = "bitcoin"', 'family = "bitcorn"'))
    assert not BITCOIN.calls


def explained(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    parsed = parser.parse_args(["policy", "explain", *map(str, arguments)])
    return int(parsed.run(parsed))


def test_the_page_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Networks, profiles and addresses are ones this release knows."""
    file = tmp_path / "policy.toml"
    file.write_bytes(TEXT.encode())
    assert explained(file) == 0
    assert "pools bip45-pool-p2wsh" in capsys.readouterr().out


def test_a_fork_is_explained_with_its_row_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A network of one's own needs the file of networks; a script it does not enforce is refused."""
    file, networks = tmp_path / "policy.toml", tmp_path / "networks.toml"
    file.write_text(EXAMPLE + "\n" + TABLES.replace(LITECOIN, "bip122:" + "ab" * 16))
    networks.write_bytes(FORK)
    assert explained(file, "--networks", networks) == 0
    assert f"On bip122:{'ab' * 16} (family bitcoin)" in capsys.readouterr().out
    with pytest.raises(Malformed, match="no row describes"):
        explained(file)
    networks.write_bytes(FORK.replace(b'hrp = "myc"', b'hrp = ""'))
    with pytest.raises(Malformed, match="has no p2wsh"):
        explained(file, "--networks", networks)
