"""The keystore sealed, gone, slow, lying or shut to us: a clear error in bounded time, then work goes on."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from keepcool.adapters.openbao.keystore import OpenBaoKeystore
from keepcool.core.errors import Breach, KeepcoolError, Refused, Unavailable
from keepcool.core.parties import Service
from keepcool.local import keystore as parts
from keepcool.local.process import free_port
from keepcool.local.provision import LOOPBACK, Entry, Provisioning, Terms, initialise
from keepcool.ports.keystore import Bound
from tests.fixtures.keystore import LiveKeystore, live_keystore

pytestmark = pytest.mark.live
BOUND = Bound("keeper", "w-1", "eip155:1", "hot")
QUICK_S = 2  # its timeout is 5


@pytest.fixture(scope="module")
def live() -> Iterator[LiveKeystore]:
    with live_keystore(terms=Terms(token_s=2, token_s_max=5)) as keystore:
        yield keystore


async def sealing(client: OpenBaoKeystore) -> bytes:
    return (await client.seal([(BOUND, b"s")]))[0]


def refusal(client: OpenBaoKeystore) -> KeepcoolError:
    with pytest.raises(KeepcoolError) as caught:
        asyncio.run(sealing(client))
    return caught.value


def test_a_sealed_keystore_is_said_so_and_work_goes_on_after(live: LiveKeystore) -> None:
    """Sealed under a running client: Unavailable keystore.sealed; unsealed: the same client works."""

    async def story() -> None:
        client = live.client()
        row = await sealing(client)
        live.seal()
        for attempt in (client.seal([(BOUND, b"s")]), client.unseal([(BOUND, row)], "r"), client.check()):
            with pytest.raises(Unavailable) as caught:
                await attempt
            assert caught.value.code == "keystore.sealed"
        live.unseal()
        assert await client.unseal([(BOUND, row)], "r") == [b"s"]
        await client.close()

    asyncio.run(story())


def test_a_restarted_keystore_is_found_again(live: LiveKeystore) -> None:
    """Stopped: Unavailable at once. Started and unsealed: the same client opens what it sealed before."""

    async def story() -> None:
        client = live.client()
        row = await sealing(client)
        live.process.stop()
        begun = time.perf_counter()
        with pytest.raises(Unavailable) as caught:
            await client.unseal([(BOUND, row)], "r")
        assert caught.value.code == "keystore.unreachable"
        assert time.perf_counter() - begun < QUICK_S
        live.process.start()
        live.unseal()
        assert await client.unseal([(BOUND, row)], "r") == [b"s"]
        await client.close()

    asyncio.run(story())


def test_an_expired_token_is_renewed_and_replaced(live: LiveKeystore) -> None:
    """With tokens of two seconds and five at the longest, work over seven seconds never notices."""

    async def story() -> None:
        client = live.client()
        row = await sealing(client)
        for _ in range(14):
            assert await client.unseal([(BOUND, row)], "r") == [b"s"]
            await asyncio.sleep(0.5)
        await asyncio.sleep(3)  # expired while idle
        assert await client.unseal([(BOUND, row)], "r") == [b"s"]
        await client.close()

    asyncio.run(story())
    assert live.audited("auth/token/renew-self")


def test_a_revoked_token_is_replaced_and_a_destroyed_secret_id_is_said_so(live: LiveKeystore) -> None:
    """Tokens revoked: log in again. The secret id destroyed: Unavailable keystore.token names its file."""

    async def story() -> None:
        client = live.client()
        await sealing(client)
        assert live.admin("POST", "sys/leases/revoke-prefix/auth/approle/login").status == 204
        await sealing(client)
        body = {"secret_id": live.entry.secret_id}
        destroyed = live.admin("POST", "auth/approle/role/keeper/secret-id/destroy", body)
        assert destroyed.status == 204
        assert live.admin("POST", "sys/leases/revoke-prefix/auth/approle/login").status == 204
        with pytest.raises(Unavailable) as caught:
            await sealing(client)
        assert caught.value.code == "keystore.token"
        assert str(live.folder / "secret.id") in caught.value.public
        await client.close()

    asyncio.run(story())
    fresh = Provisioning(live.process.connections, live.opened.root_token).secret_id(Service.KEEPER, Terms())
    live.entry = Entry(live.entry.role_id, fresh)
    live.admit(live.entry)


def test_a_secret_id_is_bound_to_its_addresses(live: LiveKeystore) -> None:
    """From an address outside the role's ranges nobody comes in, secret id or not."""
    role = "auth/approle/role/keeper"
    bound = {"secret_id_bound_cidrs": ["10.9.8.7/32"], "token_bound_cidrs": ["10.9.8.7/32"]}
    assert live.admin("POST", role, bound).status == 204
    try:
        assert refusal(live.client()).code == "keystore.token"
    finally:
        back = {"secret_id_bound_cidrs": list(LOOPBACK), "token_bound_cidrs": list(LOOPBACK)}
        assert live.admin("POST", role, back).status == 204
    asyncio.run(sealing(live.client()))


def test_a_wrapped_secret_id_opens_once(live: LiveKeystore) -> None:
    """Handed over wrapped it works and is kept unwrapped; opened by somebody else first it is a breach."""
    root = Provisioning(live.process.connections, live.opened.root_token)
    wrapped = root.secret_id(Service.KEEPER, Terms(wrap_s=60))
    file = live.folder / "secret.id"
    kept = file.read_text()
    try:
        file.write_text(wrapped)
        asyncio.run(sealing(live.client()))
        assert not file.read_text().startswith("wrapped ")
        file.write_text(wrapped)
        error = refusal(live.client())
        assert isinstance(error, Breach)
        assert error.code == "keystore.wrapping"
    finally:
        file.write_text(kept)


def test_too_few_or_wrong_shares_do_not_unseal(live: LiveKeystore) -> None:
    """One share of two, or a share of another keystore, leaves it sealed and says so."""
    live.seal()
    try:
        for shares in (live.opened.shares[:1], ["AAAA", "AAAA"]):
            with pytest.raises(Refused) as caught:
                live.process.unseal(shares)
            assert caught.value.code == "keystore.shares"
            assert refusal(live.client()).code == "keystore.sealed"
    finally:
        live.unseal()


def test_initialising_twice_is_refused(live: LiveKeystore) -> None:
    """A keystore that has shares gives no new ones."""
    with pytest.raises(Refused) as caught:
        initialise(live.process.connections)
    assert caught.value.code == "keystore.initialised"


def test_nobody_there_is_said_quickly(live: LiveKeystore) -> None:
    """A closed port is Unavailable keystore.unreachable at once, not after its timeout."""
    settings = msgspec.structs.replace(live.settings(), url=f"https://127.0.0.1:{free_port()}")
    begun = time.perf_counter()
    assert refusal(live.client(settings)).code == "keystore.unreachable"
    assert time.perf_counter() - begun < QUICK_S


def test_a_silent_server_costs_the_timeout_and_no_more(live: LiveKeystore) -> None:
    """A server that accepts and says nothing is given up after the timeout, without a second try."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        settings = msgspec.structs.replace(live.settings(timeout_s=0.5), url=url)
        assert refusal(live.client(settings)).code == "keystore.unreachable"
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_stranger_with_another_certificate_is_not_believed(live: LiveKeystore) -> None:
    """A server whose certificate is not from our CA is refused before a secret id is sent to it."""
    with live_keystore(Service.COOLER) as stranger:
        settings = msgspec.structs.replace(live.settings(), url=stranger.process.plan.url)
        error = refusal(live.client(settings))
        assert error.code == "keystore.unreachable"
        assert "not from our CA" in error.public
        assert not stranger.audited("auth/approle/login")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnonsense!",
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 Away\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 5_000_000,
    ],
)
def test_nonsense_is_unavailable(live: LiveKeystore, answer: bytes) -> None:
    """Whatever a server says instead of an answer, the client ends with Unavailable and follows nowhere."""
    with speaking(live.folder, answer) as url:
        error = refusal(live.client(msgspec.structs.replace(live.settings(timeout_s=2), url=url)))
    assert isinstance(error, Unavailable)


@contextmanager
def speaking(folder: Path, answer: bytes) -> Iterator[str]:
    """A TLS server with the keystore's own certificate that answers everything with these bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / parts.CERTIFICATE, folder / parts.CERTIFICATE_KEY)
    with socket.create_server(("127.0.0.1", 0)) as plain:
        thread = threading.Thread(target=_speak, args=(plain, context, answer), daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{plain.getsockname()[1]}"


def _speak(plain: socket.socket, context: ssl.SSLContext, answer: bytes) -> None:
    while True:
        try:
            connection, _ = plain.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                secure.recv(65536)
                secure.sendall(answer)
        except OSError:
            continue
