"""The desk's configuration: what would not work or not be safe is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepcool.cli import main as cli
from keepcool.core.errors import Refused
from keepcool.desk.main import load

WHOLE = """
identity = "identity"
origin = "https://desk.example"
rp_id = "desk.example"
[bus]
url = "tls://127.0.0.1:1"
nkey_seed = "a"
ca = "b"
certificate = "c"
certificate_key = "d"
[peers.keeper]
signing_key = "aa"
sealing_key = "bb"
[peers.cooler]
signing_key = "cc"
sealing_key = "dd"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "desk.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("https://desk.example", "http://desk.example", "config.origin"),
        ("https://desk.example", "https://desk.example/", "config.origin"),
        ("https://desk.example", "desk.example", "config.origin"),
        ('rp_id = "desk.example"', 'rp_id = "other.example"', "config.rp_id"),
        ('rp_id = "desk.example"', 'rp_id = "sk.example"', "config.rp_id"),
        ("[peers.keeper]", "[peers.app]", "config.peers"),
        ("[bus]", "poll_s = 0.0\n[bus]", "config.bounds"),
        ("[bus]", "[sessions]\nidle_s = 0\n[bus]", "config.bounds"),
        ("[bus]", "approval_lives_s_max = 1\n[bus]", "config.bounds"),
        ("[bus]", "password = 1\n[bus]", "config.form"),
    ],
)
def test_a_configuration_that_is_not_safe_is_refused(
    tmp_path: Path, before: str, after: str, code: str
) -> None:
    """No TLS beyond this machine, keys of another domain, a missing signer, no bounds, unknown keys."""
    assert load(written(tmp_path, WHOLE)).secure
    with pytest.raises(Refused) as raised:
        load(written(tmp_path, WHOLE.replace(before, after)))
    assert raised.value.code == code


def test_a_desk_on_this_machine_needs_no_tls(tmp_path: Path) -> None:
    """http://localhost is allowed, as browsers allow it; a domain above the host is a relying party too."""
    local = WHOLE.replace("https://desk.example", "http://localhost:8490").replace(
        '"desk.example"', '"localhost"'
    )
    assert not load(written(tmp_path, local)).secure
    assert (
        load(written(tmp_path, WHOLE.replace('rp_id = "desk.example"', 'rp_id = "example"'))).rp_id
        == "example"
    )


def test_check_config_says_what_it_may_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command tells where the desk is found, whom it asks, and that it holds no coin key."""
    assert cli.main(["desk", "check-config", "--config", str(written(tmp_path, WHOLE))]) == 0
    told = capsys.readouterr().out
    for part in ("no coin key", "https://desk.example", "cooler and keeper"):
        assert part in told
