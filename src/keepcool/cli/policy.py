"""keepcool policy: read, sign, verify and try a signer's policy. The root key signs policies, never coins.

Exit code 1 when a tried request is not approved by every rule, 2 when something cannot be read or is refused.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from keepcool.core.errors import Malformed, Refused, Unavailable

if TYPE_CHECKING:
    from keepcool.chains.families import Families
    from keepcool.core.effects import Effects
    from keepcool.core.registry import WalletRecord
    from keepcool.core.verdict import Verdict
    from keepcool.policy.terms import Policy
    from keepcool.policy.trial import Written

FILE_BYTES_MAX = 1024 * 1024
KEY_BYTES = 32


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("policy", help="what a signer may sign: explain, sign, verify, try")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    explain = verbs.add_parser("explain", help="the policy in plain sentences")
    explain.add_argument("file", type=Path, metavar="FILE", help="the policy, as TOML")
    explain.add_argument("--json", action="store_true", help="print as JSON")
    _with_networks(explain)
    explain.set_defaults(run=_explain)
    sign = verbs.add_parser("sign", help="sign the policy with the installation's root key: FILE.sig")
    sign.add_argument("file", type=Path, metavar="FILE", help="the policy, as TOML")
    sign.add_argument(
        "--root-key", required=True, type=Path, metavar="FILE", help="root/root.key: 64 hex digits, mode 0600"
    )
    _with_networks(sign)
    sign.set_defaults(run=_sign)
    verify = verbs.add_parser("verify", help="check FILE.sig as a signer does at start")
    verify.add_argument("file", type=Path, metavar="FILE", help="the policy; FILE.sig lies beside it")
    verify.add_argument(
        "--root-public", required=True, metavar="HEX", help="the root key's public half: root/root.pub"
    )
    verify.add_argument("--newer-than", type=int, default=0, metavar="N", help="refuse versions below N")
    _with_networks(verify)
    verify.set_defaults(run=_verify)
    dry = verbs.add_parser("try", help="dry run: what every rule says of a request")
    dry.add_argument("request", type=Path, metavar="REQUEST", help="JSON; see docs/reference/policy.md")
    dry.add_argument("--policy", required=True, type=Path, metavar="FILE", help="the policy, as TOML")
    dry.add_argument("--json", action="store_true", help="print as JSON")
    _with_networks(dry)
    dry.set_defaults(run=_try)


def _with_networks(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--networks", type=Path, metavar="FILE", help="TOML with [[network]] rows of more forks"
    )


def _explain(arguments: argparse.Namespace) -> int:
    from keepcool.policy.explain import sentences

    policy = _checked(_read(arguments.file), _families(arguments))
    said = sentences(policy)
    if arguments.json:
        print(json.dumps({"version": policy.version, "hash": policy.hash, "sentences": said}, indent=2))
    else:
        print("\n".join(said))
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_seed_keypair

    from keepcool.policy.document import signed_bytes

    document = _read(arguments.file)
    policy = _checked(document, _families(arguments))
    public, secret = crypto_sign_seed_keypair(_root_seed(arguments.root_key))
    signature = crypto_sign(signed_bytes(document), secret)[:crypto_sign_BYTES]
    _replace(_signature_file(arguments.file), signature.hex() + "\n")
    print(f"Signed      {arguments.file} version {policy.version}, hash {policy.hash}")
    print(f"Signature   {_signature_file(arguments.file)}")
    print(f"Root key    {public.hex()}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from keepcool.policy.document import parse_signature, parse_signed, refuse_older

    signature = parse_signature(_read(_signature_file(arguments.file)).decode("ascii", "replace"))
    policy = parse_signed(_read(arguments.file), signature, _key(arguments.root_public, "--root-public"))
    refuse_older(policy, arguments.newer_than)
    _check_names(policy, _families(arguments))
    print(f"Valid: {arguments.file} version {policy.version}, hash {policy.hash}")
    return 0


def _try(arguments: argparse.Namespace) -> int:
    from keepcool.core.verdict import Approved
    from keepcool.policy import trial

    families = _families(arguments)
    policy = _checked(_read(arguments.policy), families)
    request = trial.parse_request(_read(arguments.request))
    case = trial.case_of(request, partial(_decode, families), partial(_derive, families), policy)
    found = trial.verdicts(case, policy)
    approved = all(isinstance(verdict, Approved) for verdict in found)
    if arguments.json:
        rows = [dict(zip(("rule", "outcome", "reason"), _told(one), strict=True)) for one in found]
        print(json.dumps({"approved": approved, "policy": policy.hash, "verdicts": rows}, indent=2))
        return 0 if approved else 1
    for verdict in found:
        rule, outcome, reason = _told(verdict)
        print(f"{outcome:<13} {rule:<21} {reason}".rstrip())
    print("Would be signed." if approved else "Would not be signed.")
    return 0 if approved else 1


def _told(verdict: Verdict) -> tuple[str, str, str]:
    from keepcool.core.verdict import Approved, Denied, Failed, NeedsReview

    match verdict:
        case Approved(rule):
            told = (rule, "approved", "")
        case Denied(rule, reason):
            told = (rule, "denied", reason)
        case NeedsReview(rule, reason):
            told = (rule, "needs_review", reason)
        case Failed(rule, error):
            told = (rule, "failed", error)
        case _ as never:
            assert_never(never)
    return told


def _decode(families: Families, draft: Written, record: WalletRecord) -> Effects:
    from keepcool.chains.evm.safe import encode_draft
    from keepcool.chains.evm.stated import parse_stated
    from keepcool.chains.family import FamilyName
    from keepcool.policy.trial import plain_bytes

    family = families.named(record.family)
    if isinstance(draft, dict):
        if family.name is not FamilyName.EVM:
            raise Malformed("trial.draft", f"draft: for family {family.name.value} write its bytes in hex")
        return family.decode(encode_draft(parse_stated(json.dumps(draft)).tx), record)
    return family.decode(plain_bytes(draft, "draft"), record)


def _derive(families: Families, record: WalletRecord) -> str:
    from keepcool.chains.family import terms_of

    return families.named(record.family).derive_address(terms_of(record))


def _families(arguments: argparse.Namespace) -> Families:
    """Those of this release, and the networks of the file."""
    from keepcool.chains.bitcoin.network_table import read_networks
    from keepcool.chains.families import Families

    return Families() if arguments.networks is None else Families(read_networks(_read(arguments.networks)))


def _checked(document: bytes, families: Families) -> Policy:
    from keepcool.policy.document import parse_policy

    policy = parse_policy(document)
    _check_names(policy, families)
    return policy


def _check_names(policy: Policy, families: Families) -> None:
    """Addresses, families and profiles are ones this release knows."""
    from keepcool.chains.bitcoin.wallets import check_profile
    from keepcool.chains.evm.profiles import profile_named
    from keepcool.chains.family import FamilyName
    from keepcool.policy.spelling import check_spelling

    for name, network in policy.networks.items():
        family = families.named(network.family)
        if family.name is not families.of(name).name:
            raise Malformed("policy.family", f"policy: {name} is not a network of family {network.family}")
        for profile in network.profiles:
            if family.name is FamilyName.EVM:
                profile_named(profile)
            if family.name is FamilyName.BITCOIN:
                check_profile(name, profile, families.networks)
    check_spelling(policy, families.parse_recipient)


def _root_seed(file: Path) -> bytes:
    """The root key's 32-byte seed. A file that others can read is refused."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        raise Unavailable("policy.root_key", f"{file}: cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise Refused("policy.root_key", f"{file} can be read by others; run: chmod 600 {file}")
    return _key(_read(file).decode("ascii", "replace").strip(), str(file))


def _key(text: str, what: str) -> bytes:
    try:
        key = bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else b""
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:  # the text is not repeated: it may be a secret
        raise Malformed("policy.root_key", f"{what}: a key is {2 * KEY_BYTES} hex digits")
    return key


def _signature_file(file: Path) -> Path:
    return file.with_name(file.name + ".sig")


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Unavailable("policy.file", f"{file}: cannot be read: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise Malformed("policy.size", f"{file} is larger than {FILE_BYTES_MAX} bytes")
    return data


def _replace(file: Path, text: str) -> None:
    """Whole or not at all: a signer may be reading the old one."""
    made = file.with_name(file.name + ".new")
    try:
        with made.open("w", encoding="ascii") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        made.replace(file)
    except OSError as error:
        raise Unavailable("policy.file", f"{file}: cannot be written: {error.strerror}") from error
