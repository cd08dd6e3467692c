"""A keystore over its years: entered by a wrapped secret id, rotated by an operator, audited twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from keepcool.adapters.keystoredesk import KeystoreDesk
from keepcool.adapters.openbao.operator import ROLE_ID, SECRET_ID, KeystoreOperator
from keepcool.core.errors import Breach, KeepcoolError, Refused
from keepcool.core.parties import Service
from keepcool.local import keystore as parts
from keepcool.local.provision import Terms
from keepcool.ports.keystore import Bound
from keepcool.ports.settings import KeystoreSettings
from tests.fixtures.keystore import LiveKeystore, live_keystore

pytestmark = pytest.mark.live
BOUND = Bound("keeper", "w-1", "eip155:1", "hot")
WAIT_S = 90.0


@pytest.fixture(scope="module")
def live() -> Iterator[LiveKeystore]:
    with live_keystore(terms=Terms(token_s=3, token_s_max=600)) as keystore:
        folder = keystore.folder / "operator"
        folder.mkdir(mode=0o700)
        (folder / ROLE_ID).write_text(keystore.entry.operator_role_id)
        (folder / SECRET_ID).write_text(keystore.entry.operator_secret_id)
        yield keystore


def settings(live: LiveKeystore) -> KeystoreSettings:
    """With absolute paths, as a service's own commands have them."""
    there = live.settings()
    paths = {name: str(live.folder / getattr(there, name)) for name in ("ca", "role_id", "secret_id")}
    return msgspec.structs.replace(there, **paths)


def desk(live: LiveKeystore) -> KeystoreDesk:
    return KeystoreDesk(settings(live), Service.KEEPER, live.folder / "keeper.sock")


def wrapped(live: LiveKeystore, for_s: int = 60) -> Path:
    file = live.folder / "wrapped.token"
    file.write_text(desk(live).wrap(live.folder / "operator", for_s) + "\n")
    return file


async def sealing(live: LiveKeystore) -> bytes:
    client = live.client()
    try:
        return (await client.seal([(BOUND, b"s")]))[0]
    finally:
        await client.close()


def test_a_service_enrols_with_a_wrapped_secret_id(live: LiveKeystore) -> None:
    """The token is opened once, the secret id lets the service in, is kept for its owner alone, and the token
    is gone; the old file is replaced in one step."""
    before = (live.folder / "secret.id").read_text()
    file = wrapped(live)
    kept = desk(live).enroll(file)
    assert kept == live.folder / "secret.id"
    assert (kept.stat().st_mode & 0o777, file.exists()) == (0o600, False)
    assert kept.read_text() not in (before, "")
    asyncio.run(sealing(live))


def test_a_token_that_somebody_else_opened_is_an_alarm(live: LiveKeystore) -> None:
    """Opened on its way, or grown too old, it is a breach that says ALARM, and the service keeps its old way
    in; so is a token of another kind that was put in its place."""
    file, kept = wrapped(live), live.folder / "secret.id"
    before, token = kept.read_text(), file.read_text().strip()
    call = live.process.connections.call
    assert call("POST", "sys/wrapping/unwrap", b"{}", {"X-Vault-Token": token}).status == 200
    exchanged = live.folder / "exchanged.token"
    wrap = live.process.connections.call(
        "POST", "sys/wrapping/wrap", b'{"secret_id":"mine"}', root(live) | {"X-Vault-Wrap-TTL": "60s"}
    )
    exchanged.write_text(msgspec.json.decode(wrap.body)["wrap_info"]["token"])
    for stolen in (file, exchanged):
        with pytest.raises(Breach) as caught:
            desk(live).enroll(stolen)
        assert caught.value.code == "keystore.wrapping"
        assert "ALARM" in caught.value.public
    assert kept.read_text() == before
    asyncio.run(sealing(live))


def root(live: LiveKeystore) -> dict[str, str]:
    return {"X-Vault-Token": live.opened.root_token}


def test_an_operator_rotates_and_opens_nothing(live: LiveKeystore) -> None:
    """The operator's role rotates, retires, and issues wrapped secret ids; it decrypts nothing, exports
    nothing, changes nothing else of the key, and gets no bare secret id."""
    operator = KeystoreOperator(settings(live), live.folder / "operator")
    row = asyncio.run(sealing(live))
    newest, _ = operator.versions()
    assert operator.rotate() == newest + 1
    session = operator._session
    for path, body in (
        ("transit/decrypt/keeper-seeds", {"ciphertext": row.decode()}),
        ("transit/keys/keeper-seeds/config", {"exportable": True}),
        ("transit/keys/keeper-seeds/config", {"deletion_allowed": True}),
        ("auth/approle/role/keeper/secret-id", {}),
        ("sys/policies/acl/keeper", {"policy": ""}),
    ):
        assert session.post(path, body).status == 403, path

    async def story() -> None:
        client = live.client()
        for deed in (client.rotate(), client.retire(newest + 1)):
            with pytest.raises(Refused, match=r"keystore\.operator"):
                await deed
        (fresh,) = await client.rewrap([(BOUND, row)])
        operator.retire(newest + 1)
        assert await client.unseal([(BOUND, fresh)], "r") == [b"s"]
        with pytest.raises(Breach):
            await client.unseal([(BOUND, row)], "r")
        await client.close()

    asyncio.run(story())
    operator.close()


def test_a_token_is_renewed_over_a_restart_of_its_keystore(live: LiveKeystore) -> None:
    """With tokens of three seconds, work goes on over a restart; renewals, not new logins, carry it."""

    async def story() -> None:
        client = live.client()
        (row,) = await client.seal([(BOUND, b"s")])
        logins = len(live.audited("auth/approle/login"))
        until = time.monotonic() + 5
        while time.monotonic() < until:
            assert await client.unseal([(BOUND, row)], "r") == [b"s"]
            await asyncio.sleep(0.3)
        renewed = len(live.audited("auth/token/renew-self"))
        assert renewed
        assert len(live.audited("auth/approle/login")) == logins
        live.process.stop()
        live.process.start()
        live.unseal()
        assert await client.unseal([(BOUND, row)], "r") == [b"s"]
        await client.close()

    asyncio.run(story())


def test_one_audit_device_may_fail_and_not_both(live: LiveKeystore) -> None:
    """With one audit file gone openings go on and stand in the other; with both gone nothing is opened."""

    async def story() -> None:
        client = live.client()
        (row,) = await client.seal([(BOUND, b"s")])
        first, second = live.folder / parts.AUDIT, live.folder / parts.AUDIT_SECOND
        broken(live, first)
        assert await client.unseal([(BOUND, row)], "only-the-second") == [b"s"]
        assert b"only-the-second" in second.read_bytes()
        broken(live, second)
        with pytest.raises(KeepcoolError):
            await client.unseal([(BOUND, row)], "unseen")
        for file in (first, second):
            file.rmdir()
        deadline_s = time.monotonic() + WAIT_S
        while True:
            try:
                assert await client.unseal([(BOUND, row)], "seen-again") == [b"s"]
                break
            except KeepcoolError:
                assert time.monotonic() < deadline_s
                await asyncio.sleep(0.3)
        assert b"unseen" not in second.read_bytes() + first.read_bytes()
        await client.close()

    asyncio.run(story())


def broken(live: LiveKeystore, file: Path) -> None:
    """The file becomes a folder, and OpenBao is told to open its audit files again."""
    file.rename(file.with_name(f"{file.name}.kept"))
    file.mkdir()
    os.kill(live.process.child.pid, signal.SIGHUP)
    deadline_s = time.monotonic() + WAIT_S
    while _holds(live.process.child.pid, file):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def _holds(pid: int, file: Path) -> bool:
    """Whether the process has the file, as it was renamed, open still."""
    kept = str(file.with_name(f"{file.name}.kept"))
    held = [str(one) for one in Path(f"/proc/{pid}/fd").iterdir()]
    said = subprocess.run(["readlink", *held], capture_output=True, text=True, check=False)
    return kept in said.stdout
