"""The demo's administrators: what they order, how it reaches each signer's host, and the policy they put in
force. Their delays are a second long here; an installation begins with a day.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keepcool.client.api import awaited
from keepcool.client.devicekeys import SEED_BYTES, DeviceKey
from keepcool.cooler import main as cooler
from keepcool.core.approvals import Action
from keepcool.core.parties import Service
from keepcool.demo.telling import WAIT_S
from keepcool.keeper import main as keeper
from keepcool.local import layout, orderfiles, people
from keepcool.local.layout import Layout
from keepcool.local.people import Caps, People, PersonPlan
from keepcool.local.process import free_port
from keepcool.local.tomltext import rendered
from keepcool.wire import proofs
from keepcool.wire.reviews import SubmitOrder

DELAY_S = 1
DENIALS_MAX = 4
_ALARM = {"denials_max": DENIALS_MAX, "window_s": 600, "reviews_per_hour_max": 1000}
_GOVERNANCE = {"delay_s": DELAY_S, "thaw_delay_s": DELAY_S}
_LIFETIME_S = 3600
_HOSTS = {Service.KEEPER: keeper, Service.COOLER: cooler}


@dataclass(frozen=True, slots=True)
class Administrators:
    """Two people, each with a key of his own."""

    keys: Mapping[str, DeviceKey]

    @classmethod
    def drawn(cls) -> Administrators:
        return cls({name: DeviceKey(os.urandom(SEED_BYTES)) for name in ("kim", "leo")})

    def people(self) -> People:
        """They govern from the first day and there is a desk on this machine; nobody else is asked yet."""
        return People(
            administrators=tuple(PersonPlan(name, key.text) for name, key in self.keys.items()),
            desk_url=f"http://localhost:{free_port()}",
            governance=_GOVERNANCE,
        )

    def order(
        self, places: Layout, signer: Service, action: Action, details: Mapping[str, str], document: bytes
    ) -> None:
        """Signed by both, brought to the signer's host. Raises Refused when it is not taken."""
        order = orderfiles.new_order(action, details, installation_of(places), _LIFETIME_S)
        submitted = SubmitOrder(order=order.encoded(), proofs=[], document=document)
        for name, key in self.keys.items():
            proof = proofs.encode(key.prove(orderfiles.challenge_of(submitted)))
            submitted = orderfiles.with_proof(submitted, name, proof)
        file = places.folder.parent / f"{order.order}.json"
        orderfiles.write(file, submitted)
        _HOSTS[signer].hosted(places.config(signer)).order(orderfiles.read_bytes(file))


def installation_of(places: Layout) -> str:
    """The root key's public half."""
    return (places.root / "root.pub").read_text(encoding="ascii").strip()


def status(places: Layout, signer: Service) -> dict[str, Any]:
    """As `keepcool keeper status` tells it on the signer's own host."""
    found: dict[str, Any] = json.loads(_HOSTS[signer].hosted(places.config(signer)).status())
    return found


def ask_people(
    administrators: Administrators, places: Layout, approver: PersonPlan, owners: Mapping[str, int]
) -> None:
    """A policy for each signer, in force when this returns: an owner's signature alone moves up to these
    units of these assets; whatever else leaves a wallet with a user key takes the approver as well."""
    documents = {one: next_policy(places, one, approver, owners) for one in layout.SIGNERS}
    for signer, document in documents.items():
        before = str(status(places, signer)["policy"])
        details = orderfiles.policy_details(document, signer.value, before)
        administrators.order(places, signer, Action.POLICY_PROPOSE, details, document)
    versions = {one: tomllib.loads(document.decode())["version"] for one, document in documents.items()}
    awaited(
        lambda: {one: status(places, one)["policy_version"] for one in layout.SIGNERS},
        lambda found: found == versions,
        WAIT_S,
        "the policies that were ordered are not in force",
    )


def next_policy(places: Layout, signer: Service, approver: PersonPlan, owners: Mapping[str, int]) -> bytes:
    """The signer's first policy, and what `ask_people` says."""
    tables = tomllib.loads((places.service(signer) / layout.POLICY).read_text(encoding="utf-8"))
    asked = People(user_signatures=True, approvers=(approver,))
    tables |= people.tables(asked, [_caps(name, row) for name, row in tables["assets"].items()])
    tables |= {"version": tables["version"] + 1, "evidence": {"kinds": people.kinds(asked)}, "alarm": _ALARM}
    limits = {asset: str(units) for asset, units in owners.items()}
    approvals = [{"group": approver.groups[0], "count": 1}]
    owned = [
        {"name": "owners", "owned": True, "transaction_units_max": limits, "user": True},
        {"name": "desk", "owned": True, "user": True, "approvals": approvals},
    ]
    others = [one for one in tables["tiers"] if one["name"] != "owners"]
    return rendered({**tables, "tiers": [*owned, *others]}).encode()


def _caps(asset: str, row: Mapping[str, str]) -> Caps:
    return Caps(asset, int(row["cap_transaction_units"]), int(row["cap_day_units"]))
