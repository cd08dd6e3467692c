"""Over TLS only a certificate that fits is talked to; and a signer that reads a node loads no more for it."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keepcool.adapters.minternode.node import HttpMinterNode
from keepcool.core.errors import KeepcoolError
from keepcool.local.certificates import issue_server, make_authority, write_authority
from tests.live.test_minternode_nonsense import MAINNET, OldClock, Server
from tests.unit.adapters.test_minternode_answers import ACCOUNT, HOT

pytestmark = pytest.mark.live


def served(folder: Path, host: str) -> ssl.SSLContext:
    """A server's side for this name, its authority's certificate in ca.pem."""
    now_s = int(time.time())
    authority = make_authority("a node's authority", now_s)
    write_authority(authority, folder / "ca.pem", folder / "ca.key")
    issue_server(authority, [host], folder / "node.pem", folder / "node.key", now_s)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "node.pem", folder / "node.key")
    return context


def told(folder: Path, host: str, *, pinned: bool) -> str:
    """The address of an account read from a node whose certificate is for `host`, or why not."""
    folder.mkdir()
    ca = folder / "ca.pem" if pinned else None
    tls = served(folder, host)

    async def life() -> str:
        server = Server({"/v2/address": ACCOUNT})
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
        url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        node = HttpMinterNode(MAINNET, url, OldClock(), ca=ca)
        try:
            return (await node.account(HOT)).address
        except KeepcoolError as error:
            assert not server.asked
            return error.public
        finally:
            await node.close()
            server.hang_up()
            listener.close()

    return asyncio.run(life())


def test_a_certificate_must_fit(tmp_path: Path) -> None:
    """The pinned authority and the right name are talked to; another authority or name is asked nothing."""
    assert told(tmp_path / "a", "127.0.0.1", pinned=True) == HOT
    assert "certificate is not valid" in told(tmp_path / "b", "127.0.0.1", pinned=False)
    assert "certificate is not valid" in told(tmp_path / "c", "127.0.0.2", pinned=True)


def test_authorities_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """A file of authorities that is not there is refused when the node is configured."""
    with pytest.raises(KeepcoolError, match=r"node\.ca"):
        HttpMinterNode(MAINNET, "https://node", OldClock(), ca=tmp_path / "none.pem")


def test_a_signer_loads_no_web_client_for_it() -> None:
    """Reading nodes and comparing them needs the standard library alone: no aiohttp, no httpx."""
    code = (
        "import sys, json, keepcool.adapters.minternode.node, keepcool.adapters.minternode.agreement;"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    assert "http.client" in loaded
    assert not {name for name in loaded if name.split(".")[0] in ("aiohttp", "httpx", "requests", "urllib3")}
