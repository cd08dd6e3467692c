"""A local EVM chain with the official contracts at their canonical addresses, for the demo and live tests.

Laws: the contracts are the published ones, from npm, deployed by the Safe singleton factory's own pre-signed
transaction, so their addresses are mainnet's; coins come from the node's unlocked development accounts,
and no private key stands here. Safe deployments; ERC-2470's successor, the Safe singleton factory.
"""

from __future__ import annotations

import http.client
import json
import platform
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepcool.chains.evm import abi
from keepcool.chains.evm.address import parse_address, raw_of, to_checksum
from keepcool.chains.evm.forwarders import FACTORY, factory_creation
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Breach, Unavailable
from keepcool.local.process import ChildProcess, free_port

CHAIN_ID = 31337
_GAS = hex(8_000_000)
# a long chain is read and written whole
_START_TIMEOUT_S, _STOP_TIMEOUT_S, _CALL_TIMEOUT_S = 60.0, 60.0, 20.0
_POLLS, _POLL_S = 100, 0.005
_ARTIFACTS = Path("build/artifacts/contracts")
_SAFES = {  # the npm package's name changed between them
    "1.5.0": Path("@safe-global/safe-smart-account") / _ARTIFACTS,
    "1.4.1": Path("@safe-global/safe-contracts") / _ARTIFACTS,
}
_CONTRACTS = (
    "Safe.sol/Safe.json",
    "SafeL2.sol/SafeL2.json",
    "proxies/SafeProxyFactory.sol/SafeProxyFactory.json",
    "libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json",
    "libraries/MultiSend.sol/MultiSend.json",
    "handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json",
)
_FACTORY = "@safe-global/safe-singleton-factory/artifacts/{}/deployment.json"  # signed for each chain
_TOKEN = Path("@openzeppelin/contracts/build/contracts/ERC20PresetFixedSupply.json")


@dataclass(frozen=True, slots=True)
class Mining:
    """`block_time_s` None mines a block per transaction; `epoch_slots` is how many blocks make an epoch:
    the finalized block is two epochs behind the newest."""

    block_time_s: int | None = None
    epoch_slots: int = 32


class DevChain:
    """One anvil on a port of its own. `npm` is the folder node_modules."""

    def __init__(
        self,
        npm: Path,
        folder: Path,
        *,
        mining: Mining = Mining(),
        chain_id: int = CHAIN_ID,
        port: int | None = None,
    ) -> None:
        self.npm, self.chain_id, self.port = npm, chain_id, port or free_port()
        argv = [str(program(npm)), "--host", "127.0.0.1", "--port", str(self.port), "--silent"]
        argv += ["--chain-id", str(chain_id), "--slots-in-an-epoch", str(mining.epoch_slots)]
        argv += ["--state", str(folder / "anvil.json"), "--preserve-historical-states"]
        if mining.block_time_s is not None:
            argv += ["--block-time", str(mining.block_time_s), "--mixed-mining"]
        self.process = ChildProcess("anvil", argv, folder, folder / "anvil.log")
        self._mining = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process.start()
        self.process.wait_ready(self._answers, _START_TIMEOUT_S)

    def stop(self) -> None:
        """Ends it; what the chain knew is written to its folder and there again after `start`.

        Blocks stop first: one made while the state is being written would be seen by its followers and be
        gone after `start`, which is a reorganisation of final blocks."""
        with self._mining:
            self.ask("evm_setAutomine", False)  # noqa: FBT003 - JSON-RPC
            self.ask("evm_setIntervalMining", 0)
            self.process.terminate(_STOP_TIMEOUT_S)

    def ask(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call. Raises Unavailable with the node's complaint."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_CALL_TIMEOUT_S)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable("devchain.away", f"anvil does not answer: {error}") from error
        finally:
            connection.close()
        if "error" in answer:
            raise Unavailable("devchain.error", f"anvil: {method}: {str(answer['error'])[:300]}")
        return answer["result"]

    def accounts(self) -> list[str]:
        """The node's development accounts, unlocked and rich, in EIP-55."""
        return [to_checksum(bytes.fromhex(text[2:])) for text in self.ask("eth_accounts")]

    def send(
        self, to: str | None, *, value: int = 0, data: bytes = b"", sender: str | None = None
    ) -> dict[str, Any]:
        """A transaction from a development account (the first); its receipt. Raises Unavailable when it
        fails on chain."""
        call = {"from": sender or self.accounts()[0], "value": hex(value), "data": "0x" + data.hex()}
        call |= {"gas": _GAS} if to is None else {"to": to}
        return self.receipt(self.ask("eth_sendTransaction", call))

    def receipt(self, transaction: str) -> dict[str, Any]:
        """Waits for it, and mines when it must. Raises Unavailable when the transaction failed."""
        receipt = self._mined(transaction)
        if receipt is None:
            self.mine()
            receipt = self._mined(transaction)
        if receipt is None or receipt["status"] != "0x1":
            raise Unavailable("devchain.failed", f"anvil: {transaction} failed on chain")
        return receipt

    def mine(self, blocks: int = 1) -> None:
        with self._mining:
            self.ask("anvil_mine", hex(blocks))

    def height(self) -> int:
        return int(self.ask("eth_blockNumber"), 16)

    def balance(self, address: str, token: str | None = None) -> int:
        """Now, in wei or token units."""
        if token is None:
            return int(self.ask("eth_getBalance", address, "latest"), 16)
        data = "0x70a08231" + abi.address(address).hex()
        return int(self.ask("eth_call", {"to": token, "data": data}, "latest"), 16)

    def fund(self, address: str, wei: int) -> dict[str, Any]:
        return self.send(address, value=wei)

    def fund_token(self, token: str, address: str, units: int) -> dict[str, Any]:
        """Tokens from the first development account, which owns the whole supply of `deploy_token`."""
        data = bytes.fromhex("a9059cbb") + abi.encode(abi.address(address), abi.uint(units))
        return self.send(token, data=data)

    def deploy(self, creation: bytes) -> str:
        """A contract from its creation code and arguments; its address."""
        receipt = self.send(None, data=creation)
        return to_checksum(bytes.fromhex(receipt["contractAddress"][2:]))

    def has_code(self, address: str) -> bool:
        return bool(self.ask("eth_getCode", address, "latest") != "0x")

    def reorganise(self, depth: int, transactions: Sequence[tuple[dict[str, str], int]] = ()) -> None:
        """Replaces the newest `depth` blocks by others, which hold only these transactions, each with the
        number of the new block it goes to."""
        self.ask("anvil_reorg", depth, [[call, block] for call, block in transactions])

    def _mined(self, transaction: str) -> dict[str, Any] | None:
        for _ in range(_POLLS):
            receipt = self.ask("eth_getTransactionReceipt", transaction)
            if receipt is not None:
                return dict(receipt)
            time.sleep(_POLL_S)  # a block is made right after the transaction is taken, not with it
        return None

    def _answers(self) -> bool:
        try:
            return bool(self.ask("eth_chainId") == hex(self.chain_id))
        except Unavailable:
            return False

    def __enter__(self) -> DevChain:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def deploy_safe_contracts(chain: DevChain, versions: Sequence[str] = tuple(_SAFES)) -> None:
    """The singleton factory, the official Safe contracts of these versions and the forwarders' factory. Asked
    again, it does nothing. Raises Breach when one does not land where the published deployments say."""
    factory = _singleton_factory(chain)
    for name in [_SAFES[version] / name for version in versions for name in _CONTRACTS]:
        creation = bytes.fromhex(_artifact(chain.npm, name)["bytecode"][2:])
        address = create2(factory, bytes(32), keccak256(creation))
        if not chain.has_code(address):
            chain.send(factory, data=bytes(32) + creation)
        if not chain.has_code(address):
            raise Breach("devchain.contract", f"{name.stem} did not land on {address}")
    if not chain.has_code(FACTORY.address):
        chain.send(factory, data=factory_creation())


def deploy_token(chain: DevChain, name: str, symbol: str, supply: int) -> str:
    """OpenZeppelin's ERC20PresetFixedSupply (18 decimals), all of it the first account's; its address."""
    owner = chain.accounts()[0]
    arguments = abi.encode(
        abi.dynamic_bytes(name.encode()),
        abi.dynamic_bytes(symbol.encode()),
        abi.uint(supply),
        abi.address(owner),
    )
    return chain.deploy(bytes.fromhex(_artifact(chain.npm, _TOKEN)["bytecode"][2:]) + arguments)


def _singleton_factory(chain: DevChain) -> str:
    published = _artifact(chain.npm, Path(_FACTORY.format(chain.chain_id)))
    address = parse_address(published["address"])
    if not chain.has_code(address):
        cost = int(published["gasPrice"]) * int(published["gasLimit"])
        chain.fund(parse_address(published["signerAddress"]), cost)
        chain.receipt(chain.ask("eth_sendRawTransaction", published["transaction"]))
    return address


def _artifact(npm: Path, path: Path) -> dict[str, Any]:
    file = npm / path
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise Unavailable("devchain.package", f"{path} is missing; run: npm ci") from error


def program(npm: Path) -> Path:
    """anvil for this machine. Raises Unavailable with the mend."""
    cpu = {"x86_64": "amd64", "aarch64": "arm64", "AMD64": "amd64"}.get(
        platform.machine(), platform.machine()
    )
    name = "anvil.exe" if sys.platform == "win32" else "anvil"
    file = npm / "@foundry-rs" / f"anvil-{sys.platform}-{cpu}" / "bin" / name
    if not file.is_file():
        raise Unavailable("devchain.program", "anvil is missing; run: npm ci")
    return file


def create2(deployer: str, salt: bytes, init_code_hash: bytes) -> str:
    """EIP-1014."""
    return to_checksum(keccak256(b"\xff" + raw_of(deployer) + salt + init_code_hash)[12:])
