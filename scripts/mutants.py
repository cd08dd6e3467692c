"""Mutation testing of the code that decides: what of it could be changed without a test noticing.

Works in a copy under build/mutants, one room at a time, each with the tests that concern it, and fails when
fewer than the floor are noticed. pyproject.toml [tool.mutants] says which code, which tests and what is left
out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mutmut.configuration import config, reset_config
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name

ROOT = Path(__file__).parents[1]
COPIED = ("src", "tests", "docs", "README.md", "pyproject.toml")
NOTICED = {1, 24, -24, 36, 152, 255, -11, -9}  # a test failed, or nothing came back in time
UNTESTED, UNCHECKED = {5, 33}, {None, 2}


@dataclass(frozen=True, slots=True)
class Room:
    """A package of keepcool and the tests that answer for it."""

    name: str
    tests: list[str]


def main() -> int:
    asked = _arguments()
    with (ROOT / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["mutants"]
    work = Path(asked.work).resolve()
    rooms = [Room(name, tests) for name, tests in settings["rooms"].items()]
    only = [part.strip("/").removesuffix(".py") for part in asked.only.split(",") if part]
    chosen = [room for room in rooms if not only or any(_within(part, room.name) for part in only)]
    if not chosen:
        print(f"ONLY={asked.only} names nothing of {', '.join(settings['rooms'])}", file=sys.stderr)
        return 2
    results: dict[str, dict[str, int | None]] = {}
    for room in chosen:
        began = time.monotonic()
        tree = work / room.name
        _lay_out(tree, room, [part for part in only if _within(part, room.name)], settings)
        sampled = _every(tree, asked.sample) if asked.sample > 1 else []
        _run(tree, asked.children, sampled)
        found = _results(tree)
        results[room.name] = {name: found[name] for name in sampled or found}
        print(f"{room.name}: {time.monotonic() - began:.0f} s", flush=True)
    return _report(results, settings["floor"], work)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="policy, cosigner/judge or policy/rules; several: a,b")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="mutants at a time")
    parser.add_argument("--sample", type=int, default=1, help="of each module, every n-th mutant only")
    parser.add_argument("--work", default=str(ROOT / "build" / "mutants"), help="where the copy is laid out")
    return parser.parse_args()


def _within(part: str, room: str) -> bool:
    return part.partition("/")[0] == room


def _lay_out(tree: Path, room: Room, only: list[str], settings: dict[str, list[str]]) -> None:
    """Always from nothing: what mutmut remembers of an earlier run goes by tests that have since changed."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tree / name)
    mutated = [f"src/keepcool/{part}" for part in only or [room.name]]
    files = [pattern for path in mutated for pattern in (f"{path}.py", f"{path}/*")]
    lists = {
        "source_paths": ["src"],
        "only_mutate": files,
        "do_not_mutate_patterns": settings["left_out"],
        "also_copy": ["docs", "README.md"],
        "pytest_add_cli_args_test_selection": room.tests,
        "pytest_add_cli_args": settings["pytest"],
    }
    lines = ["[mutmut]", "timeout_multiplier = 5", "timeout_constant = 5", "track_dependencies = false"]
    for name, values in lists.items():
        lines += [f"{name} =", *(f"    {value}" for value in values)] if values else []
    (tree / "setup.cfg").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _every(tree: Path, step: int) -> list[str]:
    """The names of every so many-th mutant of each module, as mutmut will name them."""
    with contextlib.chdir(tree):
        reset_config()
        chosen = []
        for file in sorted(one for one in Path("src").rglob("*.py") if config().should_mutate(one)):
            made = mutate_file_contents(str(file), file.read_text(encoding="utf-8")).mutant_names
            chosen += [get_mutant_name(file, name) for name in made[step // 2 :: step]]
    return chosen


def _run(tree: Path, children: int, names: list[str]) -> None:
    """What mutmut prints goes to a file: it draws a line for every mutant. Small files belong in memory."""
    memory = Path("/dev/shm")  # noqa: S108 - where there is one; elsewhere the usual place
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if memory.is_dir():
        env.setdefault("TMPDIR", str(memory))
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", str(children), *names]
    with (tree / "mutmut.log").open("w", encoding="utf-8") as log:
        code = subprocess.run(command, cwd=tree, env=env, stdout=log, stderr=log, check=False).returncode  # noqa: S603
    if code:
        tail = (tree / "mutmut.log").read_text(encoding="utf-8", errors="replace")[-3000:]
        raise SystemExit(f"mutmut ended with {code}:\n{tail}")


def _results(tree: Path) -> dict[str, int | None]:
    """Every mutant of the room with the code its tests ended with."""
    found: dict[str, int | None] = {}
    for meta in sorted((tree / "mutants" / "src").rglob("*.py.meta")):
        found |= json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def _module(mutant: str) -> str:
    return mutant.rpartition(".")[0].removeprefix("keepcool.").replace(".", "/")


def _report(results: dict[str, dict[str, int | None]], floor: int, work: Path) -> int:
    """A line per module, one per room, and the names of what lived on in a file beside."""
    living, poor = [], []
    for room, codes in results.items():
        killed, total = Counter[str](), Counter(_module(name) for name in codes)
        killed.update(_module(name) for name, code in codes.items() if code in NOTICED)
        for module in sorted(total):
            print(
                f"{killed[module]:6}/{total[module]:<6}{_percent(killed[module], total[module]):>7}  {module}"
            )
        whole = (sum(killed.values()), len(codes))
        print(f"{whole[0]:6}/{whole[1]:<6}{_percent(*whole):>7}  {room}, of at least {floor} %", flush=True)
        living += [f"{_word(code):<10} {name}" for name, code in codes.items() if code not in NOTICED]
        if whole[0] * 100 < floor * whole[1]:
            poor.append(room)
    survivors = work / "survivors.txt"
    survivors.write_text("\n".join(living) + "\n", encoding="utf-8")
    print(f"{len(living)} live on: {survivors}; read one with `mutmut show NAME` in the folder of its room")
    return 1 if poor else 0


def _percent(killed: int, total: int) -> str:
    return f"{killed * 100 / total:.1f} %"


def _word(code: int | None) -> str:
    if code in UNTESTED:
        return "untested"
    return "unchecked" if code in UNCHECKED else "survived"


if __name__ == "__main__":
    sys.exit(main())
