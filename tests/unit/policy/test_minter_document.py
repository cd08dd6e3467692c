"""What a policy file says of a Minter network: read whole, or refused by the key that is wrong."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.ids import AssetId, NetworkId
from keepcool.policy.document import parse_policy
from keepcool.policy.explain import sentences
from keepcool.policy.families import FAMILIES, call_name
from keepcool.policy.rules import ALL
from keepcool.policy.spelling import check_spelling
from tests.unit.policy.minter_samples import BIP, MINTER, USDTE, WALLET, network
from tests.unit.policy.test_document import EXAMPLE, REFERENCE

PAGE = REFERENCE.read_text(encoding="utf-8")
TABLES: str = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]
TEXT = EXAMPLE + "\n" + TABLES
HARBOR_LINE = f'harbor = "{WALLET}"\n'


def changed(old: str, new: str) -> bytes:
    """The page's file with its Minter tables changed once."""
    assert TABLES.count(old) >= 1, old
    return (EXAMPLE + "\n" + TABLES.replace(old, new, 1)).encode()


def test_the_documented_tables_are_a_policy_beside_the_others() -> None:
    """What the page shows says what the page says, and leaves the EVM network as it was."""
    policy = parse_policy(TEXT.encode())
    rules = policy.networks[MINTER]
    assert (rules.family, rules.profile, rules.layout) == ("minter", "multisig-v2", "children")
    assert (rules.fee_rate_max, rules.fee_assets, rules.data_bytes_max) == (5, frozenset({BIP}), 0)
    assert rules.calls == frozenset({"0x01", "0x0d"})
    assert (rules.harbor, rules.native.asset, rules.native.symbol) == (WALLET, BIP, "BIP")
    assert rules.purse is not None
    assert (rules.purse.deployments_per_day, rules.purse.fee_max_units) == (100, 10**21)
    assert policy.assets[USDTE].cap_day_units == 2 * 10**23
    alone = parse_policy(EXAMPLE.encode())
    mainnet = NetworkId("eip155:1")
    assert policy.networks[mainnet] == alone.networks[mainnet]
    assert set(policy.assets) == set(alone.assets) | {BIP, USDTE}


def test_an_evm_network_states_none_of_it() -> None:
    """What a Safe's policy never said is what denies: no rate, no fee asset, no data, no list of calls."""
    rules = parse_policy(EXAMPLE.encode()).networks[NetworkId("eip155:1")]
    stated = (rules.fee_rate_max, rules.fee_assets, rules.data_bytes_max, rules.calls, rules.layout)
    assert stated == (None, frozenset(), 0, None, None)
    assert rules.harbor is None


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("an unknown key", "fee_rate_max", "gas_price_max", "`gas_price_max`"),
        ("no rate", "fee_rate_max = 5\n", "", "fee_rate_max is missing"),
        ("no fee asset", 'fee_assets = ["minter:1/coin:0"]\n', "", "fee_assets is missing"),
        ("no calls", 'calls = ["0x01", "0x0d"]\n', "", "calls is missing"),
        ("no layout", 'layout = "children"\n', "", "layout is missing"),
        ("an unknown layout", '= "children"', '= "siblings"', "layout"),
        ("a rate of nothing", "fee_rate_max = 5", "fee_rate_max = 0", "between 1 and 4294967295"),
        ("a rate no draft can say", "rate_max = 5", "rate_max = 4294967296", "between 1 and 4294967295"),
        ("a rate as text", "rate_max = 5", 'rate_max = "5"', "fee_rate_max"),
        ("fees in nothing", '["minter:1/coin:0"]', "[]", "pays its fee in something"),
        ("fees in one coin twice", '["minter:1/coin:0"]', '["minter:1/coin:0", "minter:1/coin:0"]', "twice"),
        ("fees in an unlisted coin", '["minter:1/coin:0"]', '["minter:1/coin:7"]', "neither native nor"),
        ("fees in another network's", '["minter:1/coin:0"]', '["eip155:1/slip44:60"]', "neither native nor"),
        ("fees in no asset", '["minter:1/coin:0"]', '["BIP"]', "asset (CAIP-19)"),
        ("too much data", "data_bytes_max = 0", "data_bytes_max = 10129", "between 0 and 10128"),
        ("data below nothing", "data_bytes_max = 0", "data_bytes_max = -1", "between 0 and 10128"),
        ("a change of owners", '"0x0d"]', '"0x12"]', "'0x12' cannot"),
        ("a selector in capitals", '"0x0d"]', '"0x0D"]', "'0x0D' cannot"),
        ("a call twice", '"0x0d"]', '"0x01"]', "stands twice"),
        ("another kind of wallet", '"multisig-v2"', '"multisig-v1"', "multisig-v2, not 'multisig-v1'"),
        ("an EVM profile", '"multisig-v2"', '"safe-1.5.0-l1"', "multisig-v2, not"),
        ("a profile with a tail", '"multisig-v2"', f'"multisig-v2:{WALLET}:1"', "multisig-v2, not"),
        ("another family", 'family = "minter"', 'family = "evm"', "no network of family evm"),
        ("an unknown family", 'family = "minter"', 'family = "minted"', "evm or minter, not 'minted'"),
        ("a chain id of nothing", 'networks."minter:1"]', 'networks."minter:0"]', "no network of family"),
        ("a chain id beyond a byte", 'networks."minter:1"]', 'networks."minter:256"]', "no network of"),
        ("a chain id written twice", 'networks."minter:1"]', 'networks."minter:01"]', "no network of family"),
        ("a native of another coin", 'asset = "minter:1/coin:0"', 'asset = "minter:1/coin:1"', "coin:0"),
        ("native decimals", '"BIP", decimals = 18', '"BIP", decimals = 8', "it has 18 decimals"),
        ("coin decimals", 'symbol = "USDTE"\ndecimals = 18', 'symbol = "USDTE"\ndecimals = 6', "18 decimals"),
        ("a coin by symbol", "coin:1993", "coin:USDTE", "named NETWORK/coin:ID"),
        ("a coin with a zero before", "coin:1993", "coin:01993", "named NETWORK/coin:ID"),
        ("a coin beyond 32 bits", "coin:1993", "coin:4294967296", "named NETWORK/coin:ID"),
        ("a coin that is a token", "coin:1993", "erc20:1993", "named NETWORK/coin:ID"),
        ("a harbor with a space", WALLET, WALLET + " ", "not a valid name"),
        (
            "a harbor that is denied",
            HARBOR_LINE,
            f'{HARBOR_LINE}destinations = {{ deny = ["{WALLET.upper()}"] }}\n',
            "among the denied",
        ),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(name: str, old: str, new: str, told: str) -> None:
    """Nothing is ignored or defaulted: the error names the key and what it must be."""
    with pytest.raises(Malformed) as caught:
        parse_policy(changed(old, new))
    assert told in caught.value.public, (name, caught.value.public)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("as it stands", "fee_rate_max = 5", "fee_rate_max = 5"),
        ("the highest rate", "fee_rate_max = 5", "fee_rate_max = 4294967295"),
        ("the lowest rate", "fee_rate_max = 5", "fee_rate_max = 1"),
        ("the most data", "data_bytes_max = 0", "data_bytes_max = 10128"),
        ("data left out", "data_bytes_max = 0\n", ""),
        ("no call at all", '["0x01", "0x0d"]', "[]"),
        ("keys shared by all", '= "children"', '= "shared"'),
        ("no harbor", HARBOR_LINE, ""),
        ("fees in a listed coin", '["minter:1/coin:0"]', '["minter:1/coin:0", "minter:1/coin:1993"]'),
        ("the last coin", "coin:1993", "coin:4294967295"),
    ],
)
def test_limits_include_themselves(name: str, old: str, new: str) -> None:
    """The twins of what is refused one step further."""
    assert MINTER in parse_policy(changed(old, new)).networks, name


def test_any_chain_id_of_a_byte_is_a_network() -> None:
    """The testnet and private chains are told like the mainnet; every name has one spelling."""
    pattern = FAMILIES["minter"].network
    taken = [n for n in range(1000) if pattern.fullmatch(f"minter:{n}")]
    assert taken == list(range(1, 256))
    testnet = EXAMPLE + "\n" + TABLES.replace("minter:1", "minter:2")
    assert NetworkId("minter:2") in parse_policy(testnet.encode()).networks


@pytest.mark.parametrize(
    "line",
    [
        "fee_rate_max = 5",
        'fee_assets = ["eip155:1/slip44:60"]',
        "data_bytes_max = 0",
        'calls = ["0xa9059cbb"]',
        'layout = "children"',
    ],
)
def test_an_evm_network_cannot_state_what_its_drafts_have_not(line: str) -> None:
    """A key that would bound nothing there is an error, not a comfort."""
    text = EXAMPLE.replace('family = "evm"\n', f'family = "evm"\n{line}\n', 1)
    with pytest.raises(Malformed, match="is not for family evm"):
        parse_policy(text.encode())


def spelt(of: NetworkId, text: str) -> str:
    if of == MINTER and not re.fullmatch(r"Mx[0-9a-f]{40}", text):
        raise Malformed("address.form", "a Minter address is Mx and 40 hex digits")
    return text


def test_a_harbor_is_an_address_of_its_network() -> None:
    """A misspelt destination of an evacuation is told to the person who writes it."""
    check_spelling(parse_policy(TEXT.encode()), spelt)
    with pytest.raises(KeepcoolError, match="harbor: Mxf3"):
        check_spelling(parse_policy(changed(WALLET, WALLET[:-1])), spelt)


def test_the_tables_are_told_whole() -> None:
    """Every limit of the page's Minter network stands in a sentence; the EVM network's are as before."""
    policy = parse_policy(TEXT.encode())
    told = "\n".join(sentences(policy))
    for words in (
        "On minter:1 (family minter) wallets are multisig-v2, two of three keys.",
        "an intent may name at most 1000 BIP for fees; what one comes to, the chain decides",
        "On minter:1 wallets do nothing but Multisend (0x0d) and Send (0x01).",
        "pays its own fee in BIP (minter:1/coin:0), at a rate of at most 5, and carries at most 0 bytes",
        "On minter:1 each wallet has a cool and a cold key of its own.",
        "creates at most 100 wallets a day",
        "each of its transactions counts 1000 BIP of 100000 BIP a day",
        f"an evacuation goes to the harbor {WALLET} and nowhere else",
        "at most 10000 USDTE at once, 50000 USDTE an hour and 200000 USDTE a day",
        "Never signed on minter:1, whatever the policy says: changes of owners",
        "Never signed, whatever the policy says: delegatecalls",
    ):
        assert words in told
    kept = [one for one in sentences(parse_policy(EXAMPLE.encode())) if "This is policy version" not in one]
    assert [one for one in kept if one not in told] == []


def test_what_is_missing_is_told_too() -> None:
    """An empty list, shared keys, no harbor, no layout: each is said, not left to be inferred."""
    shared = "\n".join(sentences(network(layout="shared", calls=frozenset())))
    assert "wallets do nothing: the list of calls is empty" in shared
    assert "share one cool and one cold key" in shared
    assert "names no harbor, so cool and cold together sign nothing" in shared
    assert "delegatecalls" not in shared
    assert "so no wallet is made" in "\n".join(sentences(network(layout=None)))
    listed = "\n".join(sentences(network(fee_assets=frozenset({USDTE, AssetId("minter:1/coin:7")}))))
    assert "in USDTE (minter:1/coin:1993) and minter:1/coin:7" in listed
    unlisted = replace(network(purse=None), assets={})
    assert "this signer pays no fees" in "\n".join(sentences(unlisted))


def test_calls_have_names() -> None:
    """A selector is told with the name its family has for it, and alone where it has none."""
    assert call_name("minter", "0x01") == "Send (0x01)"
    assert (call_name("minter", "0x12"), call_name("evm", "0x01"), call_name("x", "y")) == (
        "0x12",
        "0x01",
        "y",
    )


def test_every_rule_is_documented() -> None:
    """The page has a row for each rule, and no row for one that does not exist."""
    table = PAGE[PAGE.index("## Rules") : PAGE.index("## A request to try")]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row)) == sorted(
        rule.NAME for rule in ALL
    )
