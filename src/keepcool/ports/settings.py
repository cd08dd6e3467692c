"""What every service's TOML file has in common. Unknown keys are errors; units stand in the names;
secrets are named by the file that holds them, never written here. Paths are relative to the TOML."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all settings: frozen, strict."""


class BusSettings(Settings, frozen=True):
    """Where the broker is and how this service proves itself to it (nkey and client certificate)."""

    url: str
    nkey_seed: str
    ca: str
    certificate: str
    certificate_key: str


class PeerSettings(Settings, frozen=True):
    """A peer's pinned public keys, hex of 32 bytes each; empty where the peer has none."""

    signing_key: str
    sealing_key: str
    attestation_key: str = ""
    journal_key: str = ""


class KeystoreSettings(Settings, frozen=True):
    """OpenBao or Vault: the transit key this service may use, and those of its peer that it must not."""

    url: str
    ca: str
    role_id: str
    secret_id: str
    transit_key: str
    forbidden_keys: list[str] = []
    timeout_s: float = 5.0


class PolicySettings(Settings, frozen=True):
    """The policy file, its detached signature (`<file>.sig`), and the root key that must have made it."""

    file: str
    root_key: str


class AccountSettings(Settings, frozen=True):
    """A paper key's account for one family: its origin, "[<fingerprint>/44h/60h/1h]" for Minter and
    "[<fingerprint>/45h]" for Bitcoin, and the xpub that lies there."""

    family: str
    origin: str
    xpub: str


class SignerSettings(Settings, frozen=True):
    """What Keeper and Cooler have in common. `identity`, `data` are folders, `inner_key` a file (32 bytes,
    hex). `cool` and `cold` are the pinned public keys (compressed secp256k1, hex), and their accounts
    for families whose wallets have cool and cold keys of their own; without them such a family gets none.
    `networks_file`: TOML with rows of Bitcoin's forks that this release does not ship."""

    identity: str
    data: str
    inner_key: str
    bus: BusSettings
    keystore: KeystoreSettings
    policy: PolicySettings
    peers: dict[str, PeerSettings]
    cold_public_key: str
    cool_accounts: list[AccountSettings] = []
    cold_accounts: list[AccountSettings] = []
    networks_file: str = ""
    clock_offset_ms: int = 0
    fault: str = ""
