"""keepcool's own commands, run as processes of their own: what makes keys is never loaded here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from keepcool.core.errors import Refused

_TIMEOUT_S = 120


def argv(*words: str) -> list[str]:
    """The command line of `keepcool <words>` under this Python."""
    return [sys.executable, "-m", "keepcool.cli.main", *words]


def answer(*words: str, credentials: Path | None = None) -> dict[str, object]:
    """Runs `keepcool <words>` and reads the JSON object it prints. `credentials`: a folder of
    them, as systemd gives one. Raises Refused with what it said."""
    said = " ".join(words[:2])
    try:
        run = subprocess.run(
            argv(*words),
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env=_environment(credentials),
        )
    except subprocess.TimeoutExpired as error:
        raise Refused("init.command", f"`keepcool {said}` did not end within {_TIMEOUT_S} s") from error
    if run.returncode != 0:
        words_said = run.stderr.decode("utf-8", "replace").strip().splitlines() or ["(nothing)"]
        raise Refused("init.command", f"`keepcool {said}` failed: {words_said[-1]}")
    try:
        return msgspec.json.decode(run.stdout, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise Refused("init.command", f"`keepcool {said}` did not answer in JSON") from error


def with_credentials(folder: Path | None) -> dict[str, str]:
    """What tells a command where its credentials lie: systemd's variable."""
    return {} if folder is None else {"CREDENTIALS_DIRECTORY": str(folder)}


def _environment(credentials: Path | None) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KEEPCOOL_")}
    return plain | with_credentials(credentials)


def told(*words: str, given: str = "") -> str:
    """What `keepcool <words>` prints when `given` is typed into it. Raises Refused with what it said."""
    said = " ".join(words[:2])
    try:
        run = subprocess.run(
            argv(*words), input=given, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise Refused("local.command", f"`keepcool {said}` did not end within {_TIMEOUT_S} s") from error
    if run.returncode != 0:
        raise Refused("local.command", f"`keepcool {said}` failed: {run.stderr.strip()[-300:]}")
    return run.stdout


def text_of(given: dict[str, object], name: str) -> str:
    """A text field of an answer. Raises Refused when it is not there."""
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise Refused("init.command", f"a command's answer lacks {name!r}")
    return value
