"""A regtest node of the Core family as a child process: asked by its cookie, ended by its own `stop`.

Laws: a folder and a port of its own, reached on this host only; the real binary is started, not Debian's
shell wrapper.
"""

from __future__ import annotations

import http.client
import json
from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from keepcool.core.errors import Unavailable
from keepcool.local.bitcoinprogram import Program
from keepcool.local.process import ChildProcess, free_port

_START_TIMEOUT_S, _STOP_TIMEOUT_S, _CALL_TIMEOUT_S = 90.0, 60.0, 60.0
_WALLET = "dev"
_OPTIONS = (
    "-regtest",
    "-server=1",
    "-rest=1",
    "-listen=0",
    "-dnsseed=0",
    "-rpcbind=127.0.0.1",
    "-rpcallowip=127.0.0.1",
    "-rpcservertimeout=3",  # its end waits for idle connections
    "-dbcache=16",
    "-keypool=10",
    "-fallbackfee=0.0002",
    "-printtoconsole=1",
    "-debuglogfile=0",
)


class RegtestNode:
    """One regtest node. What it knew is in its folder and there again after `start`."""

    def __init__(
        self, program: Program, folder: Path, *, port: int | None = None, options: tuple[str, ...] = ()
    ) -> None:
        """`options` are the node's own, after ours: the last one counts."""
        self.program, self.folder, self.port = program, folder, port or free_port()
        argv = [str(program.file), *_OPTIONS, *program.options]
        argv += [f"-datadir={folder}", f"-rpcport={self.port}", *options]
        log = folder / f"{program.name}.log"
        self.process = ChildProcess(program.name, argv, folder, log, program.environment)

    @property
    def url(self) -> str:
        """Without a password: that stands in the file `credentials`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> Path:
        """The node's cookie, another one after every start."""
        return self.folder / "regtest" / ".cookie"

    def start(self) -> None:
        """Returns when it answers and its wallet is open."""
        self.process.start()
        self.process.wait_ready(self._answers, _START_TIMEOUT_S)
        self._open_wallet()

    def stop(self) -> None:
        if not self.process.alive:
            return
        try:
            self.ask("stop")
            self.process.wait(_STOP_TIMEOUT_S)
        except Unavailable:
            self.process.terminate(_STOP_TIMEOUT_S)

    def kill(self) -> None:
        """Without a word; blocks it had written are there again after `start`."""
        self.process.kill9()

    def restart(self) -> None:
        self.stop()
        self.start()

    def ask(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call. Raises Unavailable with the node's complaint."""
        answer = self.call(method, *params)
        if answer.get("error") is not None:
            text = f"{self.program.name}: {method}: {str(answer['error'])[:300]}"
            raise Unavailable("devbitcoin.error", text)
        return answer["result"]

    def call(self, method: str, *params: Any) -> dict[str, Any]:
        """The whole answer, whatever it is. Raises Unavailable."""
        body = json.dumps({"id": 1, "method": method, "params": params})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_CALL_TIMEOUT_S)
        try:
            secret = b64encode(self.credentials.read_bytes().strip()).decode()
            connection.request("POST", "/", body, {"Authorization": f"Basic {secret}"})
            return dict(json.loads(connection.getresponse().read(), parse_float=Decimal))
        except (OSError, http.client.HTTPException, ValueError) as error:
            text = f"{self.program.name} does not answer: {error}"
            raise Unavailable("devbitcoin.away", text) from error
        finally:
            connection.close()

    def _open_wallet(self) -> None:
        if _WALLET in self.ask("listwallets"):
            return
        if self.call("loadwallet", _WALLET).get("error") is not None:
            self.ask("createwallet", _WALLET)

    def _answers(self) -> bool:
        if not self.credentials.exists():
            return False
        try:
            return isinstance(self.ask("getblockcount"), int)
        except Unavailable:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
