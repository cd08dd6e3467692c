"""The Safe contract sets keepcool knows: addresses, runtime code hashes, and what a proxy is made from.

Laws: a profile never changes, it is part of an address; a new contract set is a new profile. Code is
known by its hash alone: no third party's bytecode stands here. Addresses are the canonical ones of
the Safe deployments by the singleton factory, the same on every chain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from keepcool.core.errors import Malformed


@dataclass(frozen=True, slots=True)
class Contract:
    """`runtime_keccak`: Keccak-256 of the code a node returns for `address` (32 bytes)."""

    address: str
    runtime_keccak: bytes


@dataclass(frozen=True, slots=True)
class SafeProfile:
    """`init_code_hash` = keccak(proxy creation code, singleton padded to a word): what CREATE2 commits to.
    The flavour l2 emits every transaction as an event, which wallets' indexers on side chains need. One
    that is `pooled` is the same contracts as the treasury of a pool: users' addresses are its forwarders."""

    name: str
    singleton: Contract
    factory: Contract
    fallback_handler: Contract
    multisend_call_only: Contract
    init_code_hash: bytes
    pooled: bool = False

    def contracts(self) -> tuple[Contract, ...]:
        """What must stand on a chain before its first wallet is shown to anybody."""
        return (self.singleton, self.factory, self.fallback_handler, self.multisend_call_only)

    def owns(self, address: str) -> bool:
        """Whether this is one of the profile's own contracts, which are nobody's wallet."""
        return address in (
            self.singleton.address,
            self.factory.address,
            self.fallback_handler.address,
            self.multisend_call_only.address,
        )


@lru_cache(maxsize=64)
def profile_named(name: str) -> SafeProfile:
    """Raises Malformed on a profile this release does not know."""
    for profile in PROFILES:
        if profile.name == name:
            return profile
        if pool_profile(profile.name) == name:
            return replace(profile, name=name, pooled=True)
    known = ", ".join(profile.name for profile in PROFILES)
    raise Malformed("profile.unknown", f"no Safe profile is called {name[:40]!r}; known are {known}")


def profile_for(version: str, flavour: str) -> SafeProfile:
    """The profile of a Safe version ("1.5.0") and flavour ("l1", "l2")."""
    return profile_named(f"safe-{version}-{flavour}")


def pool_profile(name: str) -> str:
    """The profile of pools' treasuries with the contracts of this one."""
    return _POOL + name.removeprefix(_OWN)


def is_pool_profile(name: str) -> bool:
    return name.startswith(_POOL)


_OWN, _POOL = "safe-", "safe-pool-"
_FACTORY_1_5_0 = Contract(
    "0x14F2982D601c9458F93bd70B218933A6f8165e7b",
    bytes.fromhex("967dae4cda22b0c9ef7f31b010bdc1ceb0af9904b0c3dc060b5302e4c18a4529"),
)
_FALLBACK_1_5_0 = Contract(
    "0x3EfCBb83A4A7AfcB4F68D501E2c2203a38be77f4",
    bytes.fromhex("3c6a85bcf7b563daa624b884b4e9a1b9fa5371edde7be945d998071a48f28bbc"),
)
_MULTISEND_1_5_0 = Contract(
    "0xA83c336B20401Af773B6219BA5027174338D1836",
    bytes.fromhex("cdbdcec38d2f1c7d961b0029ff8416b7e86e9974d6f0e9c9580c7d17fcfb6663"),
)
_FACTORY_1_4_1 = Contract(
    "0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67",
    bytes.fromhex("50c3cdc4074750a7a974204a716c999edd37482f907608d960b2b025ee0b3317"),
)
_FALLBACK_1_4_1 = Contract(
    "0xfd0732Dc9E303f09fCEf3a7388Ad10A83459Ec99",
    bytes.fromhex("7c6007a5d711cea8dfd5d91f5940ec29c7f200fe511eb1fc1397b367af3c42f9"),
)
_MULTISEND_1_4_1 = Contract(
    "0x9641d764fc13c8B624c04430C7356C1C7C8102e2",
    bytes.fromhex("ecd5bd14a08c5d2122379900b2f272bdf107a7e92423c10dd5fe3254386c9939"),
)

PROFILES = (
    SafeProfile(
        name="safe-1.5.0-l1",
        singleton=Contract(
            "0xFf51A5898e281Db6DfC7855790607438dF2ca44b",
            bytes.fromhex("dda019cbd7c867a533a2a86e5c53434fdc50b13122b5a5ddb4a8df61b31c20f2"),
        ),
        factory=_FACTORY_1_5_0,
        fallback_handler=_FALLBACK_1_5_0,
        multisend_call_only=_MULTISEND_1_5_0,
        init_code_hash=bytes.fromhex("9dd695a8d96e2c0f6ede304e13cc2efe754fa353b7389a23340c9317113bc975"),
    ),
    SafeProfile(
        name="safe-1.5.0-l2",
        singleton=Contract(
            "0xEdd160fEBBD92E350D4D398fb636302fccd67C7e",
            bytes.fromhex("180193227186ccb85316c94db1f0d156ed932b14712cfaac78901899178572dc"),
        ),
        factory=_FACTORY_1_5_0,
        fallback_handler=_FALLBACK_1_5_0,
        multisend_call_only=_MULTISEND_1_5_0,
        init_code_hash=bytes.fromhex("c00f8ed2d8e1bacf9a81836a956d9be01fbb50416bce76c09d18859e6bb6d223"),
    ),
    SafeProfile(
        name="safe-1.4.1-l1",
        singleton=Contract(
            "0x41675C099F32341bf84BFc5382aF534df5C7461a",
            bytes.fromhex("1fe2df852ba3299d6534ef416eefa406e56ced995bca886ab7a553e6d0c5e1c4"),
        ),
        factory=_FACTORY_1_4_1,
        fallback_handler=_FALLBACK_1_4_1,
        multisend_call_only=_MULTISEND_1_4_1,
        init_code_hash=bytes.fromhex("76733d705f71b79841c0ee960a0ca880f779cde7ef446c989e6d23efc0a4adfb"),
    ),
    SafeProfile(
        name="safe-1.4.1-l2",
        singleton=Contract(
            "0x29fcB43b46531BcA003ddC8FCB67FFE91900C762",
            bytes.fromhex("b1f926978a0f44a2c0ec8fe822418ae969bd8c3f18d61e5103100339894f81ff"),
        ),
        factory=_FACTORY_1_4_1,
        fallback_handler=_FALLBACK_1_4_1,
        multisend_call_only=_MULTISEND_1_4_1,
        init_code_hash=bytes.fromhex("e298282cefe913ab5d282047161268a8222e4bd4ed106300c547894bbefd31ee"),
    ),
)
