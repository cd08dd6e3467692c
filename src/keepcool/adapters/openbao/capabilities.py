"""What a service's token may do in its keystore: use its own key, and nothing else that matters.

The keystore itself is asked (sys/capabilities-self), so a policy that grew by mistake is found at start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_USED = ("transit/encrypt/{key}", "transit/decrypt/{key}")
_NEVER_OWN = (
    "transit/export/encryption-key/{key}",
    "transit/backup/{key}",
    "transit/keys/{key}",
    "transit/keys/{key}/config",
    "transit/datakey/plaintext/{key}",
)
_NEVER_FOREIGN = (
    *_USED,
    *_NEVER_OWN,
    "transit/rewrap/{key}",
    "transit/hmac/{key}",
    "transit/keys/{key}/rotate",
)


def questions(own: str, forbidden: Sequence[str]) -> list[str]:
    """The paths to ask about."""
    return [*_paths(_USED, own), *_denied(own, forbidden)]


def excess(own: str, forbidden: Sequence[str], held: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong, as sentences; a path the keystore did not speak of is wrong too."""
    wrong = [
        f"it may {_listed(held.get(path))} {path}, and must exactly update it"
        for path in _paths(_USED, own)
        if list(held.get(path, ())) != ["update"]
    ]
    wrong += [
        f"it may {_listed(held.get(path))} {path}, and must not"
        for path in _denied(own, forbidden)
        if list(held.get(path, ())) != ["deny"]
    ]
    return wrong


def _denied(own: str, forbidden: Sequence[str]) -> list[str]:
    foreign = [path for key in forbidden for path in _paths(_NEVER_FOREIGN, key)]
    return [*_paths(_NEVER_OWN, own), *foreign]


def _paths(patterns: Sequence[str], key: str) -> list[str]:
    return [pattern.format(key=key) for pattern in patterns]


def _listed(capabilities: Sequence[str] | None) -> str:
    return " and ".join(capabilities or ("?",)).replace("deny", "do nothing with")
