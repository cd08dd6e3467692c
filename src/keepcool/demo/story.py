"""The story: an act for each chain family, and one of the people who sign beside the signers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from keepcool.core.errors import Malformed
from keepcool.demo import bitcoin, evm, minter, people
from keepcool.demo.closing import Line
from keepcool.demo.stage import CHAINS, BitcoinScene, EvmScene, MinterScene, Scene, lacking
from keepcool.demo.telling import Tell

EVM, PEOPLE = "evm", "people"


def chosen(text: str) -> tuple[str, ...]:
    """The acts named in "evm,minter", that of the people with its chain; for "" all that can be played here.
    Raises Malformed on one that is not there."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in (*CHAINS, PEOPLE)]
    if unknown:
        there = ", ".join((*CHAINS, PEOPLE))
        raise Malformed("demo.chains", f"no chain family {unknown[0]!r}: choose among {there}")
    acts = names or tuple(name for name in CHAINS if not lacking(name))
    return (*acts, PEOPLE) if EVM in acts and PEOPLE not in acts else acts


def chains_of(acts: Sequence[str]) -> tuple[str, ...]:
    """What these acts are played on."""
    return tuple(dict.fromkeys(EVM if one == PEOPLE else one for one in acts))


def play_all(scenes: Sequence[Scene], acts: Sequence[str], tell: Tell) -> list[Callable[[], list[Line]]]:
    """Every act, that of the people last: it ends in a freeze of everything, and a thaw."""
    told = [play(scene, tell) for scene in scenes if not isinstance(scene, EvmScene) or EVM in acts]
    if PEOPLE in acts:
        told += [people.play(scene, tell) for scene in scenes if isinstance(scene, EvmScene)]
    return told


def play(scene: Scene, tell: Tell) -> Callable[[], list[Line]]:
    """One act; afterwards, what the books and the chain say. Raises Breach when something told is not so."""
    match scene:
        case EvmScene():
            return evm.play(scene, tell)
        case MinterScene():
            return minter.play(scene, tell)
        case BitcoinScene():
            return bitcoin.play(scene, tell)
        case _ as never:
            assert_never(never)
