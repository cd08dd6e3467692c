"""Whom an installation's first policies know: owners who sign for themselves, approvers, administrators.

Laws: where owners sign, a wallet with a user key pays what its owner signed, up to the caps; one without pays
small amounts, and more where somebody approves; the caps stand above all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from keepcool.core.approvals import APPROVAL_KIND, USER_KIND
from keepcool.core.errors import Malformed
from keepcool.core.personkeys import parse_person_key

GROUP = "accounting"
INTENT_LIFETIME_S = 86_400  # what App gives: somebody may sleep over it
_SMALL_PART = 10  # of the caps, without anybody's signature
_GOVERNANCE = {
    "delay_s": 86_400,
    "root_delay_s": 604_800,
    "thaw_delay_s": 600,
    "rekey_delay_s": 86_400,
}
_QUORUM = 2
_ALARM = {"denials_max": 50, "window_s": 60, "reviews_per_hour_max": 1000}


@dataclass(frozen=True, slots=True)
class PersonPlan:
    """As a policy names a person. `credential`: base64url of a passkey's id; `owner`: his user reference."""

    name: str
    key: str
    credential: str = ""
    groups: tuple[str, ...] = (GROUP,)
    owner: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """`user_signatures`: what leaves a wallet with a user key needs its owner's signature. `users_url`: where
    owners touch passkeys; `desk_url`: where the desk is found, "" for none. `governance`: delays and quorums
    that shall be others than usual."""

    user_signatures: bool = False
    users_url: str = ""
    approvers: tuple[PersonPlan, ...] = ()
    administrators: tuple[PersonPlan, ...] = ()
    desk_url: str = ""
    governance: Mapping[str, int] = field(default_factory=dict)

    @property
    def are_asked(self) -> bool:
        """Whether any payment waits for somebody's signature."""
        return self.user_signatures or bool(self.approvers)


NOBODY = People()


@dataclass(frozen=True, slots=True)
class Caps:
    """Of one asset, in base units."""

    asset: str
    transaction_units: int
    day_units: int


def person(text: str, option: str) -> PersonPlan:
    """NAME=KEY[,credential=ID][,groups=A+B][,owner=USER]. Raises Malformed."""
    name, _, rest = text.partition("=")
    key, *more = rest.split(",")
    fields = dict(one.partition("=")[::2] for one in more)
    unknown = sorted(fields.keys() - {"credential", "groups", "owner"})
    if not name or unknown:
        form = "NAME=KEY[,credential=ID][,groups=A+B][,owner=USER]"
        raise Malformed("init.person", f"{option} {text[:80]!r}: write it as {form}")
    parse_person_key(key)
    groups = tuple(fields.get("groups", GROUP).split("+"))
    return PersonPlan(name, key, fields.get("credential", ""), groups, fields.get("owner", ""))


def site(url: str) -> dict[str, object]:
    """`[users]` or `[desk]` of a policy. Raises Malformed on what is no origin."""
    parts = urlsplit(url)
    if not parts.hostname or url != f"{parts.scheme}://{parts.netloc}":
        raise Malformed("init.site", f"{url[:80]!r}: write an origin, https://host or http://localhost:8480")
    return {"rp_id": parts.hostname, "origins": [url]}


def tables(people: People, caps: Sequence[Caps]) -> dict[str, object]:
    """What a policy says of people, beside its other tables; nothing where nobody is asked for anything."""
    found: dict[str, object] = {}
    if people.user_signatures and people.users_url:
        found["users"] = site(people.users_url)
    if people.desk_url:
        found["desk"] = site(people.desk_url)
    if people.approvers:
        found["approvers"] = {one.name: _approver(one) for one in people.approvers}
    if people.administrators:
        found["administrators"] = {one.name: _keys(one) for one in people.administrators}
        quorum = min(_QUORUM, len(people.administrators))
        usual = {"quorum": quorum, "thaw_quorum": quorum, **_GOVERNANCE}
        found["governance"] = {**usual, **people.governance}
    if people.are_asked:
        found |= {"alarm": dict(_ALARM), "tiers": _tiers(people, caps)}
    return found


def kinds(people: People) -> list[str]:
    """Of evidence that signers take."""
    asked = ((USER_KIND, people.user_signatures), (APPROVAL_KIND, bool(people.approvers)))
    return [kind for kind, wanted in asked if wanted]


def _tiers(people: People, caps: Sequence[Caps]) -> list[Mapping[str, object]]:
    found = list[Mapping[str, object]]()
    others: dict[str, object] = {}
    if people.user_signatures:
        found.append({"name": "owners", "owned": True, "user": True})
        others["owned"] = False
    small = [one for one in caps if min(one.transaction_units, one.day_units) >= _SMALL_PART]
    if small:
        limits = {
            "transaction_units_max": {one.asset: str(one.transaction_units // _SMALL_PART) for one in small},
            "day_units_max": {one.asset: str(one.day_units // _SMALL_PART) for one in small},
        }
        found.append({"name": "small", **others, **limits})
    if people.approvers:
        group = people.approvers[0].groups[0]
        found.append({"name": "approved", **others, "approvals": [{"group": group, "count": 1}]})
    return found


def _approver(one: PersonPlan) -> dict[str, object]:
    owner = {"owner": one.owner} if one.owner else {}
    return {**_keys(one), "groups": list(one.groups), **owner}


def _keys(one: PersonPlan) -> dict[str, object]:
    credential = {"credential": one.credential} if one.credential else {}
    return {"key": one.key, **credential}
