"""A wallet's birth: address, setup and deployment."""

from __future__ import annotations

import pytest

from keepcool.chains.evm import abi, wallets
from keepcool.chains.evm.profiles import PROFILES
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Malformed
from keepcool.core.ids import WalletId
from tests.unit.chains.samples import ALICE, BOB, PROFILE, TOKEN

ZERO = "0x" + 40 * "0"
OWNERS = (ALICE, BOB, TOKEN)
HANDLER = PROFILE.fallback_handler.address


def initializer(
    *, target: str = ZERO, payload: bytes = b"", payment: tuple[str, int, str] = (ZERO, 0, ZERO)
) -> bytes:
    return wallets.SETUP + abi.encode(
        abi.addresses(OWNERS),
        abi.uint(2),
        abi.address(target),
        abi.dynamic_bytes(payload),
        abi.address(HANDLER),
        abi.address(payment[0]),
        abi.uint(payment[1]),
        abi.address(payment[2]),
    )


def test_the_address_commits_to_everything() -> None:
    """Another order, threshold, salt or profile is another address; the same terms are the same."""
    base = wallets.derive_address(PROFILE, OWNERS, 2, 7)
    assert wallets.derive_address(PROFILE, OWNERS, 2, 7) == base
    others = [
        wallets.derive_address(PROFILE, (BOB, ALICE, TOKEN), 2, 7),
        wallets.derive_address(PROFILE, OWNERS, 1, 7),
        wallets.derive_address(PROFILE, OWNERS, 2, 8),
        *(wallets.derive_address(profile, OWNERS, 2, 7) for profile in PROFILES if profile is not PROFILE),
    ]
    assert len({base, *others}) == len(others) + 1


def test_the_salt_is_the_wallets_own() -> None:
    """The salt is the hash of the wallet's id under our prefix."""
    expected = int.from_bytes(keccak256(b"keepcool|v1|w-1"), "big")
    assert wallets.wallet_salt(WalletId("w-1")) == expected != wallets.wallet_salt(WalletId("w-2"))


def test_a_deployment_reads_back() -> None:
    """createProxyWithNonce gives back singleton, setup and salt, in one encoding only."""
    setup = wallets.setup_of(PROFILE, OWNERS, 2)
    data = wallets.create_proxy_with_nonce(PROFILE, setup.initializer(), 7)
    read = wallets.parse_create_proxy(data)
    assert read == wallets.ProxyCreation(PROFILE.singleton.address, setup.initializer(), 7)
    assert wallets.parse_initializer(read.initializer) == setup
    for wrong in (data + bytes(32), data[:-32], b"\0" + data[1:], data[:4] + b"\1" + data[5:]):
        with pytest.raises(Malformed):
            wallets.parse_create_proxy(wrong)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (initializer(target=ALICE), "setup.delegatecall"),
        (initializer(payload=b"x"), "setup.delegatecall"),
        (initializer(payment=(TOKEN, 0, ZERO)), "setup.payment"),
        (initializer(payment=(ZERO, 1, ZERO)), "setup.payment"),
        (initializer(payment=(ZERO, 0, BOB)), "setup.payment"),
        (b"\0\0\0\0" + initializer()[4:], "setup.form"),
        (initializer() + bytes(32), "abi.form"),
    ],
)
def test_a_setup_that_does_more_than_name_owners_is_refused(data: bytes, code: str) -> None:
    """A delegatecall or a payment inside setup, with which a deployment could be robbed, is refused."""
    assert wallets.parse_initializer(initializer()).owners == OWNERS
    with pytest.raises(Malformed) as refused:
        wallets.parse_initializer(data)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("owners", "threshold", "code"),
    [
        ((), 1, "setup.owners"),
        ((ALICE, ALICE), 1, "setup.owners"),
        ((ALICE, ZERO), 1, "setup.owners"),
        ((ALICE, "0x" + 39 * "0" + "1"), 1, "setup.owners"),
        ((ALICE, BOB.lower()), 1, "address.checksum"),
        (OWNERS, 0, "setup.threshold"),
        (OWNERS, 4, "setup.threshold"),
    ],
)
def test_owners_the_contract_would_refuse_give_no_address(
    owners: tuple[str, ...], threshold: int, code: str
) -> None:
    """None, twice, zero, the sentinel and an impossible threshold are refused."""
    with pytest.raises(Malformed) as refused:
        wallets.derive_address(PROFILE, owners, threshold, 0)
    assert refused.value.code == code


@pytest.mark.parametrize("salt", [-1, 2**256])
def test_a_salt_is_one_word(salt: int) -> None:
    """A salt outside 256 bits is refused."""
    with pytest.raises(Malformed, match=r"deploy\.salt"):
        wallets.derive_address(PROFILE, OWNERS, 2, salt)
