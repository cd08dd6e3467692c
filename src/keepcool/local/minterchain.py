"""The Minter simulator as a child process, for the demo and live tests.

Laws: it is a simulator and no node; coins come out of nothing by its own control routes, so no private key
stands here; what it knew is in its folder and there again after `start`.
"""

from __future__ import annotations

import http.client
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepcool.core.errors import Unavailable
from keepcool.local.process import ChildProcess, free_port

_START_TIMEOUT_S, _STOP_TIMEOUT_S, _CALL_TIMEOUT_S = 60.0, 20.0, 30.0


@dataclass(frozen=True, slots=True)
class Token:
    """A coin beside the base coin. `pool` is (pip of it, pip of the base coin): with one it can pay fees."""

    id: int
    symbol: str
    pool: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """`block_ms` 0 makes blocks only by `mine`."""

    block_ms: int = 1000
    subscription_s: int = 60
    keep_last_states: int = 120


class MinterFace:
    """A simulator at one port, as its callers see it."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """HTTP status and JSON of any route. Raises Unavailable."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_CALL_TIMEOUT_S)
        try:
            connection.request(
                method,
                path,
                None if body is None else json.dumps(body),
                {"Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            text = f"the Minter simulator does not answer: {error}"
            raise Unavailable("devminter.away", text) from error
        finally:
            connection.close()

    def ask(self, path: str) -> Any:
        """A route of the HTTP API v2, such as "/status". Raises Unavailable with its complaint."""
        return self._good("GET", "/v2" + path)

    def control(self, path: str, **body: Any) -> Any:
        """A control route, such as "/mine". Raises Unavailable with its complaint."""
        return self._good("POST", "/devnet" + path, body)

    def send(self, raw: bytes) -> tuple[int, Any]:
        """HTTP status and answer, whatever they are."""
        return self.call("POST", "/v2/send_transaction", {"tx": "0x" + raw.hex()})

    def fund(self, address: str, pip: int, coin: int = 0) -> int:
        """Coins out of nothing, in a block of their own; its height."""
        self.control("/give", address=address, pip=str(pip), coin=coin)
        return self.mine()

    def mine(self, blocks: int = 1) -> int:
        return int(self.control("/mine", blocks=blocks)["height"])

    def faults(self, **faults: Any) -> None:
        """Begins these; `mend` ends all."""
        self.control("/faults", **faults)

    def mend(self) -> None:
        self._good("DELETE", "/devnet/faults")

    def height(self) -> int:
        return int(self.ask("/status")["latest_block_height"])

    def balance(self, address: str, coin: int = 0) -> int:
        """Now, in pip, as the chain holds it."""
        held = self.ask(f"/address/{address}")["balance"]
        return next((int(one["value"]) for one in held if one["coin"]["id"] == str(coin)), 0)

    def multisig(self, address: str) -> tuple[int, tuple[str, ...]]:
        """Threshold and owners as the chain holds them; (0, ()) where no wallet stands."""
        held = self.ask(f"/address/{address}")["multisig"]
        return (0, ()) if held is None else (int(held["threshold"]), tuple(held["addresses"]))

    def _good(self, method: str, path: str, body: object = None) -> Any:
        status, answer = self.call(method, path, body)
        if status != 200:
            raise Unavailable("devminter.error", f"Minter simulator: {path}: {str(answer)[:300]}")
        return answer


class DevMinter(MinterFace):
    """One simulator on a port of its own. `mirrors` show the same chain, each with faults of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        chain_id: int = 2,
        pace: Pace = Pace(),
        tokens: tuple[Token, ...] = (),
        price_coin: int = 0,
        port: int | None = None,
        mirrors: int = 0,
    ) -> None:
        super().__init__(port or free_port())
        self.chain_id = chain_id
        self.mirrors = tuple(MinterFace(free_port()) for _ in range(mirrors))
        argv = [sys.executable, "-m", "keepcool.devnet", "--port", str(self.port)]
        argv += ["--chain-id", str(chain_id), "--block-ms", str(pace.block_ms)]
        argv += ["--data", str(folder / "minter.sqlite"), "--price-coin", str(price_coin)]
        argv += ["--keep-last-states", str(pace.keep_last_states)]
        argv += ["--subscription-s", str(pace.subscription_s)]
        argv += [word for mirror in self.mirrors for word in ("--mirror", str(mirror.port))]
        for token in tokens:
            pool = "" if token.pool is None else f":{token.pool[0]}:{token.pool[1]}"
            argv += ["--coin", f"{token.id}:{token.symbol}{pool}"]
        self.process = ChildProcess("minter simulator", argv, folder, folder / "minter.log")

    def start(self) -> None:
        self.process.start()
        self.process.wait_ready(self._answers, _START_TIMEOUT_S)

    def stop(self) -> None:
        self.process.terminate(_STOP_TIMEOUT_S)

    def kill(self) -> None:
        """Without a word; what was in a block is there again after `start`."""
        self.process.kill9()

    def _answers(self) -> bool:
        try:
            return int(self.call("GET", "/devnet")[1]["chain_id"]) == self.chain_id
        except (Unavailable, KeyError):
            return False

    def __enter__(self) -> DevMinter:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
