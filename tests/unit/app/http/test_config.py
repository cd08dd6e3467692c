"""App's TOML: strict, and told in sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepcool.app import config
from keepcool.core.errors import Refused

KEY = "11" * 32
GOOD = f"""
identity = "identity"
database = "app.sqlite"

[bus]
url = "tls://127.0.0.1:4222"
nkey_seed = "app.nk"
ca = "ca.pem"
certificate = "app.pem"
certificate_key = "app.key"

[peers.keeper]
signing_key = "{KEY}"
sealing_key = "{KEY}"
attestation_key = "{KEY}"

[peers.cooler]
signing_key = "{KEY}"
sealing_key = "{KEY}"
attestation_key = "{KEY}"

[networks."eip155:31337"]
name = "test chain"
family = "evm"
profile = "safe-1.5.0-l2"
node_urls = ["http://127.0.0.1:8545"]
crediting = "depth"
depth_blocks = 3

[[networks."eip155:31337".assets]]
id = "eip155:31337/slip44:60"
symbol = "ETH"
decimals = 18
"""


def loaded(folder: Path, text: str) -> config.AppSettings:
    file = folder / "app.toml"
    file.write_text(text, encoding="utf-8")
    return config.load(file)


def test_a_good_file_is_told_in_sentences(tmp_path: Path) -> None:
    """check-config names the database, the peers, the port, the assets, and that no key is held."""
    told = "\n".join(config.sentences(loaded(tmp_path, GOOD)))
    for word in ("no coin key", "app.sqlite", "cooler, keeper", "8480", "ETH", "3 deep", "Idempotency-Key"):
        assert word in told
    assert "WARNING" not in told


@pytest.mark.parametrize(
    "line",
    ['http = {host = "0.0.0.0"}', "clock_offset_ms = 5", 'fault = "app-sent:2"'],
)
def test_what_is_dangerous_is_warned_of(tmp_path: Path, line: str) -> None:
    """Listening beyond loopback and settings for tests are told as warnings."""
    assert "WARNING" in "\n".join(config.sentences(loaded(tmp_path, f"{line}\n{GOOD}")))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('database = "app.sqlite"', 'database = "app.sqlite"\nextra = 1', "extra"),
        ('database = "app.sqlite"', "", "database"),
        ("decimals = 18", 'decimals = "18"', "decimals"),
        ("decimals = 18", "decimals = 78", "decimals 0 to 77"),
        ("decimals = 18", 'decimals = 18\ndeposit_min = "0"', "deposit_min"),
        ("slip44:60", "erc20:0x5FbDB2315678afecb367f032d93F642f64180aa3", "native asset"),
        ('id = "eip155:31337/', 'id = "eip155:1/', "native asset"),
        ("safe-1.5.0-l2", "safe-1.3.0", "profile"),
        ('node_urls = ["http://127.0.0.1:8545"]', "node_urls = []", "at least one node"),
        ("depth_blocks = 3", "depth_blocks = 0", "depth_blocks"),
        ('crediting = "depth"', "", "depth_blocks"),
        ('crediting = "depth"', 'crediting = "depth"\nstock = 0', "stock"),
        ('crediting = "depth"', 'crediting = "depth"\nsweep = {batch_max = 101}', "batch_max is 1 to 100"),
        ('crediting = "depth"', 'crediting = "depth"\nsweep = {worth = 0}', "worth"),
        ("decimals = 18", 'decimals = 18\nsweep_min = "x"', "string of digits"),
        ('networks."eip155:31337"', 'networks."bip122:aa"', "eip155"),
        ("[peers.cooler]", "[peers.desk]", "peers.cooler"),
        ("[bus]", "[http]\nport = 70000\n[bus]", "port"),
        ('identity = "identity"', 'identity = "identity"\nfault = "app-nowhere"', "fault point"),
    ],
)
def test_refuses_what_is_not_understood(tmp_path: Path, old: str, new: str, says: str) -> None:
    """Each mistake is refused with the file and the key that is wrong."""
    with pytest.raises(Refused, match=says) as caught:
        loaded(tmp_path, GOOD.replace(old, new))
    assert "app.toml" in caught.value.public


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing or unreadable file is named."""
    with pytest.raises(Refused, match=r"nowhere\.toml"):
        config.load(tmp_path / "nowhere.toml")


def test_where_passkeys_are_touched_is_an_origin_of_their_domain(tmp_path: Path) -> None:
    """`[users]` names both or neither, and no page of somebody else's domain."""
    users = '\n[users]\nrp_id = "wallet.example"\norigins = ["https://pay.wallet.example"]\n'
    site = loaded(tmp_path, GOOD + users).users.site
    assert site is not None
    assert (site.rp_id, site.origins) == ("wallet.example", frozenset({"https://pay.wallet.example"}))
    assert loaded(tmp_path, GOOD).users.site is None
    for wrong in (users.replace("pay.wallet", "evilwallet"), '\n[users]\nrp_id = "wallet.example"\n'):
        with pytest.raises(Refused, match="users"):
            loaded(tmp_path, GOOD + wrong)


def test_pools_of_an_evm_chain_are_told(tmp_path: Path) -> None:
    """Where new users get addresses of a pool, a sentence says so and what becomes of what comes in."""
    plain, pooled = (loaded(tmp_path, GOOD.replace('crediting = "depth"', text)) for text in _POOLS)
    said = "There new users get addresses of a pool"
    assert not any(said in line for line in config.sentences(plain))
    assert any(said in line for line in config.sentences(pooled))


_POOLS = ('crediting = "depth"', 'crediting = "depth"\npool = true')
