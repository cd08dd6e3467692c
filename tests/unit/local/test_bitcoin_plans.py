"""Plans of Bitcoin networks: every shipped one makes settings and policies that are accepted as they are."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from keepcool.adapters.system.clock import SystemEntropy
from keepcool.app import config
from keepcool.chains.bitcoin.network_table import (
    DOGECOIN,
    LITECOIN,
    LITECOIN_REGTEST,
    SHIPPED,
    read_networks,
)
from keepcool.chains.bitcoin.networks import Network
from keepcool.cli import networks
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.parties import Service
from keepcool.local import configs, ownnode
from keepcool.local.bitcoinplan import bitcoin_plan, is_bitcoin, with_own_node
from keepcool.local.configs import PaperPublic, PublicParts
from keepcool.local.identities import make_identity
from keepcool.local.layout import SERVICES, Layout
from keepcool.local.plan import AnyPlan, BitcoinPlan, EvmPlan, MinterPlan, Ports
from keepcool.local.policies import first_policy
from keepcool.policy.document import parse_policy

FORK = Path(__file__).parents[3] / "docs" / "reference" / "example-fork.toml"
PORTS = Ports(1, 2, 3, 4, 5, 6)


def settings_of(tmp_path: Path, *plans: AnyPlan) -> config.AppSettings:
    """app.toml as `keepcool init` writes it, read by App itself."""
    peers = {
        service: make_identity(tmp_path / service.value, service, SystemEntropy()) for service in SERVICES
    }
    public = PublicParts(peers, bytes(32), PaperPublic(""))
    file = tmp_path / "app.toml"
    file.write_text(configs.app_toml(plans, PORTS, public))
    return config.load(file)


def planned(*words: str) -> tuple[AnyPlan, ...]:
    parser = argparse.ArgumentParser()
    networks.add_options(parser)
    parser.add_argument("--cap", action="append", default=[])
    parser.add_argument("--depth", type=int)
    parser.add_argument("--profile", default="")
    return networks.planned(parser.parse_args(words))


def only(*words: str) -> BitcoinPlan:
    (plan,) = planned(*words)
    assert isinstance(plan, BitcoinPlan)
    return plan


def test_app_takes_the_settings_of_every_network(tmp_path: Path) -> None:
    """All of them in one installation, each under its own id with its own coin and its cheapest script."""
    told = settings_of(tmp_path, *[bitcoin_plan(row.name) for row in SHIPPED])
    assert set(told.networks) == {row.id for row in SHIPPED}
    for row in SHIPPED:
        table = told.networks[row.id]
        assert isinstance(table, config.BitcoinSettings)
        assert (table.profile, table.assets[0].id) == (f"bip45-{row.kinds[0]}", row.asset)
        assert table.fees.fee_rate_max >= row.fee_rate_min
        assert int(table.assets[0].deposit_min) >= max(row.dust_floor, 294)


@pytest.mark.parametrize("row", list(SHIPPED), ids=lambda row: row.name)
def test_both_signers_take_the_policy_of_every_network(row: Network) -> None:
    """What App may offer its signers allow: fees as high, change, and the pool's own profile."""
    plan = bitcoin_plan(row.id)
    for service in (Service.KEEPER, Service.COOLER):
        rules = parse_policy(first_policy(service, plan)).networks[row.id]
        assert (rules.family, rules.profiles) == ("bitcoin", (plan.profile, plan.pool_profile))
        assert (rules.fee_rate_max, rules.change_max) == (plan.fee_rate_max, 8)
        assert rules.fee_max_units >= plan.withdrawal_fee_max_units
        assert (rules.coins, rules.purse) == (True, None)


def test_networks_are_named_as_people_do() -> None:
    """By name or by id; what is neither is for the other families."""
    assert is_bitcoin("dogecoin")
    assert is_bitcoin(LITECOIN.id)
    assert not is_bitcoin("eip155:1")
    assert not is_bitcoin("minter:1")
    assert only("--network", "litecoin").id == only("--network", LITECOIN.id).id


def test_a_script_is_one_that_the_network_has() -> None:
    """The cheapest by itself, another when asked; one whose coins anybody could take is refused."""
    assert only("--network", "litecoin", "--script", "p2sh").pool_profile == "bip45-pool-p2sh"
    assert only("--network", "dogecoin").profile == "bip45-p2sh"
    for words in (("dogecoin", "p2wsh"), ("litecoin", "p2pkh")):
        with pytest.raises(Malformed):
            only("--network", words[0], "--script", words[1])


def test_nodes_their_cookies_and_how_many_agree(tmp_path: Path) -> None:
    """Two nodes must agree, one stands alone; cookies are one for each node or none."""
    urls = ("--node-url", "http://a:8332", "--node-url", "http://b:8332")
    plan = only("--network", "bitcoin", *urls, "--node-cookie", "one", "--node-cookie", "two")
    assert (plan.agree, plan.own_node) == (2, None)
    assert plan.node_cookies == (str(Path("one").absolute()), str(Path("two").absolute()))
    assert only("--network", "bitcoin").node_urls == ("http://127.0.0.1:8332",)
    with pytest.raises(Malformed, match=r"init\.cookie"):
        only("--network", "bitcoin", *urls, "--node-cookie", "one")
    settings_of(tmp_path, plan)


def test_caps_depth_and_pool() -> None:
    """As for the other families: caps in whole coins; a depth stands for every amount."""
    plan = only("--network", "litecoin", "--cap", "LTC=1.5,2,3", "--depth", "4", "--pool")
    assert plan.assets[0].cap_transaction_units == 150_000_000
    assert (plan.confirmations, plan.pool) == (((0, 4),), True)


def test_pools_are_of_all_networks_that_have_them(tmp_path: Path) -> None:
    """On EVM chains as on Bitcoin's; Minter beside them keeps its accounts, and alone has no pools."""
    names = ("--network", "eip155:1", "--network", "litecoin", "--network", "minter:1")
    for words, wanted in ((names, False), ((*names, "--pool"), True)):
        evm, litecoin, _ = plans = planned(*words)
        told = settings_of(tmp_path / str(wanted), *plans).networks
        assert [getattr(told[one.id], "pool", None) for one in (evm, litecoin)] == [wanted, wanted]
        pools = parse_policy(first_policy(Service.KEEPER, *plans)).networks[evm.id].pool_profile
        assert pools == "safe-pool-1.5.0-l1"
    with pytest.raises(Malformed, match=r"init\.pool"):
        planned("--network", "minter:1", "--pool")


def test_a_harbor_is_an_address_of_its_network() -> None:
    """It is written as signers spell it; what is no address there makes no installation."""
    harbor = "rltc1qwrvemqhedw0l82jdsukpazfwg5ua5433fnzftyuqhdlg3n3ms0xqr2dhf0"
    with pytest.raises(Malformed, match=r"init\.harbor"):
        only("--network", "litecoin", "--harbor", harbor)
    text = "ltc1qwrvemqhedw0l82jdsukpazfwg5ua5433fnzftyuqhdlg3n3ms0xqhfqdtc"
    assert only("--network", "litecoin", "--harbor", text.upper()).harbor == text


def test_a_network_that_nobody_knows_is_refused_with_all_that_are_known() -> None:
    """A misspelt name of a fork is not taken for an EVM network."""
    with pytest.raises(Malformed, match="litecoin-regtest") as refused:
        planned("--network", "litecoin-regtset")
    assert refused.value.code == "init.network"


def test_several_families_side_by_side() -> None:
    """Each option says whose it is; one that is not for a network is refused by name."""
    names = ("--network", "eip155:1", "--network", "minter:1", "--network", "dogecoin")
    evm, minter, doge = planned(*names, "--node-url", "dogecoin=http://d", "--script", "dogecoin=p2sh")
    assert (type(evm), type(minter), type(doge)) == (EvmPlan, MinterPlan, BitcoinPlan)
    for option, value in (
        ("--token", "dogecoin=0x1:A:2"),
        ("--coin", "dogecoin=1:A"),
        ("--script", "eip155:1=p2sh"),
        ("--node-cookie", "minter:1=f"),
    ):
        with pytest.raises(KeepcoolError, match="is not for"):
            planned(*names, option, value)
    with pytest.raises(Malformed, match="say for which network"):
        planned(*names, "--script", "p2sh")


def test_a_regtest_network_without_a_node_gets_one_of_its_own(tmp_path: Path) -> None:
    """Its folder lies beside App's, its cookie is found from there, and no other network has one."""
    plan = only("--network", "litecoin-regtest")
    assert plan.own_node is not None
    assert plan.node_urls == (f"http://127.0.0.1:{plan.own_node.port}",)
    places = Layout(tmp_path)
    ownnode.write(places, plan)
    (folder,) = places.own_nodes()
    told = ownnode.read(folder)
    assert (told.network, told.port) == (LITECOIN_REGTEST.name, plan.own_node.port)
    assert (tmp_path / "app" / plan.node_cookies[0]).resolve() == folder / "regtest" / ".cookie"
    ownnode.write(places, bitcoin_plan("bitcoin"))
    assert places.own_nodes() == [folder]
    assert only("--network", "litecoin-regtest", "--node-url", "http://a").own_node is None
    settings_of(tmp_path, plan)


def test_a_node_that_cannot_be_run_here_is_refused(tmp_path: Path) -> None:
    """A file that is none, and a network that has no program, are told by name."""
    places = Layout(tmp_path)
    ownnode.write(places, with_own_node(bitcoin_plan(DOGECOIN.name)))
    with pytest.raises(KeepcoolError, match="no node of 'dogecoin' can be run here"):
        ownnode.read(places.own_nodes()[0]).chain()
    (places.own_nodes()[0] / "node.toml").write_text("port = 'x'")
    with pytest.raises(KeepcoolError, match=r"up\.own_node"):
        ownnode.read(places.own_nodes()[0])


def test_a_fork_that_is_not_shipped_is_known_to_all_three(tmp_path: Path) -> None:
    """Its row stands in App's settings and in a file beside the signers', and is the same everywhere."""
    words = ("--network", "examplecoin", "--networks", str(FORK))
    plan = only(*words)
    (row,) = read_networks(FORK.read_bytes()).rows[len(SHIPPED.rows) :]
    told = settings_of(tmp_path, plan)
    assert told.families.networks.of(plan.id) == row
    rows = configs.networks_toml([plan])
    assert rows is not None
    assert read_networks(rows.encode()).of(plan.id) == row
    public = PublicParts({}, bytes(32), PaperPublic(""))
    assert 'networks_file = "networks.toml"' in configs.signer_toml(Service.KEEPER, [plan], PORTS, public)
    assert configs.networks_toml([bitcoin_plan("litecoin")]) is None
    with pytest.raises(Malformed):
        only("--network", "examplecoin")
