"""keepcool demo: the whole story on real parts."""

from __future__ import annotations

import argparse
import shutil
import signal
import tempfile
import time
from pathlib import Path


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("demo", help="the whole story on real parts")
    noun.add_argument("--keep", action="store_true", help="leave it running afterwards, until Ctrl-C")
    noun.add_argument(
        "--chains",
        default="",
        metavar="LIST",
        help="which acts: evm (people sign in it), minter, bitcoin; people: that part of evm (default: all)",
    )
    noun.add_argument("--folder", type=Path, help="where to put everything (default: a temporary folder)")
    noun.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from keepcool.demo import closing, stage, story

    acts = story.chosen(arguments.chains)
    chains = story.chains_of(acts)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="keepcool-demo-"))
    began_s = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f}s  {text}" if text else "", flush=True)

    for name in set(stage.CHAINS) - set(chains) if not arguments.chains else ():
        tell(f"The act on {name} is left out: {stage.lacking(name)}")
    try:
        with stage.staged(folder.absolute(), chains, lambda text: tell(f"  {text}")) as scenes:
            house = scenes[0].house
            closing.close(house.client, story.play_all(scenes, acts, tell), tell)
            if arguments.keep:
                _kept(house.installation.reach.app_url, folder)
                house.installation.watch(tell)
    except KeyboardInterrupt:
        tell("ended")
        return 0 if arguments.keep else 130
    except BaseException:
        print(f"What the parts logged lies in {folder}")
        raise
    tell("All of it held. Every process has ended.")
    if arguments.folder is None:
        shutil.rmtree(folder)
    return 0


def _kept(url: str, folder: Path) -> None:
    operator = folder / "installation" / "operator" / "operator.toml"
    print(f"\nStill running: {url}/docs\nTry: keepcool user list --client {operator}\nEnd with Ctrl-C")
