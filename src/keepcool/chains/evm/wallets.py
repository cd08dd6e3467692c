"""A wallet's birth: the Safe's setup, its address before it exists, and its deployment.

Laws: the address commits to owners, their order, threshold and profile; setup makes no delegatecall and pays
nobody; what is read here re-encodes to the same bytes. CREATE2 (EIP-1014), SafeProxyFactory 1.4.1 and 1.5.0.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.chains.evm import abi
from keepcool.chains.evm.address import ZERO, is_reserved, parse_address, raw_of, to_checksum
from keepcool.chains.evm.profiles import SafeProfile
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Malformed
from keepcool.core.ids import WalletId

SETUP = bytes.fromhex("b63e800d")  # setup(address[],uint256,address,bytes,address,address,uint256,address)
CREATE_PROXY = bytes.fromhex("1688f0b9")  # createProxyWithNonce(address,bytes,uint256)
OWNERS_MAX = 20
_SALT_CONTEXT = b"keepcool|v1|"


@dataclass(frozen=True, slots=True)
class Setup:
    """Who may spend: owners in their order (EIP-55) and how many of them. Raises Malformed when made of
    owners the contract would refuse."""

    owners: tuple[str, ...]
    threshold: int
    fallback_handler: str

    def __post_init__(self) -> None:
        for owner in (*self.owners, self.fallback_handler):
            parse_address(owner)
        if not 1 <= len(self.owners) <= OWNERS_MAX or any(map(is_reserved, self.owners)):
            raise Malformed(
                "setup.owners", f"a Safe has 1 to {OWNERS_MAX} owners, none of them a reserved address"
            )
        if len(set(self.owners)) != len(self.owners):
            raise Malformed("setup.owners", "an owner stands twice")
        if type(self.threshold) is not int or not 1 <= self.threshold <= len(self.owners):
            raise Malformed("setup.threshold", "the threshold lies between 1 and the number of owners")

    def initializer(self) -> bytes:
        """Call data of Safe.setup, without delegatecall and without payment."""
        return SETUP + abi.encode(
            abi.addresses(self.owners),
            abi.uint(self.threshold),
            abi.address(ZERO),
            abi.dynamic_bytes(b""),
            abi.address(self.fallback_handler),
            abi.address(ZERO),
            abi.uint(0),
            abi.address(ZERO),
        )


@dataclass(frozen=True, slots=True)
class ProxyCreation:
    """What createProxyWithNonce is asked for."""

    singleton: str
    initializer: bytes
    salt: int


def wallet_salt(wallet: WalletId) -> int:
    """The CREATE2 salt nonce of a wallet, from its id."""
    return int.from_bytes(keccak256(_SALT_CONTEXT + wallet.encode("ascii")), "big")


def setup_of(profile: SafeProfile, owners: tuple[str, ...], threshold: int) -> Setup:
    return Setup(owners, threshold, profile.fallback_handler.address)


def derive_address(profile: SafeProfile, owners: tuple[str, ...], threshold: int, salt: int) -> str:
    """Where the Safe of these owners will live, deployed or not, on every chain that has the profile."""
    return proxy_address(profile, setup_of(profile, owners, threshold).initializer(), salt)


def proxy_address(profile: SafeProfile, initializer: bytes, salt: int) -> str:
    salted = keccak256(keccak256(initializer) + abi.uint(_salt(salt)))
    made_by = b"\xff" + raw_of(profile.factory.address)
    return to_checksum(keccak256(made_by + salted + profile.init_code_hash)[12:])


def parse_initializer(data: bytes) -> Setup:
    """The setup behind call data. Raises Malformed when it does more than name owners and handler."""
    if data[:4] != SETUP:
        raise Malformed("setup.form", "this is not a call of Safe.setup")
    reader = abi.Reader(data[4:], 8)
    owners, threshold = reader.addresses(), reader.uint()
    target, payload = reader.address(), reader.dynamic_bytes()
    handler = reader.address()
    payment = (reader.address(), reader.uint(), reader.address())
    reader.finish()
    if target != ZERO or payload:
        raise Malformed("setup.delegatecall", "this setup makes a delegatecall, which could do anything")
    if payment != (ZERO, 0, ZERO):
        raise Malformed("setup.payment", "this setup pays somebody")
    return Setup(owners, threshold, handler)


def create_proxy_with_nonce(profile: SafeProfile, initializer: bytes, salt: int) -> bytes:
    """Call data for the profile's factory."""
    return CREATE_PROXY + abi.encode(
        abi.address(profile.singleton.address), abi.dynamic_bytes(initializer), abi.uint(_salt(salt))
    )


def parse_create_proxy(data: bytes) -> ProxyCreation:
    """What createProxyWithNonce is asked for. Raises Malformed."""
    if data[:4] != CREATE_PROXY:
        raise Malformed("deploy.form", "this is not a call of createProxyWithNonce")
    reader = abi.Reader(data[4:], 3)
    creation = ProxyCreation(reader.address(), reader.dynamic_bytes(), reader.uint())
    reader.finish()
    return creation


def _salt(salt: int) -> int:
    if type(salt) is not int or not 0 <= salt < 2**256:
        raise Malformed("deploy.salt", "a salt is a whole number below 2**256")
    return salt
