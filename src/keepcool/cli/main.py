"""keepcool <noun> <verb>: finds the noun, imports its one module, runs it.

Only the chosen noun's module is loaded, so a command that needs no key loads no key library. An error of
ours, and a file that cannot be read or written, is one line on stderr and exit status 2; anything else is a
defect and shows its traceback.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence

from keepcool import __version__
from keepcool.core.errors import KeepcoolError, Refused

NOUNS: Mapping[str, str] = {
    "init": "make a complete installation in a folder",
    "up": "run an installation on this machine",
    "demo": "the whole story on real parts",
    "hosts": "an installation on hosts of its own: a folder for each, and systemd units",
    "doctor": "find what is wrong with an installation, and the mend",
    "app": "the App: users, ledger, deposits, withdrawals, HTTP API",
    "keeper": "the signer with a hot key per wallet, and the purse",
    "cooler": "the signer with the cool key",
    "admin": "orders of administrators: policies, freezes, thaws, keys",
    "desk": "where people read what waits, and sign or refuse it",
    "cold": "the cold key: made offline, kept on paper",
    "policy": "explain, sign and try a signer's policy",
    "networks": "networks of an installation, added while it runs",
    "token": "tokens of an installation, added while it runs",
    "keys": "message keys of a service, made anew in steps",
    "reconcile": "the ledger against the chains, to the unit",
    "journal": "verify a signer's journal",
    "inspect": "what a transaction would really do, from its bytes alone",
    "derive": "a wallet's address from public data",
    "restore": "wallets found again without any of our services",
    "user": "users of the App",
    "wallet": "wallets and their attested addresses",
    "pool": "the exchange's pools: addresses without limit, surplus to the harbor",
    "withdraw": "withdrawals",
    "rescue": "tokens nobody listed, sent to a wallet by mistake",
    "payouts": "payouts that do not move: why, and what to do",
    "transfer": "transfers between wallets, on chain",
    "balance": "balances",
    "deposit": "deposits",
    "alarm": "what App found wrong on a chain, and what is frozen by it",
    "control": "suspend and resume users, assets and networks",
    "correction": "corrections of the ledger, by two people",
    "purse": "the account that pays network fees",
    "events": "everything that changed, in order",
    "webhook": "where App posts events",
    "devnet": "the Minter simulator: a local chain for tests and the demo",
    "version": "print the version",
}
EXIT_REFUSED, EXIT_INTERRUPTED, EXIT_PIPE = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """The console script. Returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except KeepcoolError as error:
        print(f"keepcool: {error.public} [{error.code}]", file=sys.stderr)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader went away; keep the interpreter from saying so at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except EOFError:
        print("keepcool: the input ended where an answer was needed [cli.input]", file=sys.stderr)
        return EXIT_REFUSED
    except OSError as error:
        if error.filename is None:
            raise
        print(f"keepcool: {error.filename}: {error.strerror} [cli.file]", file=sys.stderr)
        return EXIT_REFUSED


def _run(words: Sequence[str]) -> int:
    noun = words[0] if words else ""
    if noun in ("version", "--version"):
        print(f"keepcool {__version__}")
        return 0
    if noun in ("", "-h", "--help", "help"):
        print(overview())
        return 0 if noun else EXIT_REFUSED
    if noun not in NOUNS:
        raise Refused("cli.noun", f"there is no {noun!r}; `keepcool --help` lists what there is")
    parser = argparse.ArgumentParser(prog="keepcool", allow_abbrev=False)
    nouns = parser.add_subparsers(dest="noun", required=True, metavar="NOUN")
    _load(noun, nouns)
    if "-h" in words or "--help" in words:
        explaining = importlib.import_module("keepcool.cli.explaining")
        explaining.explain(noun, NOUNS[noun], nouns.choices[noun])
    arguments, unknown = parser.parse_known_args(words)
    if unknown:
        said = f"keepcool {noun} {getattr(arguments, 'verb', '')}".rstrip()
        raise Refused(
            "cli.argument", f"{' '.join(unknown)}: unknown here; `{said} --help` says what there is"
        )
    status: int = arguments.run(arguments)
    return status


def _load(noun: str, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    try:
        importlib.import_module(f"keepcool.cli.{noun}").register(subparsers)
    except ModuleNotFoundError as error:
        raise _not_installed(noun, error) from error


def _not_installed(noun: str, error: ModuleNotFoundError) -> Refused:
    package = (error.name or "").partition(".")[0]
    if package == "keepcool":
        return Refused("cli.noun", f"this installation has no `keepcool {noun}`: {error.name} is missing")
    return Refused(
        "cli.extra",
        f"`keepcool {noun}` needs the package {package}; "
        "run: pip install 'keepcool[app,client,cold,desk,desk-cli,devnet,local]'",
    )


def overview() -> str:
    """All nouns, one line each."""
    lines = [f"  {noun:<12}{text}" for noun, text in NOUNS.items()]
    usage = "usage: keepcool NOUN [VERB] ...      keepcool NOUN --help says more"
    about = "Self-hosted custody in which no single stolen server can spend. Begin with `keepcool init`."
    return "\n".join([usage, "", about, "", *lines])


if __name__ == "__main__":
    sys.exit(main())
