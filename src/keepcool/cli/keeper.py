"""keepcool keeper: the signer with a hot key per wallet, and the purse."""

from __future__ import annotations

import argparse

from keepcool.cli import signer


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    signer.register(subparsers, "keeper", "the signer with a hot key per wallet, and the purse")
