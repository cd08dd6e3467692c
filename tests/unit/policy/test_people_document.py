"""The people of a policy file: read whole, or refused by the key that is wrong."""

from __future__ import annotations

import pytest

from keepcool.core.errors import Malformed
from keepcool.policy.document import parse_policy
from keepcool.policy.terms import Administrator, Alarm, Approver, Governance, SiteTerms
from tests.unit.policy.test_document import CODES, EXAMPLE

P1 = "passkey:036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
P2 = "passkey:037cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978"
E1, E2, E3 = (f"ed25519:{digits * 32}" for digits in ("a1", "b2", "c3"))
PEOPLE = f"""
[users]
rp_id = "wallet.example"
origins = ["https://wallet.example"]

[desk]
rp_id = "desk.example"
origins = ["https://desk.example", "https://a.b.desk.example:8443"]

[approvers.alice]
key = "{P1}"
credential = "YWxpY2Uncw"
groups = ["accounting", "risk"]
owner = "u-17"

[approvers.bob]
key = "{E1}"
groups = ["risk"]

[administrators.root1]
key = "{E2}"

[administrators.root2]
key = "{P2}"
credential = "cm9vdDI"

[administrators.bob]
key = "{E1}"

[governance]
quorum = 2
delay_s = 86400
root_delay_s = 604800
thaw_quorum = 3
thaw_delay_s = 600
rekey_delay_s = 7200

[alarm]
denials_max = 20
window_s = 60
reviews_per_hour_max = 1000
"""
GOVERNANCE = PEOPLE[PEOPLE.index("[governance]") : PEOPLE.index("[alarm]")]
ADMINISTRATORS = PEOPLE[PEOPLE.index("[administrators.root1]") : PEOPLE.index("[governance]")]
DESK = PEOPLE[PEOPLE.index("[desk]") : PEOPLE.index("[approvers.alice]")]


def changed(old: str, new: str) -> bytes:
    assert PEOPLE.count(old) >= 1, old
    return (EXAMPLE + PEOPLE.replace(old, new, 1)).encode()


def test_people_are_read_whole() -> None:
    """Every key of every table is where the rules look for it."""
    policy = parse_policy(changed("[users]", "[users]"))
    assert policy.users == SiteTerms("wallet.example", frozenset({"https://wallet.example"}))
    origins = frozenset({"https://desk.example", "https://a.b.desk.example:8443"})
    assert policy.desk == SiteTerms("desk.example", origins)
    assert policy.approvers == {
        "alice": Approver("alice", P1, "YWxpY2Uncw", frozenset({"accounting", "risk"}), "u-17"),
        "bob": Approver("bob", E1, "", frozenset({"risk"}), ""),
    }
    assert policy.administrators == {
        "root1": Administrator("root1", E2),
        "root2": Administrator("root2", P2, "cm9vdDI"),
        "bob": Administrator("bob", E1),
    }
    assert policy.governance == Governance(2, 86400, 604800, 3, 600, 7200)
    assert policy.alarm == Alarm(20, 60, 1000)


def test_nobody_is_read_where_nobody_stands() -> None:
    """A file without people is the file it was."""
    policy = parse_policy(EXAMPLE.encode())
    assert (policy.users, policy.desk, policy.governance, policy.alarm) == (None, None, None, None)
    assert (dict(policy.approvers), dict(policy.administrators), policy.tiers) == ({}, {}, ())


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("unknown key of users", "[users]", "[users]\nrpid = 1",
         "[users]: Object contains unknown field `rpid`"),
        ("unknown key of desk", "[desk]", "[desk]\nx = 1", "[desk]: Object contains unknown field `x`"),
        ("unknown key of alice", 'owner = "u-17"', "owned = 1", "[approvers.alice]: Object contains unknown"),
        ("unknown key of root", f'key = "{E2}"', f'key = "{E2}"\nx = 1', "[administrators.root1]: Object"),
        ("unknown key of governance", "quorum = 2", "quorum = 2\nx = 1", "[governance]: Object contains unk"),
        ("unknown key of alarm", "[alarm]", "[alarm]\nx = 1", "[alarm]: Object contains unknown field `x`"),
        ("a missing key", "thaw_delay_s = 600\n", "", "missing required field `thaw_delay_s`"),
        ("no domain", 'rp_id = "wallet.example"', 'rp_id = "https://wallet.example"',
         "[users] rp_id: a domain"),
        ("a domain in capitals", 'rp_id = "wallet.example"', 'rp_id = "Wallet.example"', "rp_id: a domain"),
        ("an open dot", 'rp_id = "wallet.example"', 'rp_id = "wallet..example"', "rp_id: a domain"),
        ("a domain too long", 'rp_id = "wallet.example"', f'rp_id = "{"a." * 126}ab"', "rp_id: a domain"),
        ("no origin", '["https://wallet.example"]', "[]", "[users] origins, their number: between 1 and 20"),
        ("too many", '["https://wallet.example"]', str(["https://x.wallet.example"] * 21),
         "between 1 and 20"),
        ("an origin twice", '"https://wallet.example"]',
         '"https://wallet.example", "https://wallet.example"]',
         "[users] origins: 'https://wallet.example' stands twice"),
        ("an origin with a path", '"https://wallet.example"]', '"https://wallet.example/"]',
         "https://HOST:PORT"),
        ("a port of nought", '"https://wallet.example"]', '"https://wallet.example:0"]', "https://HOST:PORT"),
        ("no TLS", '"https://desk.example"', '"http://desk.example"',
         "[desk] origins: http://desk.example is not"),
        ("one page for owners and approvers", 'rp_id = "wallet.example"\norigins = ["https://wallet.example"]',
         'rp_id = "desk.example"\norigins = ["https://desk.example"]',
         "https://desk.example stands under [users] and under [desk]"),
        ("another's origin", '"https://desk.example"', '"https://wallet.example"', "is not of desk.example"),
        ("an origin that ends alike", '"https://desk.example"', '"https://mydesk.example"',
         "not of desk.example"),
        ("no key", f'"{P1}"', '"alice"', "[approvers.alice] key: a person's key is ed25519:"),
        ("no key of root", f'"{E2}"', '"ed25519:zz"', "[administrators.root1] key: a person's key"),
        ("a passkey without its id", 'credential = "YWxpY2Uncw"\n', "",
         "[approvers.alice] credential: the pass"),
        ("an id with padding", '"YWxpY2Uncw"', '"YWxpY2Uncw=="',
         "[approvers.alice] credential: the passkey's"),
        ("an id without end", '"YWxpY2Uncw"', f'"{"a" * 1367}"',
         "[approvers.alice] credential: the passkey's"),
        ("root's without its id", 'credential = "cm9vdDI"\n', "", "[administrators.root2] credential"),
        ("an id of no passkey", f'key = "{E2}"', f'key = "{E2}"\ncredential = "YWI"',
         "only a passkey has one"),
        ("no group", '["accounting", "risk"]', "[]",
         "[approvers.alice] groups, their number: between 1 and 20"),
        ("groups without end", '["accounting", "risk"]', str([f"g{n}" for n in range(21)]),
         "between 1 and 20"),
        ("a group twice", '["accounting", "risk"]', '["risk", "risk"]',
         "[approvers.alice] groups: 'risk' stands"),
        ("a group misspelt", '["accounting", "risk"]', '["Risk"]', "groups: not a valid name: 'Risk'"),
        ("a person misspelt", "[approvers.bob]", '[approvers."Bob B"]', "not a valid name: 'Bob B'"),
        ("a root misspelt", "[administrators.root1]", '[administrators."R 1"]', "not a valid name: 'R 1'"),
        ("no user reference", '"u-17"', '"u 17"', "user id"),
        ("one key, two approvers", f'key = "{E1}"', f'key = "{P1}"\ncredential = "YWI"',
         "[approvers.bob] key: alice has the same"),
        ("one key, two administrators", f'key = "{P2}"\ncredential = "cm9vdDI"', f'key = "{E2}"',
         "[administrators.root2] key: root1 has the same"),
        ("one key, two roles, two names", f'key = "{E2}"', f'key = "{E1}"',
         "[administrators.root1] key: bob has the same"),
        ("an approver's passkey, no desk", DESK, "", "[approvers.alice] has a passkey: [desk] must say"),
        ("no administrators", ADMINISTRATORS, "", "[governance] means nothing without [administrators]"),
        ("no governance", GOVERNANCE, "", "[administrators] means nothing without [governance]"),
        ("a quorum of nobody", "\nquorum = 2", "\nquorum = 0", "[governance] quorum: between 1"),
        ("a thaw by nobody", "thaw_quorum = 3", "thaw_quorum = 0", "[governance] thaw_quorum: between 1"),
        ("a quorum too many", "\nquorum = 2", "\nquorum = 4", "quorum: 4 of 3 administrators can never sign"),
        ("a thaw too many", "thaw_quorum = 3", "thaw_quorum = 4", "thaw_quorum: 4 of 3 administrators can"),
        ("root sooner", "root_delay_s = 604800", "root_delay_s = 86399",
         "root_delay_s: what the root key alone"),
        ("delays below nothing", "\ndelay_s = 86400", "\ndelay_s = -1", "[governance] delay_s: between 0"),
        ("thaws below nothing", "thaw_delay_s = 600", "thaw_delay_s = -1",
         "thaw_delay_s: between 0 and 7776000"),
        ("rekeys without end", "rekey_delay_s = 7200", "rekey_delay_s = 7776001", "rekey_delay_s: between 0"),
        ("root without end", "root_delay_s = 604800", "root_delay_s = 7776001", "root_delay_s: between 0"),
        ("an alarm of nothing", "denials_max = 20", "denials_max = 0", "denials_max: between 1 and 1000000"),
        ("an alarm without end", "denials_max = 20", "denials_max = 1000001", "denials_max: between 1 and"),
        ("no window", "window_s = 60", "window_s = 0", "[alarm] window_s: between 1 and 86400"),
        ("a window without end", "window_s = 60", "window_s = 86401",
         "[alarm] window_s: between 1 and 86400"),
        ("no reviews", "hour_max = 1000", "hour_max = 0", "reviews_per_hour_max: between 1 and 1000000"),
        ("reviews without end", "hour_max = 1000", "hour_max = 1000001", "reviews_per_hour_max: between 1"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 and value.isprintable() else "",
)  # fmt: skip
def test_what_was_not_meant_is_refused_by_name(name: str, old: str, new: str, told: str) -> None:
    """Nothing is ignored, defaulted or guessed: the error names the key and what it must be."""
    with pytest.raises(Malformed) as caught:
        parse_policy(changed(old, new))
    assert told in caught.value.public, (name, caught.value.public)
    assert caught.value.code in CODES | {"id.form"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("this machine without TLS", 'rp_id = "wallet.example"\norigins = ["https://wallet.example"]',
         'rp_id = "localhost"\norigins = ["http://localhost:8080", "https://localhost"]'),
        ("owners beside approvers", 'rp_id = "wallet.example"\norigins = ["https://wallet.example"]',
         'rp_id = "desk.example"\norigins = ["https://pay.desk.example"]'),
        ("no users' site", 'rp_id = "wallet.example"\norigins = ["https://wallet.example"]\n\n[desk]',
         'rp_id = "w"\norigins = ["https://w"]\n\n[desk]'),
        ("a quorum of all", "\nquorum = 2", "\nquorum = 3"),
        ("a quorum of one", "\nquorum = 2", "\nquorum = 1"),
        ("a thaw by one", "thaw_quorum = 3", "thaw_quorum = 1"),
        ("root as late", "root_delay_s = 604800", "root_delay_s = 86400"),
        ("no delays", "\ndelay_s = 86400", "\ndelay_s = 0"),
        ("no delay of a thaw", "thaw_delay_s = 600", "thaw_delay_s = 0"),
        ("the longest delay", "rekey_delay_s = 7200", "rekey_delay_s = 7776000"),
        ("no account of her own", 'owner = "u-17"', 'owner = ""'),
        ("the least alarm", "denials_max = 20\nwindow_s = 60\nreviews_per_hour_max = 1000",
         "denials_max = 1\nwindow_s = 1\nreviews_per_hour_max = 1"),
        ("the most", "denials_max = 20\nwindow_s = 60\nreviews_per_hour_max = 1000",
         "denials_max = 1000000\nwindow_s = 86400\nreviews_per_hour_max = 1000000"),
        ("the longest id", '"YWxpY2Uncw"', f'"{"a" * 1366}"'),
        ("the shortest id", '"YWxpY2Uncw"', '"YQ"'),
        ("most groups", '["accounting", "risk"]', str([f"g{n}" for n in range(20)])),
        ("most origins", '["https://wallet.example"]',
         str([f"https://{'x' * (n + 1)}.wallet.example" for n in range(20)])),
        ("no alarm", PEOPLE[PEOPLE.index("[alarm]"):], ""),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 and value.isprintable() else "",
)  # fmt: skip
def test_what_is_just_within_is_read(name: str, old: str, new: str) -> None:
    """The twins of the refusals: the outermost value that could have been meant."""
    assert parse_policy(changed(old, new)).version == 1, name


def test_a_hundred_people_and_no_more() -> None:
    """The most people a table may have."""

    def made(number: int) -> bytes:
        rows = (f'[approvers.p{n}]\nkey = "ed25519:{n:064x}"\ngroups = ["g"]\n' for n in range(number))
        return (EXAMPLE + "\n" + "".join(rows)).encode()

    assert len(parse_policy(made(100)).approvers) == 100
    with pytest.raises(Malformed, match=r"\[approvers\], their number: between 0 and 100"):
        parse_policy(made(101))
