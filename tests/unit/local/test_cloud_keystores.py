"""Keys of a cloud's KMS in an installation: what init is told becomes what a signer reads, or nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from keepcool.cli.main import main
from keepcool.core.errors import KeepcoolError
from keepcool.core.parties import Service
from keepcool.local import cloudkeystores
from keepcool.local.cloudkeystores import CloudKeystore, cloud_keystore
from keepcool.local.layout import SIGNERS, Layout
from keepcool.ports.settings import KeystoreSettings

ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NAME = "projects/custody/locations/global/keyRings/cooler/cryptoKeys/seeds"


def places(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "kc")
    made.make([])
    return made


def entries(tmp_path: Path, cooler: str = NAME, account: str = "{}") -> tuple[CloudKeystore, ...]:
    for name, text in (("keys", "A\nB\n"), ("account", account), ("ca", "PEM")):
        (tmp_path / name).write_text(text)
    ca = f"{tmp_path / 'ca'}"
    return (
        cloud_keystore(f"keeper={ARN},{tmp_path / 'keys'},endpoint=https://vpce.example/,ca={ca}"),
        cloud_keystore(f"cooler={cooler},{tmp_path / 'account'}"),
    )


def test_each_signer_reads_its_own_key_and_its_own_credentials(tmp_path: Path) -> None:
    """Keeper's key in one cloud, Cooler's in the other: the settings name them, the files are the signers'
    alone, and no folder for a server is left."""
    made, told = places(tmp_path), entries(tmp_path)
    cloudkeystores.make(made, told)
    keeper, cooler = (
        msgspec.convert(cloudkeystores.table(one, told), KeystoreSettings) for one in (SIGNERS[0], SIGNERS[1])
    )
    assert keeper.aws is not None
    assert cooler.gcp is not None
    assert (keeper.aws.region, keeper.aws.key) == ("eu-central-1", ARN)
    assert (keeper.aws.endpoint, keeper.aws.ca) == ("https://vpce.example", "keystore/ca.pem")
    assert (cooler.gcp.key, cooler.gcp.endpoint, cooler.gcp.ca) == (
        NAME,
        "https://cloudkms.googleapis.com",
        "",
    )
    for signer, file, text in (
        (Service.KEEPER, keeper.aws.credentials, "A\nB\n"),
        (Service.KEEPER, keeper.aws.ca, "PEM"),
        (Service.COOLER, cooler.gcp.service_account, "{}"),
    ):
        copied = made.service(signer) / file
        assert (copied.read_text(), copied.stat().st_mode & 0o777) == (text, 0o600)
    assert not any(made.keystore(one).exists() for one in SIGNERS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"desk={ARN},keys",
        f"keeper={ARN}",
        f"keeper={ARN},",
        "keeper=alias/seeds,keys",
        f"keeper={NAME}/cryptoKeyVersions/1,account",
        f"keeper={ARN},keys,endpoint=http://plain",
        f"keeper={ARN},keys,ca=",
        f"keeper={ARN},keys,region=eu",
        f"keeper={ARN},keys,ca=a,ca=b",
    ],
)
def test_an_entry_that_is_none_is_refused_with_how_it_is_written(text: str) -> None:
    """No key, no file, another signer, no TLS, a word that means nothing: told before anything is made."""
    with pytest.raises(KeepcoolError, match=r"init\.keystore_entry") as refused:
        cloud_keystore(text)
    assert "keeper=KEY,FILE" in refused.value.public


def test_keys_of_two_accounts_are_two(tmp_path: Path) -> None:
    """The twin of a replica: the same name in another account is another key."""
    made, told = places(tmp_path), entries(tmp_path, cooler=ARN.replace("123456789012", "210987654321"))
    cloudkeystores.make(made, told)
    assert not any(made.keystore(one).exists() for one in SIGNERS)


def test_an_entry_for_a_keystore_that_is_made_here_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who names a key and forgets to say that it is a cloud's gets no OpenBao in its place."""
    assert main(["init", str(tmp_path / "kc"), "--keystore-entry", f"keeper={ARN},keys"]) == 2
    assert "init.keystore_entry" in capsys.readouterr().err
    assert not (tmp_path / "kc").exists()


@pytest.mark.parametrize(
    "wrong", ["one", "twice", "same key", "replica", "same account", "spaced", "absent", "no ca", "huge"]
)
def test_entries_that_do_not_do_change_nothing(tmp_path: Path, wrong: str) -> None:
    """One signer without a key, both with one key, in whichever region, or one account, however it is spaced,
    a file that is not there or is cut: refused, and the signers' folders are as they were."""
    made = places(tmp_path)
    told = entries(tmp_path)
    match wrong:
        case "one":
            told = told[:1]
        case "twice":
            told = (*told, told[0])
        case "same key":
            told = entries(tmp_path, cooler=ARN)
        case "replica":
            told = entries(tmp_path, cooler=ARN.replace("eu-central-1", "us-east-1"))
        case "same account":
            told = entries(tmp_path, account="A\nB\n")
        case "spaced":
            told = entries(tmp_path, account="A\nB\n\n")
        case "no ca":
            (tmp_path / "ca").unlink()
        case "huge":
            (tmp_path / "account").write_text("{" + " " * 64 * 1024)
        case _:
            (tmp_path / "account").unlink()
    with pytest.raises(KeepcoolError, match=r"init\.keystore_entry"):
        cloudkeystores.make(made, told)
    assert all(made.keystore(one).is_dir() for one in SIGNERS)
    assert not any(list((made.service(one) / "keystore").glob("*")) for one in SIGNERS)
