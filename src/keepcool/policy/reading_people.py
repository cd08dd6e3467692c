"""The people of a policy file: where they sign, who approves, who administers, and when a signer takes alarm.

Laws: one key is one person; a passkey is known by its credential and touched at a site the file names; a
quorum can be reached, and takes more than nobody; whoever administers is governed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from keepcool.core import ids
from keepcool.core.errors import Malformed
from keepcool.core.personkeys import Scheme, parse_person_key
from keepcool.policy import schema, values
from keepcool.policy.terms import Administrator, Alarm, Approver, Governance, Policy, SiteTerms

PEOPLE_MAX, GROUPS_MAX, ORIGINS_MAX = 100, 20, 20
DELAY_S_MAX = 90 * 86_400
ALARM_MAX, ALARM_WINDOW_S_MAX = 1_000_000, 86_400
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+)(:[1-9][0-9]{0,4})?")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_-]{2,1366}")  # at most 1023 bytes (WebAuthn 5.1)
_HERE = "localhost"  # the one host a browser trusts without TLS


def with_people(policy: Policy, table: schema.DocumentTable) -> Policy:
    """Raises Malformed with the key that is wrong and what it must be."""
    approvers = {name: _approver(name, row) for name, row in (table.approvers or {}).items()}
    administrators = {name: _administrator(name, row) for name, row in (table.administrators or {}).items()}
    found = replace(
        policy,
        users=None if table.users is None else _site("[users]", table.users),
        desk=None if table.desk is None else _site("[desk]", table.desk),
        approvers=MappingProxyType(approvers),
        administrators=MappingProxyType(administrators),
        governance=None if table.governance is None else _governance(table.governance, len(administrators)),
        alarm=None if table.alarm is None else _alarm(table.alarm),
    )
    _check_keys(found)
    _check_apart(found.users, found.desk)
    if bool(administrators) is not (found.governance is not None):
        has, lacks = ("administrators", "governance") if administrators else ("governance", "administrators")
        raise Malformed("policy.governance", f"policy: [{has}] means nothing without [{lacks}]")
    return found


def _site(where: str, plain: schema.Table) -> SiteTerms:
    table = schema.read_table(plain, schema.SiteTable, where)
    if not _DOMAIN.fullmatch(table.rp_id):
        raise Malformed("policy.site", f"policy: {where} rp_id: a domain, not {table.rp_id[:80]!r}")
    values.within(f"{where} origins, their number", len(table.origins), 1, ORIGINS_MAX)
    for origin in values.once(f"{where} origins", table.origins):
        _check_origin(f"{where} origins", origin, table.rp_id)
    return SiteTerms(table.rp_id, frozenset(table.origins))


def _check_apart(users: SiteTerms | None, desk: SiteTerms | None) -> None:
    """A page of App's could have approvers and administrators sign what it likes."""
    both = users.origins & desk.origins if users is not None and desk is not None else frozenset[str]()
    if both:
        raise Malformed(
            "policy.site",
            f"policy: {min(both)} stands under [users] and under [desk]: owners sign where App is, approvers"
            " and administrators never do; give the desk an origin of its own",
        )


def _check_origin(where: str, origin: str, rp_id: str) -> None:
    parts = _ORIGIN.fullmatch(origin)
    if parts is None:
        raise Malformed(
            "policy.site", f"policy: {where}: https://HOST or https://HOST:PORT, not {origin[:80]!r}"
        )
    scheme, host = parts[1], parts[2]
    if scheme != "https" and host != _HERE:
        raise Malformed(
            "policy.site", f"policy: {where}: {origin} is not https, so no key may be touched there"
        )
    if host != rp_id and not host.endswith(f".{rp_id}"):
        raise Malformed("policy.site", f"policy: {where}: {origin} is not of {rp_id}")


def _approver(name: str, plain: schema.Table) -> Approver:
    where = f"[approvers.{name[:40]}]"
    table = schema.read_table(plain, schema.ApproverTable, where)
    values.within(f"{where} groups, their number", len(table.groups), 1, GROUPS_MAX)
    for group in values.once(f"{where} groups", table.groups):
        values.matched(values.NAME, f"{where} groups", group)
    return Approver(
        name=values.matched(values.NAME, where, name),
        key=table.key,
        credential=_credential(where, table.key, table.credential),
        groups=frozenset(table.groups),
        owner=ids.user_id(table.owner) if table.owner else "",
    )


def _administrator(name: str, plain: schema.Table) -> Administrator:
    where = f"[administrators.{name[:40]}]"
    if name == "root":
        raise Malformed("policy.person", f"policy: {where}: the root key signs by this name; give another")
    table = schema.read_table(plain, schema.AdministratorTable, where)
    credential = _credential(where, table.key, table.credential)
    return Administrator(values.matched(values.NAME, where, name), table.key, credential)


def _credential(where: str, key: str, credential: str) -> str:
    """Checked together with the key it is of."""
    try:
        scheme = parse_person_key(key).scheme
    except Malformed as error:
        raise Malformed("policy.person", f"policy: {where} key: {error.public}") from error
    if scheme is Scheme.ED25519 and credential:
        raise Malformed("policy.person", f"policy: {where} credential: only a passkey has one")
    if scheme is Scheme.PASSKEY and not _CREDENTIAL.fullmatch(credential):
        raise Malformed(
            "policy.person", f"policy: {where} credential: the passkey's id in base64url without padding"
        )
    return credential


def _check_keys(policy: Policy) -> None:
    """No two people have one key, and passkeys have a place to be touched."""
    holders: dict[str, str] = {}
    people: list[tuple[str, Mapping[str, Approver] | Mapping[str, Administrator]]]
    people = [("approvers", policy.approvers), ("administrators", policy.administrators)]
    for table, rows in people:
        values.within(f"[{table}], their number", len(rows), 0, PEOPLE_MAX)
        for name, person in rows.items():
            if holders.setdefault(person.key, name) != name:
                raise Malformed(
                    "policy.person", f"policy: [{table}.{name}] key: {holders[person.key]} has the same"
                )
            if policy.desk is None and parse_person_key(person.key).scheme is Scheme.PASSKEY:
                raise Malformed(
                    "policy.desk",
                    f"policy: [{table}.{name}] has a passkey: [desk] must say where it may be touched",
                )


def _governance(plain: schema.Table, administrators: int) -> Governance:
    table = schema.read_table(plain, schema.GovernanceTable, "[governance]")
    for name, quorum in (("quorum", table.quorum), ("thaw_quorum", table.thaw_quorum)):
        if quorum > administrators > 0:
            raise Malformed(
                "policy.governance",
                f"policy: [governance] {name}: {quorum} of {administrators} administrators can never sign",
            )
        values.within(f"[governance] {name}", quorum, 1, PEOPLE_MAX)
    if table.root_delay_s < table.delay_s:
        raise Malformed(
            "policy.governance",
            "policy: [governance] root_delay_s: what the root key alone has signed waits at least delay_s",
        )
    delays = ("delay_s", "root_delay_s", "thaw_delay_s", "rekey_delay_s")
    for name in delays:
        values.within(f"[governance] {name}", getattr(table, name), 0, DELAY_S_MAX)
    return Governance(
        quorum=table.quorum,
        delay_s=table.delay_s,
        root_delay_s=table.root_delay_s,
        thaw_quorum=table.thaw_quorum,
        thaw_delay_s=table.thaw_delay_s,
        rekey_delay_s=table.rekey_delay_s,
    )


def _alarm(plain: schema.Table) -> Alarm:
    table = schema.read_table(plain, schema.AlarmTable, "[alarm]")
    return Alarm(
        denials_max=values.within("[alarm] denials_max", table.denials_max, 1, ALARM_MAX),
        window_s=values.within("[alarm] window_s", table.window_s, 1, ALARM_WINDOW_S_MAX),
        reviews_per_hour_max=values.within(
            "[alarm] reviews_per_hour_max", table.reviews_per_hour_max, 1, ALARM_MAX
        ),
    )
