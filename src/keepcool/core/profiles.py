"""Where an installation departs from the house's own design, by name; and two designs that are refused.

Law: a departure is named in the configuration of every service it touches, and what it gives up is said
there, at start and by the doctor; nothing is given up by leaving something out. docs/explain/profiles.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from keepcool.core.errors import Malformed, Refused


class Profile(StrEnum):
    """KEEPER_WITH_APP: Keeper runs on App's host, and only Cooler elsewhere. REQUEST_KEYS: each wallet's hot
    key is sealed once more under a key that comes with every request."""

    KEEPER_WITH_APP = "keeper-with-app"
    REQUEST_KEYS = "request-keys"


_GIVEN_UP = {
    Profile.KEEPER_WITH_APP: (
        "GIVEN UP (profile keeper-with-app): whoever takes App's host has the hot keys and App at once. "
        "Nothing is paid without Cooler, whose own policy alone holds then: keep its caps low."
    ),
    Profile.REQUEST_KEYS: (
        "GIVEN UP (profile request-keys): nothing is signed with a wallet's hot key unless its own key comes "
        "with the request, so nothing is swept or paid for a user who is not there; a key that is lost, or a "
        "password forgotten, is a hot key lost: that wallet's coins are then moved with cool and cold."
    ),
}
_REFUSED = {
    "single-key": (
        "single-key: coins on addresses of one key are gone as soon as one database is. Every wallet here "
        "is 2 of 3. Where one host is all you have, take keeper-with-app: Cooler is the second key"
    ),
    "seeds-to-users": (
        "seeds-to-users: users who get seed phrases lose them, and nobody can help them then; coins they "
        "keep are not in your custody. Where a user shall have a say in each payment, give wallets a user "
        "key (docs/operate/user-signatures.md), or take request-keys: the hot key opens with his password"
    ),
}


def profiles(names: Iterable[str]) -> frozenset[Profile]:
    """Raises Refused profile.refused on a design that is no custody, Malformed on a name nobody knows."""
    return frozenset(map(profile, names))


def profile(name: str) -> Profile:
    """As `profiles`."""
    if name in _REFUSED:
        raise Refused("profile.refused", _REFUSED[name])
    try:
        return Profile(name)
    except ValueError as error:
        known = ", ".join(one.value for one in Profile)
        said = f"no profile is called {name[:64]!r}; there are: {known}"
        raise Malformed("profile.unknown", said) from error


def is_named(name: str) -> bool:
    """Whether it is spoken of here at all, be it to be refused."""
    return name in _REFUSED or name in {one.value for one in Profile}


def given_up(chosen: Iterable[Profile]) -> list[str]:
    """A sentence for each."""
    return [_GIVEN_UP[one] for one in sorted(chosen)]
