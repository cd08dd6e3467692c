"""What may stand in a policy file, table by table, and nothing else.

Laws: an unknown key, a missing key or a value of another type is refused by name; amounts are decimal
strings of base units, because wei overflow TOML's integers. Documented in docs/reference/policy.md.
"""

from __future__ import annotations

import tomllib
from typing import Literal, TypeVar

import msgspec

from keepcool.core.errors import Malformed
from keepcool.ports.settings import Settings

DOCUMENT_BYTES_MAX = 256 * 1024
Table = dict[str, object]
AnyTable = TypeVar("AnyTable", bound=Settings)


class IntentsTable(Settings, frozen=True):
    lifetime_s_max: int


class WalletsTable(Settings, frozen=True):
    attestations: tuple[str, ...]


class EvidenceTable(Settings, frozen=True):
    kinds: tuple[str, ...]


class NativeTable(Settings, frozen=True):
    asset: str
    symbol: str
    decimals: int


class PurseTable(Settings, frozen=True):
    fee_max_units: str
    gas_budget_day_units: str
    deployments_per_day: int


class DestinationsTable(Settings, frozen=True):
    """`allow` left out allows any destination; an empty list allows none."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


class NetworkTable(Settings, frozen=True):
    """From `fee_rate_max` to `layout`: for families whose drafts pay their own fee, and no others. The last
    three: for those that spend coins."""

    family: str
    profile: str
    fee_max_units: str
    native: Table
    older_profiles: tuple[str, ...] = ()
    purse: Table | None = None
    destinations: Table | None = None
    fee_rate_max: int | None = None
    fee_assets: tuple[str, ...] | None = None
    data_bytes_max: int | None = None
    calls: tuple[str, ...] | None = None
    layout: Literal["children", "shared"] | None = None
    harbor: str | None = None
    fee_share_max: int | None = None
    change_max: int | None = None
    pool_profile: str | None = None
    rescue: bool | None = None


class AssetTable(Settings, frozen=True):
    symbol: str
    decimals: int
    cap_transaction_units: str
    cap_hour_units: str
    cap_day_units: str


class ClassTable(Settings, frozen=True):
    """Both may only narrow what the rest of the policy allows."""

    allow: tuple[str, ...] | None = None
    cap_transaction_units: dict[str, str] | None = None


class SiteTable(Settings, frozen=True):
    rp_id: str
    origins: tuple[str, ...]


class ApproverTable(Settings, frozen=True):
    key: str
    groups: tuple[str, ...]
    credential: str = ""
    owner: str = ""


class AdministratorTable(Settings, frozen=True):
    key: str
    credential: str = ""


class GovernanceTable(Settings, frozen=True):
    quorum: int
    delay_s: int
    root_delay_s: int
    thaw_quorum: int
    thaw_delay_s: int
    rekey_delay_s: int


class AlarmTable(Settings, frozen=True):
    denials_max: int
    window_s: int
    reviews_per_hour_max: int


class NeededTable(Settings, frozen=True):
    group: str
    count: int


class TierTable(Settings, frozen=True):
    """Down to `destination_age_s_min`: what a payment must be; the rest: what it needs."""

    name: str
    networks: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    owned: bool | None = None
    transaction_units_max: dict[str, str] | None = None
    user_day_units_max: dict[str, str] | None = None
    day_units_max: dict[str, str] | None = None
    destination_age_s_min: int | None = None
    user: bool = False
    approvals: tuple[Table, ...] = ()
    delay_s: int = 0
    cooling_s: int = 0
    forbidden: bool = False


class DocumentTable(Settings, frozen=True):
    """The whole file. Inner tables are read one by one, so that an error can name where it stands."""

    version: int
    intents: Table
    wallets: Table
    evidence: Table
    networks: dict[str, Table]
    assets: dict[str, Table]
    classes: dict[str, Table] | None = None
    users: Table | None = None
    desk: Table | None = None
    approvers: dict[str, Table] | None = None
    administrators: dict[str, Table] | None = None
    governance: Table | None = None
    alarm: Table | None = None
    tiers: tuple[Table, ...] | None = None


def read_document(document: bytes) -> DocumentTable:
    """The file as tables. Raises Malformed on anything that is not TOML of this shape."""
    if len(document) > DOCUMENT_BYTES_MAX:
        raise Malformed("policy.size", f"a policy file is at most {DOCUMENT_BYTES_MAX} bytes")
    try:
        plain = tomllib.loads(document.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Malformed("policy.toml", f"the policy is not readable as TOML: {error}") from error
    return read_table(plain, DocumentTable, "the top of the file")


def read_table(plain: Table, table: type[AnyTable], where: str) -> AnyTable:
    """One table. Raises Malformed with the place and the key that is wrong there."""
    try:
        return msgspec.convert(plain, table, strict=True)
    except msgspec.ValidationError as error:
        raise Malformed("policy.form", f"policy: {where}: {error}") from error
