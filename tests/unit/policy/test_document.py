"""A policy file is believed when the root key signed it, and read only when every key of it is understood."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from keepcool.core.errors import Malformed, Refused
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.parties import Service
from keepcool.policy import schema
from keepcool.policy.document import (
    parse_policy,
    parse_signature,
    parse_signed,
    policy_hash,
    refuse_older,
    signed_bytes,
)

ROOT = SigningKey(bytes(range(32)))
ROOT_KEY = bytes(ROOT.verify_key)
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "policy.md"
MAINNET, ETH = NetworkId("eip155:1"), AssetId("eip155:1/slip44:60")
USDC = AssetId("eip155:1/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48")
BAD_BOOK = "0x722122dF12D4e14e13Ac3b6895a86e84145b6967"
HARBOR = "0x1364C7739fF33F23b182E8E9a6b996a02EdE5F25"


def example() -> str:
    """The complete example of the reference page."""
    found = re.search(r"```toml\n(.*?)```", REFERENCE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


TABLES = (
    schema.DocumentTable, schema.IntentsTable, schema.WalletsTable, schema.EvidenceTable, schema.NetworkTable,
    schema.NativeTable, schema.PurseTable, schema.DestinationsTable, schema.AssetTable, schema.ClassTable,
    schema.SiteTable, schema.ApproverTable, schema.AdministratorTable, schema.GovernanceTable,
    schema.AlarmTable, schema.TierTable, schema.NeededTable,
)  # fmt: skip
# What is stable about a refusal, beside its words.
CODES = frozenset(
    f"policy.{what}"
    for what in (
        "address", "amount", "asset", "attestations", "calls", "caps", "class", "desk", "evidence", "family",
        "fee_assets", "form", "governance", "harbor", "name", "native", "person", "profile", "purse", "range",
        "site", "size", "tier", "toml", "twice",
    )
)  # fmt: skip
EXAMPLE = example()
DOCUMENT = EXAMPLE.encode()


def sign(document: bytes, key: SigningKey = ROOT) -> bytes:
    return key.sign(signed_bytes(document)).signature


def changed(old: str, new: str) -> bytes:
    assert old in EXAMPLE
    return EXAMPLE.replace(old, new, 1).encode()


def test_the_documented_example_is_a_policy() -> None:
    """What the reference page shows is read whole, and says what the page says."""
    policy = parse_policy(DOCUMENT)
    network, usdc = policy.networks[MAINNET], policy.assets[USDC]
    assert (policy.version, policy.intent_lifetime_s_max, policy.hash) == (1, 21600, policy_hash(DOCUMENT))
    assert policy.attestations == {Service.KEEPER, Service.COOLER}
    assert policy.evidence_kinds == {"user", "approval"}
    assert network.profiles == ("safe-1.5.0-l1", "safe-1.4.1-l1")
    assert (network.family, network.fee_max_units) == ("evm", 5 * 10**16)
    assert (network.native.asset, network.native.symbol, network.native.decimals) == (ETH, "ETH", 18)
    assert network.purse is not None
    assert (network.purse.fee_max_units, network.purse.gas_budget_day_units) == (5 * 10**16, 10**18)
    assert network.purse.deployments_per_day == 200
    assert (network.allow, network.deny) == (None, frozenset({BAD_BOOK}))
    assert set(policy.assets) == {ETH, USDC}
    assert (usdc.symbol, usdc.decimals) == ("USDC", 6)
    caps = (usdc.cap_transaction_units, usdc.cap_hour_units, usdc.cap_day_units)
    assert caps == (10**10, 5 * 10**10, 2 * 10**11)
    assert policy.classes["treasury"].allow == frozenset({HARBOR})
    assert policy.classes["treasury"].cap_transaction_units == {ETH: 10**18}


def test_every_key_is_documented() -> None:
    """The reference page speaks of each key a table may have."""
    page = REFERENCE.read_text(encoding="utf-8")
    keys = {key for table in TABLES for key in table.__struct_fields__}
    assert {key for key in keys if not re.search(rf"\b{key}\b", page)} == set()
    assert len(keys) > 20


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("an unknown key on top", "version = 1", "version = 1\nvershun = 2", "`vershun`"),
        ("an unknown key of a network", "fee_max_units", "fee_wei_max", "`fee_wei_max`"),
        ("an unknown key of the purse", "deployments_per_day", "deploys", "`deploys`"),
        ("an unknown key of an asset", "cap_hour_units", "cap_hour_unit", "`cap_hour_unit`"),
        ("an unknown key of a class", "allow = [", "allowed = [", "`allowed`"),
        ("an unknown key of destinations", "deny = ", "denied = ", "`denied`"),
        ("an unknown key of native", "native = {", "native = { x = 1,", "`x`"),
        ("an unknown key of intents", "lifetime_s_max", "lifetime_max", "`lifetime_max`"),
        ("a missing key", "version = 1", "", "`version`"),
        ("a missing cap", 'cap_day_units = "100000000000000000000"', "", "`cap_day_units`"),
        ("an amount as a number", '"5000000000000000000"', "5000000000000000000", "cap_transaction_units"),
        ("an amount with a point", '"5000000000000000000"', '"5.0"', "cap_transaction_units"),
        ("a negative amount", '"5000000000000000000"', '"-5"', "cap_transaction_units"),
        ("an amount of nothing", '"5000000000000000000"', '"0"', "at least 1"),
        ("an amount beyond 256 bits", '"5000000000000000000"', f'"{2**256}"', "cap_transaction_units"),
        ("a version of zero", "version = 1", "version = 0", "version: between 1"),
        ("a version as text", "version = 1", 'version = "1"', "version"),
        ("a version as truth", "version = 1", "version = true", "version"),
        ("a life too short", "lifetime_s_max = 21600", "lifetime_s_max = 59", "between 60 and 604800"),
        ("a life too long", "lifetime_s_max = 21600", "lifetime_s_max = 604801", "between 60 and 604800"),
        ("decimals too many", "decimals = 6", "decimals = 78", "between 0 and 77"),
        ("decimals below zero", "decimals = 6", "decimals = -1", "between 0 and 77"),
        ("native decimals below zero", "decimals = 18 }", "decimals = -1 }", "between 0 and 77"),
        ("a version too high", "version = 1", f"version = {2**53 + 1}", "version: between 1"),
        ("deployments without end", "day = 200", "day = 1000001", "between 0 and 1000000"),
        ("hour below transaction", '"20000000000000000000"', '"4999999999999999999"', "caps grow"),
        ("day below hour", '"100000000000000000000"', '"19999999999999999999"', "caps grow"),
        ("fee beyond the day's budget", '"1000000000000000000" # a', '"49999999999999999" # a', "whole day"),
        ("one signer", '["keeper", "cooler"]', '["keeper"]', "name keeper and cooler"),
        ("an unknown service", '["keeper", "cooler"]', '["keeper", "cooler", "mint"]', "'mint'"),
        ("evidence nobody verifies", '["user", "approval"]', '["webauthn"]', "nothing here verifies"),
        ("an asset of no network", '[assets."eip155:1/slip', '[assets."eip155:5/slip', "eip155:5"),
        ("not an asset", '[assets."eip155:1/slip44:60"]', '[assets."ETH"]', "asset (CAIP-19)"),
        ("not a network", '[networks."eip155:1"]', '[networks."mainnet"]', "CAIP-2"),
        ("a foreign native", 'asset = "eip155:1/', 'asset = "eip155:5/', "another network"),
        ("two tokens of one symbol", 'symbol = "USDC"', 'symbol = "ETH"', "names another asset already"),
        ("native decimals disagree", "decimals = 18 }", "decimals = 17 }", "differ from native's"),
        ("a symbol that lies", 'symbol = "USDC"', 'symbol = "USD\\u0421"', "symbol"),
        ("a destination with a space", f'["{BAD_BOOK}"]', f'["{BAD_BOOK} "]', "not a valid name"),
        ("a destination twice", f'["{BAD_BOOK}"]', f'["{BAD_BOOK}", "{BAD_BOOK}"]', "stands twice"),
        ("a profile twice", '["safe-1.4.1-l1"]', '["safe-1.5.0-l1"]', "stands twice"),
        ("a class without a name", "[classes.treasury]", '[classes.""]', "not a valid name"),
        ("an unlisted asset's class cap", '{ "eip155:1/slip44:60" =', '{ "eip155:1/slip44:61" =', "listed"),
        ("not TOML", "[intents]", "[intents", "TOML"),
        ("a key twice", "version = 1", "version = 1\nversion = 2", "TOML"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(name: str, old: str, new: str, told: str) -> None:
    """Nothing is ignored, defaulted or converted: the error names the key and what it must be."""
    with pytest.raises(Malformed) as caught:
        parse_policy(changed(old, new))
    assert told in caught.value.public, (name, caught.value.public)
    assert caught.value.code in CODES | {"id.form"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("the shortest life", "lifetime_s_max = 21600", "lifetime_s_max = 60"),
        ("the longest life", "lifetime_s_max = 21600", "lifetime_s_max = 604800"),
        ("hour equal to transaction", '"20000000000000000000"', '"5000000000000000000"'),
        ("day equal to hour", '"100000000000000000000"', '"20000000000000000000"'),
        ("the fee is the day's budget", '"1000000000000000000" # a', '"50000000000000000" # a'),
        ("no decimals", "decimals = 6", "decimals = 0"),
        ("more attestations", '["keeper", "cooler"]', '["keeper", "cooler", "watchtower"]'),
        ("most deployments", "day = 200", "day = 1000000"),
        ("no deployments", "deployments_per_day = 200", "deployments_per_day = 0"),
    ],
)
def test_limits_include_themselves(name: str, old: str, new: str) -> None:
    """The twins of what is refused one step further."""
    assert parse_policy(changed(old, new)).version == 1, name


def test_what_is_left_out() -> None:
    """No purse, no lists and no classes are a policy; an empty allow list is not the same as none."""
    purse = EXAMPLE[EXAMPLE.index('[networks."eip155:1".purse]') : EXAMPLE.index("# One table per asset")]
    bare = EXAMPLE.replace(purse, "")
    bare = bare[: bare.index("[classes.treasury]")]
    policy = parse_policy(bare.encode())
    network = policy.networks[MAINNET]
    assert (network.purse, network.allow, network.deny, dict(policy.classes)) == (None, None, frozenset(), {})
    closed = parse_policy(changed("deny = [", "allow = []\ndeny = ["))
    assert closed.networks[MAINNET].allow == frozenset()


def test_bytes_that_are_no_document() -> None:
    """Too long, or not UTF-8: refused before anything is read."""
    padding = b"#" * (schema.DOCUMENT_BYTES_MAX - len(DOCUMENT))
    assert parse_policy(DOCUMENT + padding).version == 1
    with pytest.raises(Malformed, match="at most"):
        parse_policy(DOCUMENT + padding + b"#")
    with pytest.raises(Malformed, match="TOML"):
        parse_policy(DOCUMENT + b"# \xff")


def test_a_signed_policy_is_believed() -> None:
    """The root key's signature over exactly these bytes makes the same policy the file says."""
    assert parse_signed(DOCUMENT, sign(DOCUMENT), ROOT_KEY) == parse_policy(DOCUMENT)


def test_a_changed_cap_is_not_believed() -> None:
    """Any byte changed after signing is refused; unsigned, the changed file would have been a policy."""
    raised = changed('cap_day_units = "1', 'cap_day_units = "9')
    with pytest.raises(Refused) as caught:
        parse_signed(raised, sign(DOCUMENT), ROOT_KEY)
    assert caught.value.code == "policy.signature"
    assert parse_policy(raised).assets[ETH].cap_day_units == 9 * 10**20


def test_only_the_root_key_signs_policies() -> None:
    """Another key's signature, a signature without the context, and a flipped bit are refused."""
    other = SigningKey(bytes(32))
    flipped = bytes([sign(DOCUMENT)[0] ^ 1]) + sign(DOCUMENT)[1:]
    for signature in (sign(DOCUMENT, other), ROOT.sign(DOCUMENT).signature, flipped):
        with pytest.raises(Refused) as caught:
            parse_signed(DOCUMENT, signature, ROOT_KEY)
        assert caught.value.code == "policy.signature"


def test_a_bad_signature_is_refused_before_the_file_is_read() -> None:
    """What nobody signed is not even parsed."""
    with pytest.raises(Refused):
        parse_signed(b"not toml [", sign(DOCUMENT), ROOT_KEY)
    with pytest.raises(Malformed, match="TOML"):
        parse_signed(b"not toml [", sign(b"not toml ["), ROOT_KEY)


@pytest.mark.parametrize(("signature", "key"), [(b"", ROOT_KEY), (bytes(63), ROOT_KEY), (bytes(64), b"")])
def test_signatures_and_keys_have_their_size(signature: bytes, key: bytes) -> None:
    """A truncated signature or key is malformed, not a crash."""
    with pytest.raises(Malformed):
        parse_signed(DOCUMENT, signature, key)


def test_the_signature_file_is_hex() -> None:
    """128 digits and at most one newline; anything else is malformed."""
    signature = sign(DOCUMENT)
    assert parse_signature(signature.hex()) == parse_signature(signature.hex() + "\n") == signature
    spaced = " ".join(signature.hex()[i : i + 2] for i in range(0, 86, 2)) + "0"
    for text in (
        "",
        signature.hex()[:-1],
        signature.hex() + "0",
        "z" * 128,
        spaced,
        signature.hex() + "\n\n",
    ):
        with pytest.raises(Malformed):
            parse_signature(text)


def test_an_older_policy_is_refused() -> None:
    """Yesterday's caps were signed once too: a version below the newest seen is refused, equal is not."""
    policy = parse_policy(changed("version = 1", "version = 7"))
    refuse_older(policy, 0)
    refuse_older(policy, 7)
    refuse_older(policy, 7, policy.hash)
    refuse_older(policy, 6, "another")
    with pytest.raises(Refused, match=r"version 7, and version 8"):
        refuse_older(policy, 8)
    with pytest.raises(Refused, match="another policy of version 7"):
        refuse_older(policy, 7, "another")


def test_the_hash_names_the_bytes() -> None:
    """A comment more is another policy file, under another name."""
    assert policy_hash(DOCUMENT) != policy_hash(DOCUMENT + b"#")
    assert len(policy_hash(DOCUMENT)) == 64
