"""keepcool policy explain, sign and verify: what a person does with a policy before a signer believes it."""

from __future__ import annotations

import argparse
import json
import stat
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from keepcool.cli import policy as command
from keepcool.core.errors import KeepcoolError, Malformed, Refused, Unavailable
from keepcool.policy.document import parse_signature, parse_signed, policy_hash
from tests.unit.policy.test_document import BAD_BOOK, DOCUMENT, HARBOR, ROOT_KEY, changed

SEED = bytes(range(32))


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    parsed = parser.parse_args(["policy", *map(str, arguments)])
    return int(parsed.run(parsed))


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_bytes(DOCUMENT)
    return file


@pytest.fixture
def root_key(tmp_path: Path) -> Path:
    file = tmp_path / "root.key"
    file.write_text(SEED.hex() + "\n")
    file.chmod(0o600)
    return file


def test_explains_in_sentences(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence a line, or all of them as JSON with version and hash."""
    assert run("explain", policy) == 0
    lines = capsys.readouterr().out.splitlines()
    assert run("explain", policy, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["hash"], told["sentences"]) == (1, policy_hash(DOCUMENT), lines)


def test_what_is_signed_is_believed(policy: Path, root_key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The signature beside the file is the root key's over its bytes, and the seed is never printed."""
    assert run("sign", policy, "--root-key", root_key) == 0
    signature = parse_signature((policy.parent / "policy.toml.sig").read_text())
    assert parse_signed(DOCUMENT, signature, ROOT_KEY).version == 1
    assert run("verify", policy, "--root-public", ROOT_KEY.hex()) == 0
    told = capsys.readouterr().out
    assert SEED.hex() not in told
    assert policy_hash(DOCUMENT) in told
    assert sorted(file.name for file in policy.parent.iterdir()) == [
        "policy.toml",
        "policy.toml.sig",
        "root.key",
    ]


def test_a_new_signature_replaces_the_old(policy: Path, root_key: Path) -> None:
    """A raised version is signed over the file before it; the old signature no longer verifies."""
    run("sign", policy, "--root-key", root_key)
    policy.write_bytes(changed("version = 1", "version = 2"))
    with pytest.raises(Refused):
        run("verify", policy, "--root-public", ROOT_KEY.hex())
    run("sign", policy, "--root-key", root_key)
    assert run("verify", policy, "--root-public", ROOT_KEY.hex(), "--newer-than", "2") == 0
    with pytest.raises(Refused, match="version 3 was in force"):
        run("verify", policy, "--root-public", ROOT_KEY.hex(), "--newer-than", "3")


def test_another_key_is_not_the_root_key(policy: Path, root_key: Path) -> None:
    """A signature is verified under the key the asker pins."""
    run("sign", policy, "--root-key", root_key)
    other = bytes(SigningKey(bytes(32)).verify_key).hex()
    with pytest.raises(Refused):
        run("verify", policy, "--root-public", other)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("cap_day_units", "cap_dai_units", "cap_dai_units"),
        (BAD_BOOK, BAD_BOOK.lower(), "checksum"),
        (HARBOR, "Mx" + HARBOR[2:], "Minter address"),
        ("0xA0b86991c6218b36", "0xa0b86991c6218b36", "checksum"),
        ("safe-1.5.0-l1", "safe-9.9.9-l1", "profile"),
        ('family = "evm"', 'family = "dogecoin"', "dogecoin"),
    ],
)
def test_a_wrong_policy_is_neither_explained_nor_signed(
    old: str, new: str, told: str, policy: Path, root_key: Path
) -> None:
    """What no signer would understand as meant gets no signature, and no file is left behind."""
    policy.write_bytes(changed(old, new))
    for arguments in (("explain", policy), ("sign", policy, "--root-key", root_key)):
        with pytest.raises(KeepcoolError) as caught:
            run(*arguments)
        assert told in caught.value.public
    assert not (policy.parent / "policy.toml.sig").exists()


@pytest.mark.parametrize("mode", [stat.S_IRGRP, stat.S_IROTH, stat.S_IWGRP])
def test_a_root_key_others_can_reach_is_refused(mode: int, policy: Path, root_key: Path) -> None:
    """A key file with any right for group or others signs nothing; chmod 600 mends it."""
    root_key.chmod(0o600 | mode)
    with pytest.raises(Refused, match="chmod 600"):
        run("sign", policy, "--root-key", root_key)
    assert not (policy.parent / "policy.toml.sig").exists()
    root_key.chmod(0o600)
    assert run("sign", policy, "--root-key", root_key) == 0


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32, "00 " * 21 + "0", "0x" + "00" * 31])
def test_a_root_key_is_32_bytes_of_hex(text: str, policy: Path, root_key: Path) -> None:
    """Anything else is refused, and what the file held is not repeated."""
    root_key.write_text(text)
    with pytest.raises(Malformed, match="64 hex digits") as caught:
        run("sign", policy, "--root-key", root_key)
    assert not text or text not in str(caught.value)


def test_files_that_are_not_there(policy: Path, root_key: Path, tmp_path: Path) -> None:
    """A missing policy, key or signature is named."""
    missing = tmp_path / "nothing"
    for arguments in (
        ("explain", missing),
        ("sign", missing, "--root-key", root_key),
        ("sign", policy, "--root-key", missing),
        ("verify", policy, "--root-public", ROOT_KEY.hex()),
    ):
        with pytest.raises(Unavailable, match="cannot be read"):
            run(*arguments)


def test_a_signature_that_cannot_be_written(policy: Path, root_key: Path) -> None:
    """A name that is taken by a folder is named, and the folder stands."""
    (policy.parent / "policy.toml.sig").mkdir()
    with pytest.raises(Unavailable, match="cannot be written"):
        run("sign", policy, "--root-key", root_key)
    assert (policy.parent / "policy.toml.sig").is_dir()
