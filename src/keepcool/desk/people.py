"""Who sits at the desk: the people of Cooler's policy, found by the key they touch.

Law: names, groups and keys come from the signer, never from the browser or the desk's own files.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.core.errors import KeepcoolError, Refused
from keepcool.core.personkeys import PersonKey, Scheme, parse_person_key
from keepcool.desk.signers import Signers
from keepcool.wire.reviews import PeopleAnswer, Person


@dataclass(frozen=True, slots=True)
class Holder:
    """One key and the roles it has. `approver`, `administrator`: the names it has as such, "" for none."""

    key: str
    credential: str
    approver: str
    administrator: str
    groups: tuple[str, ...]
    owner: str

    @property
    def name(self) -> str:
        return self.approver or self.administrator

    @property
    def passkey(self) -> bool:
        return self.key.startswith(f"{Scheme.PASSKEY.value}:")

    def person_key(self) -> PersonKey:
        return parse_person_key(self.key)


def holders(answer: PeopleAnswer) -> dict[str, Holder]:
    """By key. A key that does not parse, or stands for two approvers, lets nobody in."""
    by_key: dict[str, list[Person]] = {}
    for one in answer.people:
        by_key.setdefault(one.key, []).append(one)
    return {key: holder for key, rows in by_key.items() if (holder := _holder(key, rows)) is not None}


def credentials(answer: PeopleAnswer) -> list[str]:
    """Ids of the passkeys that may sign in (base64url)."""
    return sorted({one.credential for one in holders(answer).values() if one.passkey and one.credential})


async def found(signers: Signers, *, key: str = "", credential: str = "") -> Holder:
    """Raises Refused when nobody has this key, or this credential."""
    known = holders(await signers.people()).values()
    for one in known:
        if (key and one.key == key) or (credential and one.passkey and one.credential == credential):
            return one
    raise Refused("desk.key", "this key is nobody's in Cooler's policy: an administrator enrols people there")


def _holder(key: str, rows: list[Person]) -> Holder | None:
    approvers = [one for one in rows if not one.administrator]
    administrators = [one for one in rows if one.administrator]
    if len(approvers) > 1 or len(administrators) > 1:
        return None
    try:
        parse_person_key(key)
    except KeepcoolError:
        return None
    return Holder(
        key=key,
        credential=next((one.credential for one in rows if one.credential), ""),
        approver=approvers[0].name if approvers else "",
        administrator=administrators[0].name if administrators else "",
        groups=tuple(approvers[0].groups) if approvers else (),
        owner=approvers[0].owner if approvers else "",
    )
