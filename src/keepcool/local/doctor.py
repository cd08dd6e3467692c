"""keepcool doctor: everything that is wrong with an installation, each with its mend."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from keepcool.core.errors import Refused
from keepcool.local import doctor_files, doctor_keys, doctor_servers
from keepcool.local.findings import Check, Finding, found
from keepcool.local.layout import Layout


def examine(places: Layout, now: datetime, *, offline: bool = False) -> list[Finding]:
    """All checks; one that fails does not keep the others from being made. `offline` asks no server.
    Raises Refused when there is no installation."""
    if not places.folder.is_dir() or not (doctor_files.present(places) or places.broker.is_dir()):
        raise Refused("doctor.folder", f"{places.folder} holds no installation; make one: keepcool init DIR")
    checks: list[tuple[Check, str]] = [
        (partial(doctor_files.missing_files, places), "see the file it names"),
        (partial(doctor_files.rights, places), f"chown -R $USER {places.folder}"),
        (partial(doctor_files.certificates, places, now), "see the file it names"),
        (partial(doctor_files.configurations, places), "see the file it names"),
        (partial(doctor_files.audits, places), "see the file it names"),
        (partial(doctor_files.policies, places), "keepcool policy sign FILE --root-key ROOT/root.key"),
        (partial(doctor_keys.mismatched_pins, places), "see the file it names"),
        (partial(doctor_keys.keys_in_one_place, places), "see the file it names"),
        (partial(doctor_keys.departures, places), "see the file it names"),
        (partial(doctor_keys.root_beside, places), "carry root away"),
        (partial(doctor_servers.broker_configuration, places), "pip install 'keepcool[local]'"),
    ]
    if not offline:
        checks += [
            (partial(doctor_servers.servers, places), "see the file it names"),
            (partial(doctor_servers.nodes, places), "see the file it names"),
        ]
    return [one for check, mend in checks for one in found(check, mend)]


def examine_now(places: Layout, *, offline: bool = False) -> list[Finding]:
    return examine(places, datetime.now(UTC), offline=offline)
