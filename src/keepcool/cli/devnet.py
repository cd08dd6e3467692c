"""keepcool devnet: the Minter simulator, for tests and the demo. It is no node and secures nothing."""

from __future__ import annotations

import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from keepcool.devnet import arguments

    noun = subparsers.add_parser("devnet", help="a simulated chain on this machine")
    families = noun.add_subparsers(dest="family", required=True, metavar="FAMILY")
    minter = families.add_parser("minter", help="Minter's protocol with HTTP API v2 on 127.0.0.1")
    arguments.add(minter)
    minter.set_defaults(run=arguments.start)
