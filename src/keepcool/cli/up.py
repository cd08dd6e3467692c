"""keepcool up: an installation's parts as processes of this machine, until it is told to end."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
from pathlib import Path

from keepcool.core.errors import Refused


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("up", help="run an installation on this machine")
    noun.add_argument("folder", type=Path, metavar="DIR", help="made by `keepcool init`")
    noun.set_defaults(run=_up)


def _up(arguments: argparse.Namespace) -> int:
    """Ends with 0 on SIGINT and SIGTERM, once every process has ended."""
    from keepcool.local.layout import Layout
    from keepcool.local.ownnode import running_nodes
    from keepcool.local.running import running

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    places = Layout(arguments.folder.absolute())
    _refuse_running(places.folder)
    try:
        with running_nodes(places, _say) as nodes, running(places, _say) as installation:
            _say(f"ready: {installation.reach.app_url}/docs   keys: {places.operator}   end with Ctrl-C")
            if nodes:
                _say(f"coins of the trial: keepcool devnet bitcoin pay {arguments.folder} ADDRESS COINS")
            installation.watch(_say)
    except KeyboardInterrupt:
        _say("ended")
    return 0


def _refuse_running(folder: Path) -> None:
    """Before anything is started: a second node would end the first, whose place it has. Raises Refused."""
    if not folder.is_dir():
        return
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Refused("up.running", f"{folder} runs already; end that with Ctrl-C first") from error
    finally:
        os.close(lock)


def _say(text: str) -> None:
    print(f"  {text}", flush=True)
