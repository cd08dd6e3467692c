"""A node of the Core family as a child process on regtest, litecoind or bitcoind: for demo and live tests.

Laws: a real node with its own folder and port, reached on this host only and by its cookie; coins come from
blocks it mines for its own wallet, and no private key stands here; the real binary is started, not Debian's
shell wrapper, and it ends by its own `stop`.
"""

from __future__ import annotations

import http.client
import json
import threading
from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from keepcool.core.errors import Unavailable
from keepcool.local.bitcoinprogram import Program, litecoind
from keepcool.local.process import ChildProcess, free_port

COIN = 10**8
_START_TIMEOUT_S, _STOP_TIMEOUT_S, _CALL_TIMEOUT_S = 90.0, 60.0, 60.0
_WALLET = "dev"
_MATURITY = 100
_BLOCKS_A_CALL = 50
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


class DevBitcoin:
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
        self._mining = threading.Lock()
        self._sink: str | None = None

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

    def mine(self, blocks: int = 1, address: str | None = None) -> list[str]:
        """New blocks on the best chain, their coins to `address` or to a throw-away one; their hashes."""
        hashes: list[str] = []
        with self._mining:
            if address is None:
                self._sink = self._sink or self.new_address()
            while len(hashes) < blocks:
                count = min(_BLOCKS_A_CALL, blocks - len(hashes))
                hashes += self.ask("generatetoaddress", count, address or self._sink)
        return hashes

    def fund(self, coins: int = 1) -> None:
        """Makes the node's own wallet rich: that many mature block rewards of its own."""
        self.mine(coins, self.new_address())
        self.mine(_MATURITY)

    def pay(self, address: str, sat: int) -> str:
        """From the node's own wallet into the pool; the transaction's id."""
        if int(self.ask("getbalance") * COIN) < sat + COIN // 100:
            self.fund(4)
        return str(self.ask("sendtoaddress", address, amount(sat)))

    def pay_many(self, outputs: dict[str, int]) -> str:
        """One transaction to many addresses."""
        if int(self.ask("getbalance") * COIN) < sum(outputs.values()) + COIN // 10:
            self.fund(4)
        return str(self.ask("sendmany", "", {address: amount(sat) for address, sat in outputs.items()}))

    def new_address(self, kind: str = "bech32") -> str:
        """One of the node's own: "legacy", "p2sh-segwit" or "bech32"."""
        return str(self.ask("getnewaddress", "", kind))

    def height(self) -> int:
        return int(self.ask("getblockcount"))

    def tip(self) -> str:
        return str(self.ask("getbestblockhash"))

    def mempool(self) -> set[str]:
        return set(self.ask("getrawmempool"))

    def balance(self, address: str) -> int:
        """Of all unspent outputs in blocks to this address."""
        found = self.ask("scantxoutset", "start", [f"addr({address})"])
        return int(found["total_amount"] * COIN)

    def invalidate(self, block_hash: str) -> None:
        """Gives this block and all after it up: what they held is back in the pool. Mine others."""
        self.ask("invalidateblock", block_hash)

    def reorganise(self, depth: int, *, empty: bool = False) -> list[str]:
        """Replaces the newest `depth` blocks by `depth` + 1 others; with `empty` they hold nothing and the
        lost transactions wait in the pool. Hashes of the new ones."""
        self.invalidate(str(self.ask("getblockhash", self.height() - depth + 1)))
        if not empty:
            return self.mine(depth + 1)
        with self._mining:
            sink = self.new_address()
            return [str(self.ask("generateblock", sink, [])["hash"]) for _ in range(depth + 1)]

    def copy_to(self, other: DevBitcoin) -> None:
        """Gives every block of the best chain to another node that lacks it."""
        lacked = []
        block_hash = self.tip()
        while other.call("getblock", block_hash, 0).get("error") is not None:
            lacked.append(block_hash)
            block_hash = self.ask("getblockheader", block_hash)["previousblockhash"]
        for one in reversed(lacked):
            other.ask("submitblock", self.ask("getblock", one, 0))

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


class DevLitecoin(DevBitcoin):
    """Litecoin regtest by litecoind, with transactions replaced (Litecoin Core does not by itself)."""

    def __init__(
        self, folder: Path, build: Path, *, port: int | None = None, options: tuple[str, ...] = ()
    ) -> None:
        """`build` is where `make setup` puts what it cannot install. Raises Unavailable with the mend."""
        super().__init__(litecoind(build), folder, port=port, options=options)


def amount(sat: int) -> str:
    """As these nodes read amounts: coins with eight decimals."""
    return f"{sat // COIN}.{sat % COIN:08d}"
