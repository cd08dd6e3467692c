"""A service's TOML is read strictly, and every file it names is found beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepcool.adapters import toml
from keepcool.core.errors import Refused
from keepcool.ports.settings import SignerSettings

GOOD = """
identity = "identity"
data = "data"
inner_key = "/elsewhere/inner.key"
cold_public_key = "02"
[bus]
url = "tls://127.0.0.1:4222"
nkey_seed = "bus/nkey.seed"
ca = "bus/ca.pem"
certificate = "bus/client.pem"
certificate_key = "bus/client.key"
[keystore]
url = "https://127.0.0.1:8200"
ca = "../ca.pem"
role_id = "role.id"
secret_id = "secret.id"
transit_key = "keeper-seeds"
[policy]
file = "policy.toml"
root_key = "ab"
[peers.app]
signing_key = "aa"
sealing_key = "bb"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "keeper.toml"
    file.write_text(text)
    return file


def test_relative_files_lie_beside_the_toml(tmp_path: Path) -> None:
    """Relative paths get the TOML's folder, absolute ones and plain texts stay as they are."""
    settings = toml.load(written(tmp_path, GOOD), SignerSettings)
    assert settings.identity == str(tmp_path / "identity")
    assert settings.inner_key == "/elsewhere/inner.key"
    assert settings.bus.nkey_seed == str(tmp_path / "bus/nkey.seed")
    assert settings.keystore.ca == str(tmp_path / "../ca.pem")
    assert settings.policy.file == str(tmp_path / "policy.toml")
    assert settings.networks_file == ""
    named = toml.load(written(tmp_path, 'networks_file = "forks.toml"' + GOOD), SignerSettings)
    assert named.networks_file == str(tmp_path / "forks.toml")
    assert settings.keystore.transit_key == "keeper-seeds"
    assert settings.bus.url == "tls://127.0.0.1:4222"
    assert settings.peers["app"].signing_key == "aa"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("unknown key", "colour = 1\n" + GOOD, "colour"),
        ("unknown inner key", GOOD.replace("[policy]", "[policy]\nforce = true"), "force"),
        ("missing key", GOOD.replace('transit_key = "keeper-seeds"', ""), "transit_key"),
        ("another type", GOOD.replace('data = "data"', "data = 7"), "data"),
        ("not TOML", "identity = ", "identity"),
        ("not text", "\udcff", "utf"),
    ],
)
def test_refuses_what_is_not_of_this_shape(tmp_path: Path, name: str, text: str, said: str) -> None:
    """Unknown, missing and mistyped keys are refused; the error names the file and the key."""
    file = tmp_path / "keeper.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Refused) as caught:
        toml.load(file, SignerSettings)
    assert caught.value.code == "config.form"
    assert str(file) in caught.value.public
    if name != "not TOML":
        assert said in caught.value.public


def test_refuses_a_file_that_is_not_there_or_too_long(tmp_path: Path) -> None:
    """An unreadable or enormous file is refused by name."""
    with pytest.raises(Refused, match=r"config\.file"):
        toml.load(tmp_path / "absent.toml", SignerSettings)
    with pytest.raises(Refused, match=r"config\.file"):
        toml.load(written(tmp_path, "#" * (1024 * 1024 + 1)), SignerSettings)


OTHERS = {
    "local": '[keystore.local]\nfile = "keystore/k.json"\npassphrase_file = "words"\n',
    "aws": '[keystore.aws]\nregion = "eu-central-1"\nkey = "arn"\ncredentials = "aws.keys"\n',
    "gcp": '[keystore.gcp]\nkey = "projects"\nservice_account = "account.json"\n',
}


def with_keystore(*tables: str) -> str:
    before, _, rest = GOOD.partition("[keystore]")
    return before + "".join(tables) + rest[rest.index("[policy]") :]


@pytest.mark.parametrize("kind", OTHERS)
def test_another_keystore_stands_in_its_own_table(tmp_path: Path, kind: str) -> None:
    """In place of OpenBao one of the others, its files beside the TOML as well."""
    found = toml.load(written(tmp_path, with_keystore(OTHERS[kind])), SignerSettings).keystore
    tables = {"local": found.local, "aws": found.aws, "gcp": found.gcp}
    assert [name for name, table in tables.items() if table is not None] == [kind]
    files = [
        found.local.file if found.local else "",
        found.aws.credentials if found.aws else "",
        found.gcp.service_account if found.gcp else "",
    ]
    assert [file for file in files if file.startswith(str(tmp_path))]


def test_refuses_two_keystores_and_none(tmp_path: Path) -> None:
    """A signer seals in one place: a second table, one beside a URL, or nothing at all is an error."""
    both = GOOD.replace("[policy]", OTHERS["local"] + "[policy]")
    for text in (both, with_keystore(OTHERS["aws"], OTHERS["gcp"]), with_keystore("[keystore]\n")):
        with pytest.raises(Refused, match=r"config\.form"):
            toml.load(written(tmp_path, text), SignerSettings)
