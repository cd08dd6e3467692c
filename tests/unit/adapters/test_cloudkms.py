"""The KMSs of clouds: AWS's published signatures, and simulators. No proof of the real services."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from keepcool.adapters.awskms import keystore as awskms
from keepcool.adapters.awskms.signing import Credentials, Request, Scope, authorization, signing_key, stamp
from keepcool.adapters.cloudkms import CloudKeystore
from keepcool.adapters.gcpkms import keystore as gcpkms
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.core.secret import Secret
from keepcool.ports.keystore import Bound
from tests.fixtures.kmssimulator import ACCESS, KEY, SECRET, Cloud, simulated

BOUND = Bound("keeper", "w-1", "eip155:1", "hot")
AT = "20150830T123600Z"


def credentials(token: str = "") -> Credentials:
    return Credentials(ACCESS, Secret(bytearray(SECRET.encode())), token)


def signature(request: Request, scope: Scope) -> str:
    return authorization(request, credentials(), scope, AT).rpartition("Signature=")[2]


def test_signatures_are_those_amazon_published() -> None:
    """Signature Version 4: the signing key and the ListUsers request of the General Reference, get-vanilla
    and post-vanilla of its test suite."""
    key = signing_key(Secret(bytearray(SECRET.encode())), Scope("us-east-1", "iam"), "20150830")
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    form = "application/x-www-form-urlencoded; charset=utf-8"
    listing = Request(
        "GET",
        "/",
        {"Content-Type": form, "Host": "iam.amazonaws.com", "X-Amz-Date": AT},
        b"",
        "Action=ListUsers&Version=2010-05-08",
    )
    assert signature(listing, Scope("us-east-1", "iam")) == (
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )
    suite, vanilla = Scope("us-east-1", "service"), {"Host": "example.amazonaws.com", "X-Amz-Date": AT}
    assert signature(Request("GET", "/", vanilla, b""), suite) == (
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )
    assert signature(Request("POST", "/", vanilla, b""), suite) == (
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    )
    assert stamp(1440938160) == AT


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with simulated(tmp_path_factory.mktemp("cloud")) as made:
        yield made


@pytest.fixture(params=["aws", "gcp"])
def kept(request: pytest.FixtureRequest, cloud: Cloud) -> Callable[[], CloudKeystore]:
    if request.param == "aws":
        return lambda: awskms.opened(cloud.aws())
    return lambda: gcpkms.opened(cloud.gcp())


def test_every_opening_carries_its_reference(kept: Callable[[], CloudKeystore], cloud: Cloud) -> None:
    """What an opening is for stands in the request where the cloud's own log keeps it."""

    async def story() -> None:
        keystore = kept()
        (row,) = await keystore.seal([(BOUND, b"s")])
        assert await keystore.unseal([(BOUND, row)], "journal:7-9") == [b"s"]
        await keystore.close()

    asyncio.run(story())
    action, reference = cloud.asked[-1]
    assert action.lower() == "decrypt"
    assert "journal:7-9" in reference


def test_a_disabled_key_and_a_cloud_that_is_busy_are_said(
    kept: Callable[[], CloudKeystore], cloud: Cloud
) -> None:
    """A key that is off keeps the service from starting; a cloud that cannot now is asked again later."""

    async def checked() -> None:
        keystore = kept()
        try:
            await keystore.check()
        finally:
            await keystore.close()

    asyncio.run(checked())
    cloud.state = "Disabled"
    with pytest.raises(Refused):
        asyncio.run(checked())
    cloud.state, cloud.busy = "Enabled", True
    try:
        with pytest.raises(Unavailable):
            asyncio.run(checked())
    finally:
        cloud.busy = False


def test_a_wrong_secret_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    """AWS: another secret access key signs nothing the simulator takes. Google: another account's key gets no
    token."""
    other = tmp_path / "aws.keys"
    other.write_text(f"{ACCESS}\n{SECRET[:-1]}X\n")
    other.chmod(0o600)
    wrong = msgspec.structs.replace(cloud.aws(), credentials=str(other))
    with pytest.raises(Refused, match=r"keystore\.denied"):
        asyncio.run(awskms.opened(wrong).check())
    (tmp_path / "cloud").mkdir()
    stranger = Cloud(tmp_path / "cloud", cloud.url).gcp()
    with pytest.raises(Refused, match=r"keystore\.token"):
        asyncio.run(gcpkms.opened(msgspec.structs.replace(stranger, ca=str(cloud.folder / "ca.pem"))).check())


def test_a_revoked_token_is_replaced_once(cloud: Cloud) -> None:
    """Google: a token that counts no longer is replaced by a fresh one, and the work is done."""

    async def story() -> None:
        keystore = gcpkms.opened(cloud.gcp())
        (row,) = await keystore.seal([(BOUND, b"s")])
        cloud.token = "revoked"
        assert await keystore.unseal([(BOUND, row)], "r") == [b"s"]
        await keystore.close()

    asyncio.run(story())


@pytest.mark.parametrize("what", ["rotate", "retire"])
def test_a_clouds_versions_are_the_clouds(kept: Callable[[], CloudKeystore], what: str) -> None:
    """Rotation and retirement are refused with a word of where they are done."""

    async def story() -> None:
        keystore = kept()
        with pytest.raises(Refused, match=r"keystore\.operator"):
            await (keystore.rotate() if what == "rotate" else keystore.retire(1))
        await keystore.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("aws", "change"),
    [
        (True, {"region": "moon"}),
        (True, {"key": "alias/seeds"}),
        (True, {"endpoint": "http://127.0.0.1:1"}),
        (False, {"key": KEY + "/cryptoKeyVersions/1"}),
        (False, {"endpoint": "http://127.0.0.1:1"}),
    ],
)
def test_refuses_settings_that_are_none(cloud: Cloud, aws: bool, change: dict[str, str]) -> None:
    """Another region, another key, no TLS: refused before anything is sent."""

    def opening() -> CloudKeystore:
        if aws:
            return awskms.opened(msgspec.structs.replace(cloud.aws(), **change))
        return gcpkms.opened(msgspec.structs.replace(cloud.gcp(), **change))

    before = len(cloud.asked)
    with pytest.raises(KeepcoolError):
        opening()
    assert len(cloud.asked) == before


@pytest.mark.parametrize("content", [b"", b"one\n", b"a\nb\nc\nd\n", b"\xff\xfe\n\xff"])
def test_refuses_credentials_that_are_none(tmp_path: Path, content: bytes) -> None:
    """Too few lines, too many, or no text; and none that others can read."""
    file = tmp_path / "keys"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(Refused):
        awskms.read_credentials(file)
    file.write_text("a\nb\n")
    file.chmod(0o640)
    with pytest.raises(Refused, match=r"keystore\.readable"):
        awskms.read_credentials(file)
