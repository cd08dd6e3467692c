"""A sealed key opens under its own binding, for its own service, and every opening is on record."""

from __future__ import annotations

import asyncio
import base64
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import msgspec
import pytest

from keepcool.adapters.awskms import keystore as awskms
from keepcool.adapters.gcpkms import keystore as gcpkms
from keepcool.adapters.localkeystore.form import FLOOR
from keepcool.adapters.localkeystore.keystore import LocalKeystore, create
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Breach, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.secret import Secret
from keepcool.local.keystore import AUDIT
from keepcool.local.provision import Provisioning, Terms, policy
from keepcool.ports.keystore import Bound, RotatingKeystore
from tests.fixtures.keystore import LiveKeystore, live_keystore
from tests.fixtures.kmssimulator import Cloud, simulated

pytestmark = pytest.mark.live
BOUND = Bound("keeper", "w-1", "eip155:1", "hot")
SECRET = b"\x00\x01 sixty-four bytes of something already sealed by hazmat ......."
T = TypeVar("T")
Opener = Callable[[], RotatingKeystore]


@pytest.fixture(scope="module")
def live() -> Iterator[LiveKeystore]:
    with live_keystore() as keystore:
        yield keystore


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with simulated(tmp_path_factory.mktemp("cloud")) as made:
        yield made


@pytest.fixture(scope="module", params=["openbao", "local", "aws", "gcp"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Opener:
    """How a service opens its keystore, of each kind: the contract is one. The clouds' are simulators."""
    if request.param in ("aws", "gcp"):
        cloud: Cloud = request.getfixturevalue("cloud")
        aws, gcp = cloud.aws(), cloud.gcp()
        return lambda: awskms.opened(aws) if request.param == "aws" else gcpkms.opened(gcp)
    if request.param == "openbao":
        live: LiveKeystore = request.getfixturevalue("live")
        return live.client
    path, entropy = tmp_path_factory.mktemp("local") / "keystore.json", SystemEntropy()
    with Secret(bytearray(b"correct horse battery staple")) as words:
        create(path, words, entropy, FLOOR)

    def opened() -> RotatingKeystore:
        with Secret(bytearray(b"correct horse battery staple")) as words:
            return LocalKeystore.opened(path, words, entropy, int(time.time()))

    return opened


def with_one(kept: Opener, work: Callable[[RotatingKeystore], Awaitable[T]]) -> T:
    async def run() -> T:
        client = kept()
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(run())


def with_client(live: LiveKeystore, work: Callable[[RotatingKeystore], Awaitable[T]]) -> T:
    return with_one(live.client, work)


def sealed(kept: Opener, bound: Bound = BOUND) -> bytes:
    return with_one(kept, lambda client: client.seal([(bound, SECRET)]))[0]


def test_what_was_sealed_opens_again(kept: Opener) -> None:
    """Sealing and unsealing give the same bytes, the ciphertext does not hold them, and check passes."""
    item = sealed(kept)
    assert SECRET not in item
    assert with_one(kept, lambda client: client.unseal([(BOUND, item)], "keeper:1")) == [SECRET]
    with_one(kept, lambda client: client.check())
    assert with_one(kept, lambda client: client.unseal([], "keeper:1")) == []


def test_the_same_is_never_sealed_to_the_same_bytes(kept: Opener) -> None:
    """Two seals of one secret under one binding do not tell that they hold the same."""
    assert sealed(kept) != sealed(kept)


def test_a_rewrapped_item_opens_as_before(kept: Opener) -> None:
    """Sealed anew it lies under the newest version, bound as it was, and a moved one is not sealed anew."""

    async def story(client: RotatingKeystore) -> None:
        (row,) = await client.seal([(BOUND, SECRET)])
        (fresh,) = await client.rewrap([(BOUND, row)])
        assert client.version_of(fresh) == await client.newest() >= client.version_of(row) >= 1
        assert client.version_of(b"") == client.version_of(b"nonsense") == 0
        assert await client.unseal([(BOUND, fresh)], "r") == [SECRET]
        with pytest.raises(Breach):
            await client.rewrap([(replace(BOUND, wallet="w-3"), row)])

    with_one(kept, story)


@pytest.mark.parametrize(
    ("field", "value"),
    [("service", "cooler"), ("wallet", "w-2"), ("network", "eip155:10"), ("purpose", "purse")],
)
def test_refuses_another_binding(kept: Opener, field: str, value: str) -> None:
    """A row moved to another service, wallet, network or purpose does not open: Breach, and says whose."""
    item, other = sealed(kept), replace(BOUND, **{field: value})
    with pytest.raises(Breach) as caught:
        with_one(kept, lambda client: client.unseal([(other, item)], "keeper:2"))
    assert caught.value.code == "keystore.binding"
    assert other.wallet in caught.value.public


@pytest.mark.parametrize(
    "damaged",
    [b"", b"vault:v1:AAAA", b"vault:v9:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", b"\xff\xfe"],
)
def test_refuses_damaged_bytes(kept: Opener, damaged: bytes) -> None:
    """Bytes that are no ciphertext of ours are a breach, not an empty plaintext."""
    with pytest.raises(Breach, match=r"keystore\.binding"):
        with_one(kept, lambda client: client.unseal([(BOUND, damaged)], "keeper:3"))


def test_a_changed_bit_does_not_open(kept: Opener) -> None:
    """One bit of the ciphertext changed anywhere: a breach."""
    item = sealed(kept)
    middle, late = (
        item[:place] + bytes([item[place] ^ 1]) + item[place + 1 :]
        for place in (len(item) // 2, len(item) - 5)
    )
    for changed in (middle, late):
        rows = [(BOUND, changed)]

        async def opening(client: RotatingKeystore, rows: list[tuple[Bound, bytes]] = rows) -> object:
            return await client.unseal(rows, "keeper:3")

        with pytest.raises(Breach):
            with_one(kept, opening)


def test_one_bad_item_closes_the_whole_batch(kept: Opener) -> None:
    """A batch with one moved row opens none of it for the caller."""
    item = sealed(kept)
    other = replace(BOUND, wallet="w-9")
    with pytest.raises(Breach) as caught:
        with_one(kept, lambda client: client.unseal([(BOUND, item), (other, item)], "keeper:4"))
    assert caught.value.fields["wallet"] == "w-9"


def test_a_batch_keeps_its_order(kept: Opener, request: pytest.FixtureRequest) -> None:
    """250 items come back in order; OpenBao is asked for at most a hundred at once."""
    items = [(replace(BOUND, wallet=f"w-{n}"), f"secret {n}".encode()) for n in range(250)]

    async def both_ways(client: RotatingKeystore) -> list[bytes]:
        rows = await client.seal(items)
        bound = [(item[0], row) for item, row in zip(items, rows, strict=True)]
        return await client.unseal(bound, "keeper:5-255")

    assert with_one(kept, both_ways) == [secret for _, secret in items]
    if "openbao" in request.node.name:
        asked = request.getfixturevalue("live").audited("transit/decrypt/keeper-seeds")[-3:]
        assert sorted(len(row.data.batch_input) for row in asked if row.data) == [50, 100, 100]


def test_the_audit_log_names_the_journal_rows_and_no_secret(live: LiveKeystore) -> None:
    """Every opening stands in the log with its reference in clear, and neither plaintext nor token does."""
    item = sealed(live.client)
    with_client(live, lambda client: client.unseal([(BOUND, item)], "keeper:journal:77"))
    last = live.audited("transit/decrypt/keeper-seeds")[-1]
    assert last.headers == {"x-keepcool-reference": ["keeper:journal:77"]}
    log = live.folder / AUDIT
    text = log.read_bytes()
    for secret in (SECRET, base64.b64encode(SECRET), item, live.entry.secret_id.encode()):
        assert secret not in text
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


@pytest.mark.parametrize("reference", ["", "a\nX-Vault-Token: b", "é", "x" * 4097])
def test_refuses_a_reference_that_is_none(kept: Opener, live: LiveKeystore, reference: str) -> None:
    """Nothing is opened without a reference, and a reference cannot smuggle a header."""
    before = len(live.audited("transit/decrypt/keeper-seeds"))
    with pytest.raises(Malformed, match=r"keystore\.reference"):
        with_one(kept, lambda client: client.unseal([(BOUND, b"vault:v1:x")], reference))
    assert len(live.audited("transit/decrypt/keeper-seeds")) == before


def test_the_service_cannot_export_or_change_its_key(live: LiveKeystore) -> None:
    """The service's token may not read, export, back up or reconfigure its own key; root cannot export it."""
    for path in ("export/encryption-key/keeper-seeds", "backup/keeper-seeds", "keys/keeper-seeds"):
        assert (
            live.process.connections.call("GET", f"transit/{path}", None, live.service_token()).status == 403
        )
    config = live.process.connections.call(
        "POST", "transit/keys/keeper-seeds/config", b'{"exportable":true}', live.service_token()
    )
    assert config.status == 403
    exported = live.admin("GET", "transit/export/encryption-key/keeper-seeds")
    assert b"not exportable" in exported.body


def test_refuses_the_other_services_key(live: LiveKeystore) -> None:
    """Keeper's token cannot use Cooler's key, even where both lie in one keystore."""
    settings = live.settings()
    live.admin("POST", "transit/keys/cooler-seeds", {"type": "aes256-gcm96", "derived": True})
    greedy = msgspec.structs.replace(settings, transit_key="cooler-seeds")

    async def run() -> None:
        client = live.client(greedy)
        await client.seal([(BOUND, SECRET)])

    with pytest.raises(Refused) as caught:
        asyncio.run(run())
    assert caught.value.code == "keystore.denied"


def test_refuses_to_work_with_too_much_power(live: LiveKeystore) -> None:
    """With a policy that reaches the peer's key the check refuses; with the control off, the theft works."""
    live.admin("POST", "transit/keys/cooler-seeds", {"type": "aes256-gcm96", "derived": True})
    wide = policy(Service.KEEPER, []) + 'path "transit/*" { capabilities = ["update"] }\n'
    live.admin("POST", "sys/policies/acl/keeper", {"policy": wide})
    try:
        with pytest.raises(Refused) as caught:
            with_client(live, lambda client: client.check())
        assert caught.value.code == "keystore.too_powerful"
        assert "transit/decrypt/cooler-seeds" in caught.value.public
        stolen = live.process.connections.call(
            "POST", "transit/encrypt/cooler-seeds", b'{"plaintext":"","context":"AAAA"}', live.service_token()
        )
        assert stolen.status == 200
    finally:
        own = policy(Service.KEEPER, [Service.COOLER])
        live.admin("POST", "sys/policies/acl/keeper", {"policy": own})
    with_client(live, lambda client: client.check())


def test_a_hundred_at_once_is_fast(live: LiveKeystore) -> None:
    """Of five batches of a hundred one opens in well under a second: a stall would stall every signature."""
    items = [(replace(BOUND, wallet=f"w-{n}"), SECRET) for n in range(100)]

    async def timed(client: RotatingKeystore) -> float:
        rows = await client.seal(items)
        bound = [(item[0], row) for item, row in zip(items, rows, strict=True)]
        took = []
        for _ in range(5):
            begun = time.perf_counter()
            await client.unseal(bound, "keeper:6")
            took.append(time.perf_counter() - begun)
        return min(took)

    assert with_client(live, timed) < 0.5


def test_the_root_token_ends_with_provisioning() -> None:
    """After `finish` the root token opens nothing, and the service still works."""
    with live_keystore(Service.COOLER, Terms(token_s=60)) as live:
        Provisioning(live.process.connections, live.opened.root_token).finish()
        assert live.admin("GET", "sys/policies/acl/cooler").status == 403
        with_client(live, lambda client: client.check())
        assert not (live.folder / "root.token").exists()
