"""keepcool keys: message and attestation keys made anew while everybody goes on talking."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("keys", help="message keys of a service, made anew in steps")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    _of_identity(verbs, "show", "the public halves in use, as peers pin them", _show)
    _of_identity(verbs, "new", "make the keys to come, and print what peers pin beside the first", _new)
    _of_identity(verbs, "switch", "use them from the service's next start on", _switch)
    _of_identity(verbs, "forget", "what was sealed to the keys before opens no longer", _forget)
    pin = _of_config(verbs, "pin", "believe a peer's keys to come beside those in use", _pin)
    pin.add_argument("--signing-key", required=True, metavar="HEX", help="as `keepcool keys new` printed it")
    pin.add_argument("--sealing-key", required=True, metavar="HEX", help="as `keepcool keys new` printed it")
    _of_config(verbs, "settle", "believe a peer's keys to come only: the ones before are worthless", _settle)
    _add_attestation(verbs)


def _of_identity(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
    command: Callable[[argparse.Namespace], int],
) -> None:
    verb = verbs.add_parser(name, help=about)
    verb.add_argument(
        "--identity",
        required=True,
        type=Path,
        metavar="DIR",
        help="the service's identity folder, e.g. kc/keeper/identity",
    )
    verb.set_defaults(run=command)


def _of_config(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
    command: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=about)
    verb.add_argument(
        "--config", required=True, type=Path, metavar="FILE", help="TOML of the service that shall believe it"
    )
    verb.add_argument(
        "--peer", required=True, metavar="SERVICE", help="whose keys they are: keeper, cooler, app or desk"
    )
    verb.set_defaults(run=command)
    return verb


def _show(arguments: argparse.Namespace) -> int:
    from keepcool.local import messagekeys

    signing, sealing = messagekeys.in_use(arguments.identity)
    print(f'signing_key = "{signing}"\nsealing_key = "{sealing}"')
    return 0


def _new(arguments: argparse.Namespace) -> int:
    from keepcool.local import messagekeys

    signing, sealing = messagekeys.make_next(arguments.identity)
    print(f'next_signing_key = "{signing}"\nnext_sealing_key = "{sealing}"')
    return 0


def _switch(arguments: argparse.Namespace) -> int:
    from keepcool.local import messagekeys

    signing, sealing = messagekeys.switch(arguments.identity)
    print(f'signing_key = "{signing}"\nsealing_key = "{sealing}"')
    print("In use from the service's next start on: restart it once every peer has pinned these.")
    return 0


def _forget(arguments: argparse.Namespace) -> int:
    from keepcool.local import messagekeys

    messagekeys.forget(arguments.identity)
    print("The keys before are gone.")
    return 0


def _pin(arguments: argparse.Namespace) -> int:
    from keepcool.local import pins

    new = pins.add_next(arguments.config, arguments.peer, arguments.signing_key, arguments.sealing_key)
    print(f"{arguments.config}: {'pinned' if new else 'was pinned already'}; reload or restart the service")
    return 0


def _settle(arguments: argparse.Namespace) -> int:
    from keepcool.local import pins

    new = pins.settle(arguments.config, arguments.peer)
    word = "the keys before are worthless here" if new else "nothing was to come"
    print(f"{arguments.config}: {word}; reload or restart the service")
    return 0


def _add_attestation(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _of_identity(verbs, "new-attestation", "make the attestation key to come; print its public half", _make)
    _of_identity(verbs, "switch-attestation", "attest by it from the signer's next start on", _take)
    attest = verbs.add_parser("attest", help="sign with the root key which attestation keys count")
    attest.add_argument(
        "--root-key", required=True, type=Path, metavar="FILE", help="root/root.key of the installation"
    )
    attest.add_argument(
        "--service", required=True, choices=("keeper", "cooler"), help="whose attestation key it is"
    )
    attest.add_argument("--key", required=True, metavar="HEX", help="the key that is in use from now on")
    known = attest.add_mutually_exclusive_group(required=True)
    known.add_argument("--before", metavar="HEX", help="the key that everybody has pinned")
    known.add_argument("--list", type=Path, metavar="FILE", help="the list before this one")
    attest.add_argument(
        "--until", default="now", metavar="TIME", help="the key before counts so long: now, or 2026-01-31"
    )
    attest.add_argument("--out", required=True, type=Path, metavar="FILE", help="the signed list")
    attest.set_defaults(run=_attest)


def _make(arguments: argparse.Namespace) -> int:
    from keepcool.local import attestationkeys

    print(attestationkeys.make_next(arguments.identity))
    return 0


def _take(arguments: argparse.Namespace) -> int:
    from keepcool.local import attestationkeys

    print(attestationkeys.switch(arguments.identity))
    print("It attests from the signer's next start on; hand the signed list to everybody first.")
    return 0


def _attest(arguments: argparse.Namespace) -> int:
    from keepcool.cli.statement import time_ms
    from keepcool.core.parties import Service
    from keepcool.local import attestationkeys

    until_s = 1 if arguments.until == "now" else time_ms(arguments.until) // 1000
    signed = attestationkeys.listed(
        arguments.root_key,
        Service(arguments.service),
        arguments.key,
        arguments.list or arguments.before,
        until_s,
    )
    arguments.out.write_bytes(signed.encoded())
    print(f"{arguments.out}: hand it to both signers, App and whoever pins keys by hand")
    return 0
