"""Style and safety rules that are tests: sizes, names, where dangerous words may stand."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "keepcool"
FILE_LINES_MAX, TEST_LINES_MAX, FUNCTION_LINES_MAX, METHODS_MAX = 350, 500, 60, 15
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "base", "types"}
SANS_IO_ROOMS = ("core", "policy", "chains", "ports", "wire")
COMPOSITION_ROOTS = re.compile(r"(^|/)(main|__main__)\.py$")


def python_files(*roots: str) -> list[Path]:
    return [path for root in roots for path in sorted((ROOT / root).rglob("*.py"))]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def walked(path: Path) -> tuple[ast.AST, ...]:
    """All that stands in a file: it is walked once for all tests here."""
    return tuple(ast.walk(parsed(path)))


@pytest.fixture(scope="module", autouse=True)
def _forgotten() -> Iterator[None]:
    """What was read is not kept for the rest of a run."""
    yield
    parsed.cache_clear()
    walked.cache_clear()


def imported(path: Path) -> Iterator[str]:
    for node in walked(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    return path.relative_to(SRC).parts[0]


def outgrown(path: Path) -> Iterator[str]:
    """What in a file is larger than it may be."""
    lines = path.read_text(encoding="utf-8").count("\n")
    if lines > (TEST_LINES_MAX if "tests" in path.parts else FILE_LINES_MAX):
        yield f"{lines} lines"
    for node in walked(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{node.name}: {length} lines"
        if isinstance(node, ast.ClassDef) and "tests" not in path.parts:
            methods = [m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)]
            public = [m for m in methods if not m.name.startswith("_")]
            if len(public) > METHODS_MAX:
                yield f"{node.name}: {len(public)} public methods"


@pytest.mark.slow
@pytest.mark.parametrize("root", ["src", "tests", "bench"])
def test_files_and_functions_stay_small(root: str) -> None:
    """No file, function or class outgrows what one can hold in mind."""
    guilty = [f"{path.relative_to(ROOT)}: {what}" for path in python_files(root) for what in outgrown(path)]
    assert not guilty


def test_names_say_the_thing() -> None:
    """No module hides behind a name that could hold anything."""
    vague = [path for path in python_files("src") if path.stem in VAGUE_NAMES]
    assert not vague


def test_every_module_says_what_it_is() -> None:
    """Every module of the product begins with a docstring."""
    silent = [str(path) for path in python_files("src") if not ast.get_docstring(parsed(path))]
    assert not silent


def test_every_test_states_its_property() -> None:
    """Every test has a docstring."""
    silent = [
        f"{path.name}:{node.lineno} {node.name}"
        for path in python_files("tests")
        for node in parsed(path).body  # a fake's method is no test: a node has one called test_accept
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert not silent


def test_only_composition_roots_build_adapters() -> None:
    """Adapters meet the inside in main.py of a service, in local and in themselves; nowhere else."""
    guilty = []
    for path in python_files("src"):
        if room(path) in ("adapters", "local") or COMPOSITION_ROOTS.search(str(path)):
            continue
        if any(name.startswith("keepcool.adapters") for name in imported(path)):
            guilty.append(str(path.relative_to(SRC)))
    assert not guilty


def test_the_inside_reads_no_clock_and_rolls_no_dice() -> None:
    """Time and entropy are parameters in core, policy, chains, ports, wire, cosigner and hazmat."""
    forbidden = {"time", "random", "secrets", "datetime.datetime.now", "uuid"}
    guilty = []
    for path in python_files("src"):
        if room(path) in (*SANS_IO_ROOMS, "cosigner", "hazmat"):
            guilty += [f"{path.name}: {name}" for name in imported(path) if name in forbidden]
    assert not guilty


def test_private_key_names_stay_in_hazmat() -> None:
    """Libraries mix public and private arithmetic: private names are spoken in hazmat alone."""
    private = re.compile(r"\b(PrivateKey|sign_recoverable|from_secret|to_private|_priv\b|private_key)\b")
    guilty = []
    for path in python_files("src"):
        if room(path) == "hazmat" or "coincurve" not in path.read_text(encoding="utf-8"):
            continue
        if private.search(path.read_text(encoding="utf-8")):
            guilty.append(str(path.relative_to(SRC)))
    assert not guilty


@pytest.mark.parametrize(
    ("name", "home"),
    [("Approval", "cosigner/judge.py"), ("PurseApproval", "keeper/purse_judge.py")],
)
def test_approvals_are_given_by_judges_alone(name: str, home: str) -> None:
    """An approval is constructed in one file of the product."""
    makers = set()
    for path in python_files("src"):
        if "from keepcool.core.approval import" not in path.read_text(encoding="utf-8"):
            continue
        for node in walked(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                makers.add(str(path.relative_to(SRC)))
    assert makers == {home}


def test_no_float_near_money() -> None:
    """No float literal and no call of float() stands in code that handles amounts."""
    guilty = []
    for path in python_files("src"):
        if room(path) not in ("core", "policy", "chains", "cosigner") and "books" not in path.parts:
            continue
        for node in walked(path):
            literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
            call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
            if literal or call:
                guilty.append(f"{path.relative_to(SRC)}: {ast.unparse(node)}")
    assert not guilty


def test_nothing_is_left_for_later() -> None:
    """No marker of unfinished work, no mock, no silenced type error, no swallowed exception."""
    words = "|".join(["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error", "unittest" + ".mock"])
    marks = re.compile(rf"\b({words})\b|# type: " + "ignore|mark\\.x" + "fail")
    guilty = []
    for path in python_files("src", "tests", "bench"):
        text = path.read_text(encoding="utf-8")
        guilty += [f"{path.name}: {found.group()}" for found in marks.finditer(text)]
        for node in walked(path):
            if isinstance(node, ast.ExceptHandler) and [type(line) for line in node.body] == [ast.Pass]:
                caught = ast.unparse(node.type) if node.type else "everything"
                if caught in ("everything", "Exception", "BaseException"):
                    guilty.append(f"{path.name}:{node.lineno} swallows {caught}")
    assert not guilty


def test_the_repository_speaks_of_the_project_alone() -> None:
    """No committed file names a path of somebody's machine or a package registry's host."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    hosts = r"registry\.npm" + "js|pypi\\.o" + "rg/simple|files\\.python" + "hosted"
    words = re.compile("/wo" + r"rk/|(?<!\w)/ro" + "ot/|" + hosts)
    guilty = []
    for name in tracked:
        path = ROOT / name
        if path.is_file() and path.stat().st_size < 2_000_000:
            text = path.read_bytes().decode("utf-8", "replace")
            guilty += [f"{name}: {found.group()}" for found in words.finditer(text)]
    assert not guilty
