"""keepcool cold sign bitcoin: the cool or the cold paper signs drafts to the harbor, offline."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli.cold_sign_minter import read_record
from keepcool.cli.effects_shown import payment_lines, plain_effects
from keepcool.core.errors import Conflict, Malformed, Refused

if TYPE_CHECKING:
    from keepcool.chains.bitcoin.networks import Networks
    from keepcool.chains.bitcoin.restoring import Backup
    from keepcool.cold.sweeping import Examined, Holder, Signed

_PAPERS = ("cold", "cool")
_FILE_BYTES_MAX = 512 * 1024 * 1024
_RATE_MAX = 100_000


@dataclass(frozen=True, slots=True)
class _Draft:
    file: Path
    found: Examined


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = families.add_parser("bitcoin", help="drafts (PSBT) of Bitcoin and its forks to the harbor")
    verb.add_argument("psbt", nargs="+", type=Path, metavar="PSBT", help="unsigned, or signed by one key")
    whose = verb.add_mutually_exclusive_group(required=True)
    whose.add_argument(
        "--record", type=Path, metavar="FILE", help="registry record, or what `wallet show --json` prints"
    )
    whose.add_argument(
        "--descriptors",
        action="append",
        type=Path,
        metavar="FILE",
        help="as `keepcool restore bitcoin` takes them; may be repeated",
    )
    verb.add_argument(
        "--paper", action="append", choices=_PAPERS, help="whose words; twice for both (default cold)"
    )
    verb.add_argument("--harbor", metavar="ADDRESS", help="the only recipient, or --policy")
    verb.add_argument("--policy", type=Path, metavar="FILE", help="take the harbor from a signed policy")
    verb.add_argument("--root-key", metavar="HEX", help="that must have signed it")
    verb.add_argument("--with-change", action="store_true", help="a part may come back to the wallet")
    verb.add_argument(
        "--fee-rate-max",
        type=int,
        default=_RATE_MAX,
        metavar="N",
        help=f"sat per 1000 vB (default {_RATE_MAX})",
    )
    verb.add_argument("--network", default="", metavar="NAME", help="for files that do not name theirs")
    verb.add_argument(
        "--networks", type=Path, metavar="FILE", help="TOML with [[network]] rows of more forks"
    )
    verb.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the signed drafts go")
    verb.add_argument("--json", action="store_true", help="print as JSON")
    verb.set_defaults(run=sign_bitcoin)


def sign_bitcoin(arguments: argparse.Namespace) -> int:
    """Shows what every draft does, then reads the words, then signs; written are all of them or none."""
    from keepcool.chains.bitcoin.inspection import read_bytes
    from keepcool.cold import sweeping

    networks = _networks(arguments.networks)
    holder, harbor = _holder(arguments, networks)
    terms = sweeping.Terms(harbor, arguments.with_change, arguments.fee_rate_max)
    drafts = [
        _Draft(file, sweeping.examined(read_bytes(_bytes(file)), holder, terms, networks))
        for file in arguments.psbt
    ]
    places = _places(arguments.out, drafts)
    for draft in drafts:
        print("\n".join(_shown(draft)), file=sys.stderr if arguments.json else sys.stdout)
    words = _words(arguments.paper or ["cold"])
    done = [sweeping.signed(draft.found, words) for draft in drafts]
    arguments.out.mkdir(parents=True, exist_ok=True)
    for place, one in zip(places, done, strict=True):
        place.write_bytes(one.psbt)
        if one.final is not None:
            place.with_suffix(".tx").write_text(one.final.raw.hex() + "\n", encoding="ascii")
    told = [_told(draft, place, one) for draft, place, one in zip(drafts, places, done, strict=True)]
    print(json.dumps(told) if arguments.json else "\n".join(_line(one) for one in told))
    return 0


def _holder(arguments: argparse.Namespace, networks: Networks) -> tuple[Holder, str]:
    """Whose coins, and where they may go: a person's word or the root key's, never that of a file which
    whoever holds App could have written."""
    from keepcool.cold import sweeping

    if arguments.record is not None:
        holder = sweeping.holder_of_record(read_record(arguments.record), networks)
    else:
        holder = sweeping.holder_of_backup(_backup(arguments, networks))
    harbor = arguments.harbor
    if arguments.policy is not None:
        harbor = _harbor_of(arguments.policy, arguments.root_key, holder.network.id)
        if arguments.harbor not in (None, harbor):
            raise Refused("cold.harbor", f"the policy's harbor is {harbor}; give one of the two")
    if not harbor:
        raise Refused("cold.harbor", "name the one recipient: --harbor ADDRESS, or --policy and --root-key")
    return holder, harbor


def _harbor_of(file: Path, root_key: str | None, network: str) -> str:
    """The harbor that the root key signed for this network. Raises Refused where there is none."""
    from keepcool.core.ids import NetworkId
    from keepcool.policy.document import parse_signature, parse_signed

    try:
        signature = parse_signature(file.with_name(f"{file.name}.sig").read_text(encoding="ascii"))
        policy = parse_signed(_bytes(file), signature, bytes.fromhex(root_key or ""))
    except OSError as error:
        raise Malformed("cold.policy", f"cannot read {error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise Malformed("cold.policy", f"{file}, its .sig, or --root-key cannot be read: {error}") from error
    rules = policy.networks.get(NetworkId(network))
    if rules is None or rules.harbor is None:
        raise Refused("cold.harbor", f"the policy names no harbor of {network}")
    return rules.harbor


def _backup(arguments: argparse.Namespace, networks: Networks) -> Backup:
    from keepcool.chains.bitcoin.restoring import merged, parse_backup

    found = []
    for file in arguments.descriptors:
        data = _bytes(file)
        try:
            found.append(parse_backup(data.decode(), networks, arguments.network))
        except (Malformed, UnicodeDecodeError) as error:
            why = error.public if isinstance(error, Malformed) else "it is no text"
            raise Malformed("cold.descriptors", f"{file}: {why}") from error
    return merged(found)


def _networks(file: Path | None) -> Networks:
    from keepcool.chains.bitcoin.network_table import SHIPPED, with_rows

    if file is None:
        return SHIPPED
    try:
        return with_rows(tomllib.loads(_bytes(file).decode()))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Malformed("network.file", f"{file} cannot be read as TOML: {error}") from error


def _places(out: Path, drafts: Sequence[_Draft]) -> list[Path]:
    """Where each signed draft goes. Raises Conflict rather than overwriting one."""
    places = [out / f"{draft.file.stem.removesuffix('.signed')}.signed.psbt" for draft in drafts]
    taken = [place for place in places if place.exists()]
    if taken or len(set(places)) < len(places):
        raise Conflict("cold.out", f"{(taken or places)[0]} is there already; choose an empty folder")
    return places


def _words(papers: Sequence[str]) -> list[str]:
    """One paper's words after the other's; from standard input one paper a line."""
    if len(set(papers)) < len(papers):
        raise Refused("cold.paper", "two papers are a cool and a cold one")
    if sys.stdin.isatty():
        return [getpass.getpass(f"24 words of the {paper} key: ") for paper in papers]
    given = sys.stdin.read()
    spoken = [given] if len(papers) == 1 else [line for line in given.splitlines() if line.strip()]
    if len(spoken) != len(papers):
        raise Malformed("cold.words", f"{len(papers)} papers are {len(papers)} lines of 24 words")
    return spoken


def _shown(draft: _Draft) -> list[str]:
    found, tx = draft.found, draft.found.proven.tx
    asset = found.proven.network.symbol
    return [
        f"Draft          {draft.file}  ({len(tx.inputs)} coins on {found.proven.network.name})",
        *payment_lines(found.effects),
        *[
            f"Comes back     {one.amount.units} of {one.amount.asset} to {one.recipient}"
            for one in found.effects.change
        ],
        f"Fee            {found.proven.fee_sat} sat of {asset}, {found.proven.fee_rate} per 1000 vB",
        f"Not before     block {tx.locktime}",
    ]


def _told(draft: _Draft, place: Path, one: Signed) -> dict[str, object]:
    final = one.final
    return {
        "draft": str(draft.file),
        "signed": str(place),
        "effects": plain_effects(draft.found.effects),
        "signatures": list(one.signatures),
        "txid": None if final is None else final.txid,
        "transaction": None if final is None else final.raw.hex(),
    }


def _line(told: dict[str, object]) -> str:
    if told["txid"] is None:
        return f"Signed         {told['signed']}; a second key is needed: sign that file, or combine two"
    return f"Signed         {told['signed']}; complete: {told['txid']} is in the .tx beside it"


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            return source.read(_FILE_BYTES_MAX)
    except OSError as error:
        raise Malformed("cold.file", f"{file} cannot be read: {error.strerror}") from error
