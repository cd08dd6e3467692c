"""What every service's TOML file has in common. Unknown keys are errors; units stand in the names;
secrets are named by the file that holds them, never written here. Paths are relative to the TOML."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all settings: frozen, strict."""


class BusSettings(Settings, frozen=True):
    """Where the broker is and how this service proves itself to it (nkey and client certificate)."""

    url: str
    """Where the broker listens, `tls://host:port`; several, separated by commas, are tried in turn."""
    nkey_seed: str
    """File of this service's nkey seed, by which the broker knows it."""
    ca: str
    """File of the CA certificate that signed the broker's."""
    certificate: str
    """File of the client certificate."""
    certificate_key: str
    """File of the client certificate's key."""


class PeerSettings(Settings, frozen=True):
    """A peer's pinned public keys, hex of 32 bytes each; empty where the peer has none."""

    signing_key: str
    """Ed25519: who signs its envelopes."""
    sealing_key: str
    """X25519: to whom envelopes are sealed."""
    attestation_key: str = ""
    """Ed25519: a signer's key over wallets' records."""
    journal_key: str = ""
    """Ed25519: a signer's key over its journal's heads."""
    next_signing_key: str = ""
    """The signing_key that is to come, believed beside the first while keys are rotated."""
    next_sealing_key: str = ""
    """The sealing_key that comes with it."""


class LocalKeystoreSettings(Settings, frozen=True):
    """A keystore that is a file on the service's own host."""

    file: str
    """The data keys, sealed under the passphrase."""
    passphrase_file: str = ""
    """Where the passphrase lies, unless systemd gives the credential `keystore-passphrase`; without either
    the service waits for `keepcool <service> keystore open`."""


class AwsKmsSettings(Settings, frozen=True):
    """A symmetric key of AWS KMS. Unverified against the real service."""

    region: str
    """As in the key's ARN."""
    key: str
    """The key's ARN."""
    credentials: str
    """File of lines: access key id, secret access key, and a session token where there is one."""
    endpoint: str = ""
    """https://host, only where it is not the region's usual one."""
    ca: str = ""
    """CA of the endpoint's certificate; empty: the public authorities this host trusts."""
    timeout_s: float = 5.0
    """How long an answer may take."""


class GcpKmsSettings(Settings, frozen=True):
    """A symmetric key of Google Cloud KMS. Unverified against the real service."""

    key: str
    """projects/…/locations/…/keyRings/…/cryptoKeys/NAME."""
    service_account: str
    """The JSON file of a service account that may encrypt and decrypt with it."""
    endpoint: str = "https://cloudkms.googleapis.com"
    """Only where it is not the usual one."""
    ca: str = ""
    """CA of the endpoint's certificate; empty: the public authorities this host trusts."""
    timeout_s: float = 5.0
    """How long an answer may take."""


class KeystoreSettings(Settings, frozen=True):
    """OpenBao or Vault; or, in place of url and its files, one of `local`, `aws`, `gcp`."""

    url: str = ""
    """https://host:port of OpenBao or Vault."""
    ca: str = ""
    """CA of its certificate."""
    role_id: str = ""
    """File of this service's role id."""
    secret_id: str = ""
    """File of its secret id, bare or `wrapped <token>`."""
    transit_key: str = ""
    """The key this service may use."""
    forbidden_keys: list[str] = []
    """Its peer's, which it must not be able to use."""
    timeout_s: float = 5.0
    """How long an answer may take."""
    local: LocalKeystoreSettings | None = None
    """A file on this host."""
    aws: AwsKmsSettings | None = None
    """AWS KMS."""
    gcp: GcpKmsSettings | None = None
    """Google Cloud KMS."""

    def __post_init__(self) -> None:
        server = (self.url, self.ca, self.role_id, self.secret_id, self.transit_key)
        others = [one for one in (self.local, self.aws, self.gcp) if one is not None]
        if len(others) > 1 or (others and any(server)):
            raise ValueError("one keystore: either url and its files, or one of local, aws, gcp")
        if not others and not all(server):
            raise ValueError(
                "a keystore needs url, ca, role_id, secret_id and transit_key; or local, aws, gcp"
            )


class PolicySettings(Settings, frozen=True):
    """The policy file, its detached signature (`<file>.sig`), and the root key that must have made it."""

    file: str
    """The signed policy."""
    root_key: str
    """The installation's root public key, hex."""


class AccountSettings(Settings, frozen=True):
    """A paper key's account for one family."""

    family: str
    """`minter` or `bitcoin`."""
    origin: str
    """Fingerprint and path: `[<fingerprint>/44h/60h/1h]` for Minter, `[<fingerprint>/45h]` for Bitcoin."""
    xpub: str
    """The extended public key that lies there."""


class SignerSettings(Settings, frozen=True):
    """What Keeper and Cooler have in common."""

    identity: str
    """Folder of its own keys (messages, attestations, journal)."""
    data: str
    """Folder of its database."""
    inner_key: str
    """File of 32 bytes in hex, under which coin keys are sealed inside the keystore's seal."""
    bus: BusSettings
    """The broker."""
    keystore: KeystoreSettings
    """The keystore, one for each signer."""
    policy: PolicySettings
    """What it may sign."""
    peers: dict[str, PeerSettings]
    """Whom it hears, by name, with their pinned keys."""
    cold_public_key: str
    """The cold key all EVM wallets share (compressed, hex)."""
    cool_accounts: list[AccountSettings] = []
    """The cool key's accounts for families whose wallets have keys of their own."""
    cold_accounts: list[AccountSettings] = []
    """The cold key's accounts, likewise; without both such a family gets no wallets."""
    networks_file: str = ""
    """TOML with rows of Bitcoin's forks that this release does not ship."""
    profiles: list[str] = []
    """Where the installation departs from the house's own design, by name (docs/explain/profiles.md)."""
    clock_offset_ms: int = 0
    """For tests: how far its clock is moved."""
    fault: str = ""
    """For tests: the point at which it dies."""
