"""Functions known by name, and why an ordinary payment never calls them.

Laws: only `transfer` pays; everything else named here is a hazard, and whatever is not named is unknown.
Selectors are written out and a test computes them again from the signatures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Function:
    """`hazard` is the code a call of it raises, "" for none; `danger` says what it does, in a sentence."""

    selector: bytes
    signature: str
    hazard: str
    danger: str

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    @property
    def kinds(self) -> tuple[str, ...]:
        inside = self.signature.partition("(")[2].removesuffix(")")
        return tuple(inside.split(",")) if inside else ()


_ROWS = (
    ("a9059cbb", "transfer(address,uint256)", "", ""),
    # tokens
    ("095ea7b3", "approve(address,uint256)", "token.allowance", "lets another account take tokens later"),
    (
        "39509351",
        "increaseAllowance(address,uint256)",
        "token.allowance",
        "lets another account take more tokens",
    ),
    ("a457c2d7", "decreaseAllowance(address,uint256)", "token.allowance", "changes what another may take"),
    (
        "cae9ca51",
        "approveAndCall(address,uint256,bytes)",
        "token.allowance",
        "lets a contract take tokens now",
    ),
    (
        "d505accf",
        "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
        "token.allowance",
        "lets another account take tokens by signature",
    ),
    (
        "a22cb465",
        "setApprovalForAll(address,bool)",
        "token.allowance",
        "lets another account take every token",
    ),
    ("959b8c3f", "authorizeOperator(address)", "token.allowance", "lets another account take every token"),
    (
        "23b872dd",
        "transferFrom(address,address,uint256)",
        "token.transfer_from",
        "moves tokens under an allowance",
    ),
    (
        "42842e0e",
        "safeTransferFrom(address,address,uint256)",
        "token.transfer_from",
        "moves a token and calls",
    ),
    (
        "b88d4fde",
        "safeTransferFrom(address,address,uint256,bytes)",
        "token.transfer_from",
        "moves a token and calls its receiver",
    ),
    (
        "4000aea0",
        "transferAndCall(address,uint256,bytes)",
        "token.callback",
        "pays tokens and calls the receiver",
    ),
    ("9bd9bbc6", "send(address,uint256,bytes)", "token.callback", "pays tokens and calls the receiver"),
    ("d0e30db0", "deposit()", "token.wrap", "wraps native coins"),
    ("2e1a7d4d", "withdraw(uint256)", "token.wrap", "unwraps tokens"),
    # contracts that somebody owns
    ("f2fde38b", "transferOwnership(address)", "contract.ownership", "gives a contract away"),
    ("715018a6", "renounceOwnership()", "contract.ownership", "gives a contract up"),
    ("3659cfe6", "upgradeTo(address)", "contract.upgrade", "replaces a contract's code"),
    (
        "4f1ef286",
        "upgradeToAndCall(address,bytes)",
        "contract.upgrade",
        "replaces a contract's code and runs it",
    ),
    # the Safe itself
    ("0d582f13", "addOwnerWithThreshold(address,uint256)", "safe.owners", "adds an owner"),
    ("f8dc5dd9", "removeOwner(address,address,uint256)", "safe.owners", "removes an owner"),
    ("e318b52b", "swapOwner(address,address,address)", "safe.owners", "replaces an owner"),
    ("694e80c3", "changeThreshold(uint256)", "safe.threshold", "changes how many owners must sign"),
    ("610b5925", "enableModule(address)", "safe.modules", "lets a contract spend without signatures"),
    ("e009cfde", "disableModule(address,address)", "safe.modules", "takes a module's right away"),
    ("e19a9dd9", "setGuard(address)", "safe.guard", "replaces the contract that checks every transaction"),
    ("e068df37", "setModuleGuard(address)", "safe.guard", "replaces the contract that checks modules"),
    (
        "f08a0323",
        "setFallbackHandler(address)",
        "safe.fallback",
        "replaces the contract that answers for the Safe",
    ),
    ("7de7edef", "changeMasterCopy(address)", "safe.code", "replaces the Safe's code"),
    ("f6682ab0", "migrateSingleton()", "safe.code", "replaces the Safe's code"),
    (
        "ed007fc6",
        "migrateWithFallbackHandler()",
        "safe.code",
        "replaces the Safe's code and fallback handler",
    ),
    ("07f464a4", "migrateL2Singleton()", "safe.code", "replaces the Safe's code"),
    (
        "68cb3d94",
        "migrateL2WithFallbackHandler()",
        "safe.code",
        "replaces the Safe's code and fallback handler",
    ),
    (
        "b63e800d",
        "setup(address[],uint256,address,bytes,address,address,uint256,address)",
        "safe.owners",
        "sets a Safe's owners up",
    ),
    ("d4d9bdcd", "approveHash(bytes32)", "safe.approve", "approves another transaction by its hash alone"),
    (
        "6a761202",
        "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)",
        "safe.nested",
        "executes a transaction of another Safe",
    ),
    (
        "468721a7",
        "execTransactionFromModule(address,uint256,bytes,uint8)",
        "safe.nested",
        "spends from a Safe as its module",
    ),
    (
        "5229073f",
        "execTransactionFromModuleReturnData(address,uint256,bytes,uint8)",
        "safe.nested",
        "spends from a Safe as its module",
    ),
    ("b4faba09", "simulateAndRevert(address,bytes)", "safe.nested", "runs foreign code inside the Safe"),
    ("8d80ff0a", "multiSend(bytes)", "safe.nested", "runs a batch in the name of the batch contract"),
    ("1688f0b9", "createProxyWithNonce(address,bytes,uint256)", "safe.deploy", "deploys a Safe"),
    ("4662f9d6", "createProxyWithNonceL2(address,bytes,uint256)", "safe.deploy", "deploys a Safe"),
    ("ec9e80bb", "createChainSpecificProxyWithNonce(address,bytes,uint256)", "safe.deploy", "deploys a Safe"),
)

FUNCTIONS: Mapping[bytes, Function] = MappingProxyType(
    {bytes.fromhex(row[0]): Function(bytes.fromhex(row[0]), *row[1:]) for row in _ROWS}
)
